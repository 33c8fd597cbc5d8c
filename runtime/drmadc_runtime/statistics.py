"""Statistics of the train split, in float64, in one pass over its examples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_runtime.data import Rows, piece_length

Fit = Callable[[Mapping[str, jax.Array]], dict[str, jax.Array]]
Kinds = Mapping[str, tuple[Any, ...]]
PIECE = 4_000_000
Array = npt.NDArray[np.float64]


def fitted(
    fit: Fit, kinds: Kinds, train: Iterable[Mapping[str, Rows]], dtype: str
) -> dict[str, npt.NDArray[np.generic]]:
    """Each statistic of `kinds` over what `fit` gives of the examples: mean, std, max, min, or zca with its epsilon.

    `train` are pieces of the split; they are merged by Chan, Golub and LeVeque's formula for means and sums of squares.
    """
    state: dict[str, Any] = {}
    seen = 0
    with jax.enable_x64(True):
        for piece in train:
            values = {name: np.asarray(x, np.float64) for name, x in _fit(fit, piece).items()}
            count = len(next(iter(values.values())))
            for name, x in values.items():
                found = _of_piece(kinds[name][0], x)
                state[name] = _merged(kinds[name][0], state[name], seen, found, count) if seen else found
            seen += count
    return {name: _result(kinds[name], state[name], seen).astype(dtype) for name in kinds}


def _fit(fit: Fit, piece: Mapping[str, Rows]) -> dict[str, jax.Array]:
    return fit({name: jnp.asarray(values) for name, values in piece.items()})


def pieces_of(train: Mapping[str, Rows]) -> Iterator[dict[str, Rows]]:
    """Arrays in memory, in the same pieces as `Data.pieces` would give them."""
    step = piece_length(train, PIECE)
    for start in range(0, len(next(iter(train.values()))), step):
        yield {name: values[start : start + step] for name, values in train.items()}


def _of_piece(kind: str, x: Array) -> Any:
    """mean: mean; std: mean, sum of squares; zca: mean, scatter matrix; max, min."""
    match kind:
        case "max":
            return x.max(axis=0)
        case "min":
            return x.min(axis=0)
        case "mean":
            return (x.mean(axis=0),)
        case _:
            mean = x.mean(axis=0)
            centred = x - mean
            return mean, centred.T @ centred if kind == "zca" else (centred**2).sum(axis=0)


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
