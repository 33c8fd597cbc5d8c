"""What a run costs, as it was predicted and as it was measured: the same quantities on both sides."""

from collections.abc import Sequence
from statistics import median

from drmadc_runtime.core.device import used_memory
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.run.reporting.forecast import Forecast

COSTS = "costs.json"


def costs(found: Forecast, compiled: Compiled | None, seconds: Sequence[float]) -> dict[str, dict[str, float | None]]:
    """For costs.json.

    Args:
        found: what was predicted.
        compiled: the hypergradient, once it is compiled.
        seconds: of the outer steps; the first holds the compilation.

    Returns:
        `predicted` and `measured`, null where unknown: seconds of the `compilation` of the hypergradient, and of an
        `outer_step` (the median of all but the first); bytes of `memory`, XLA's own account of the hypergradient beyond
        data and hyperparameters; and the most bytes of the whole `process`, which nobody predicts.
    """
    later = seconds[1:]
    return {
        "compilation": {"predicted": found.compiling, "measured": None if compiled is None else compiled.seconds},
        "outer_step": {"predicted": found.seconds, "measured": median(later) if later else None},
        "memory": {"predicted": found.memory, "measured": None if compiled is None else compiled.memory},
        "process": {"measured": used_memory()},
    }
