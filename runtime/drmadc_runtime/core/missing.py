"""What stands for a missing value in arrays: a number that no other value has, and of words a class that is none.

Not NaN: it would spread into sums, and what looks for the first NaN of a failed run would find these.
"""

import numpy as np

MISSING = float(np.finfo(np.float32).min)
NO_CLASS = -1
