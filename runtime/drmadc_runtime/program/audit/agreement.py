"""Is an approximation close to the exact hypergradient? Cosine, signs and norm, by hyperparameter and layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.types import Arrays, Values

Vector = npt.NDArray[np.float64]
Parts = Mapping[str, Mapping[str, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One hyperparameter, or a part of it: its gradient against the exact one, in what the outer loop moves.

    Attributes:
        name: of the hyperparameter; "all", or indented "of LAYER" for a part of it.
        entries: how many.
        cosine: of the angle between both; 1 where both are zero, 0 where one of them is.
        signs: the fraction of entries whose signs agree.
        norm: ratio of lengths; infinite where the exact one is zero and this one is not, 1 where both are.
    """

    name: str
    entries: int
    cosine: float
    signs: float
    norm: float


def compare(found: Arrays, exact: Arrays, parts: Parts) -> tuple[Agreement, ...]:
    """Agreement of all hyperparameters together, each of them, and each of their parts."""
    rows = []
    if len(found) > 1:
        rows.append(_agreement("all", flat(found), flat(exact)))
    for name in found:
        rows.append(_agreement(name, np.ravel(found[name]), np.ravel(exact[name])))
        chunks = parts.get(name, {})
        for label, piece in chunks.items() if len(chunks) > 1 else ():
            a, b = found[name][..., piece], exact[name][..., piece]
            rows.append(_agreement(f"  of {label}", np.ravel(a), np.ravel(b)))
    return tuple(rows)


def _agreement(name: str, found: Vector, exact: Vector) -> Agreement:
    a, b = found.astype(np.float64), exact.astype(np.float64)
    signs = float(np.mean(np.sign(a) == np.sign(b)))
    size, true = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not size and not true:
        return Agreement(name, a.size, 1.0, signs, 1.0)
    cosine = float((a / size) @ (b / true)) if size and true else 0.0
    return Agreement(name, a.size, cosine, signs, size / true if true else float("inf"))


def flat(arrays: Values) -> Vector:
    """All arrays as one vector, by sorted name."""
    return np.concatenate([np.ravel(np.asarray(arrays[name], np.float64)) for name in sorted(arrays)])
