"""Statistics of the train split, in float64, in one pass over its examples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_runtime.data.resident import Rows, piece_length

Fit = Callable[[Mapping[str, jax.Array]], dict[str, jax.Array]]
Kinds = Mapping[str, tuple[Any, ...]]
CHUNK = 4_000_000
Array = npt.NDArray[np.float64]


class Statistics:
    """Each statistic of `kinds` over what `fit` gives of the examples: mean, std, max, min, or zca with its epsilon.

    Pieces of the split are measured by one compiled function, and merged by Chan, Golub and LeVeque's formula for means
    and sums of squares (1979).
    """

    def __init__(self, fit: Fit, kinds: Kinds) -> None:
        self._kinds = kinds

        def measured(piece: Mapping[str, jax.Array]) -> dict[str, Any]:
            return {name: _of_piece(kinds[name][0], x) for name, x in fit(piece).items()}

        self._measured = jax.jit(measured)

    def of(self, train: Iterable[Mapping[str, Rows]], dtype: str) -> dict[str, Rows]:
        """The statistics over the pieces of a split, in the type that features are computed in."""
        state: dict[str, Any] = {}
        seen = 0
        with jax.enable_x64(True):
            for piece in train:
                found = jax.tree.map(np.asarray, self._measured(dict(piece)))
                count = len(next(iter(piece.values())))
                for name, own in found.items():
                    state[name] = _merged(self._kinds[name][0], state[name], seen, own, count) if seen else own
                seen += count
        return {name: _result(kind, state[name], seen).astype(dtype) for name, kind in self._kinds.items()}


def chunks_of(train: Mapping[str, Rows]) -> Iterator[dict[str, Rows]]:
    """Arrays in memory, in the same pieces as `Data.pieces` would give them."""
    step = piece_length(train, CHUNK)
    for start in range(0, len(next(iter(train.values()))), step):
        yield {name: values[start : start + step] for name, values in train.items()}


def _of_piece(kind: str, x: jax.Array) -> Any:
    """mean: mean; std: mean, sum of squares; zca: mean, scatter matrix; max, min."""
    match kind:
        case "max":
            return jnp.max(x, axis=0)
        case "min":
            return jnp.min(x, axis=0)
        case "mean":
            return (jnp.mean(x, axis=0),)
        case _:
            mean = jnp.mean(x, axis=0)
            centred = x - mean
            return mean, centred.T @ centred if kind == "zca" else jnp.sum(centred**2, axis=0)


def _merged(kind: str, before: Any, seen: int, found: Any, count: int) -> Any:
    if kind in ("max", "min"):
        return np.maximum(before, found) if kind == "max" else np.minimum(before, found)
    shift = found[0] - before[0]
    mean = before[0] + shift * (count / (seen + count))
    if kind == "mean":
        return (mean,)
    square = np.outer(shift, shift) if kind == "zca" else shift**2
    return mean, before[1] + found[1] + square * (seen * count / (seen + count))


def _result(kind: tuple[Any, ...], state: Any, seen: int) -> Array:
    match kind:
        case ("max" | "min",):
            return np.asarray(state, np.float64)
        case ("mean",):
            return np.asarray(state[0], np.float64)
        case ("std",):
            return np.asarray(np.sqrt(state[1] / seen), np.float64)
        case _:
            return whitening(np.asarray(state[1], np.float64) / seen, float(kind[1]))


def whitening(covariance: Array, epsilon: float) -> Array:
    """(C + epsilon I)^(-1/2), symmetric: zero-phase whitening (Bell and Sejnowski 1997)."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors / np.sqrt(np.maximum(values, 0) + epsilon)) @ vectors.T
    return root
