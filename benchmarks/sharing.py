"""What the learned matrices of omniglot_sharing say: correlations of their rows, for pairs of an alphabet and its copy.

drmadc run specs/hypergrad/omniglot_sharing.drm --out runs/sharing
python benchmarks/sharing.py runs/sharing
"""

import sys
from pathlib import Path

import numpy as np


def correlations(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised entries of T T' for the pairs (task, its copy), and for all other pairs."""
    products = matrix @ matrix.T
    lengths = np.sqrt(np.diag(products))
    normal = products / lengths[:, None] / lengths
    half = len(matrix) // 2
    rows, columns = np.indices(normal.shape)
    pairs = columns - rows == half
    return normal[pairs], normal[(rows < columns) & ~pairs]


def main() -> None:
    hypers = np.load(Path(sys.argv[1]) / "hypers.npz")
    print("layer   pairs (least, most)   others")
    for name in ("bottom", "middle", "top"):
        pairs, others = correlations(hypers[name])
        print(f"{name:<7} {pairs.mean():.2f} ({pairs.min():.2f}, {pairs.max():.2f})      {others.mean():.2f}")


if __name__ == "__main__":
    main()
