"""Statistics of the train split, in float64, in one pass over its examples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.missing import MISSING
from drmadc_runtime.data.resident import Rows, piece_length

Fields = Mapping[str, jax.Array]
Fit = Callable[[Fields], dict[str, jax.Array]]
LaterFit = Callable[[Fields, Fields], dict[str, jax.Array]]
Pieces = Callable[[], Iterable[Mapping[str, Rows]]]
"""The pieces of a split, from the first."""
Kinds = Mapping[str, tuple[Any, ...]]
CHUNK = 4_000_000
Array = npt.NDArray[np.float64]


class Statistics:
    """Each statistic of `kinds` over what `fit` gives of the examples.

    Kinds are mean, std, max, min, zca with its epsilon; of the values that are not missing (core/missing.py)
    present_mean, median, and most_frequent with its number of classes; balanced with that number: the weights n /
    (classes * count) of classes, where one without examples counts as having one. Those of `later` read the ones
    before them, and take another pass over the split. Pieces of the split are measured by one compiled function for
    each pass, and merged by Chan, Golub and LeVeque's formula for means and sums of squares (1979).
    """

    def __init__(self, fit: Fit, kinds: Kinds, later: tuple[LaterFit, ...] = ()) -> None:
        self._kinds = kinds

        def first(piece: Fields, known: Fields) -> dict[str, jax.Array]:
            del known
            return fit(piece)

        def measured(of: LaterFit, piece: Fields, known: Fields) -> dict[str, Any]:
            return {name: _of_piece(kinds[name], x) for name, x in of(piece, known).items()}

        self._passes = [jax.jit(partial(measured, of)) for of in (first, *later)]

    def of(self, train: Pieces, dtype: str) -> dict[str, Rows]:
        """The statistics over the pieces of a split, in the type that features are computed in."""
        known: dict[str, Array] = {}
        for measured in self._passes:
            state: dict[str, Any] = {}
            seen = 0
            with jax.enable_x64(True):
                for piece in train():
                    found = jax.tree.map(np.asarray, measured(dict(piece), known))
                    count = len(next(iter(piece.values())))
                    for name, own in found.items():
                        state[name] = _merged(self._kinds[name][0], state[name], seen, own, count) if seen else own
                    seen += count
            known |= {name: _result(self._kinds[name], own, seen) for name, own in state.items()}
        return {name: known[name].astype(dtype) for name in self._kinds}


def chunks_of(train: Mapping[str, Rows]) -> Iterator[dict[str, Rows]]:
    """Arrays in memory, in the same pieces as `Data.pieces` would give them."""
    step = piece_length(train, CHUNK)
    for start in range(0, len(next(iter(train.values()))), step):
        yield {name: values[start : start + step] for name, values in train.items()}


def _of_piece(kind_and_setting: tuple[Any, ...], x: jax.Array) -> Any:
    """mean: mean; std: mean, sum of squares; zca: mean, scatter matrix; max, min.

    Of what is not missing: present_mean: count, mean; median: the values themselves; most_frequent: counts of
    classes, as for balanced.
    """
    match kind := kind_and_setting[0]:
        case "present_mean":
            there = x != MISSING
            count = jnp.sum(there, axis=0)
            return count, jnp.sum(jnp.where(there, x, 0), axis=0) / jnp.maximum(count, 1)
        case "median":
            return (x,)
        case "most_frequent" | "balanced":
            return jnp.bincount(x + 1, length=int(kind_and_setting[1]) + 1)[1:]
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
    if kind == "present_mean":
        total = before[0] + found[0]
        return total, before[1] + (found[1] - before[1]) * (found[0] / np.maximum(total, 1))
    if kind == "median":
        return (*before, *found)
    if kind in ("most_frequent", "balanced"):
        return before + found
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
        case ("present_mean",):
            return np.asarray(state[1], np.float64)
        case ("median",):
            return _median(np.concatenate(state))
        case ("most_frequent", _):
            return np.asarray(np.argmax(state), np.float64)
        case ("balanced", classes):
            return np.asarray(seen / (classes * np.maximum(state, 1)), np.float64)
        case ("mean",):
            return np.asarray(state[0], np.float64)
        case ("std",):
            return np.asarray(np.sqrt(state[1] / seen), np.float64)
        case _:
            return whitening(np.asarray(state[1], np.float64) / seen, float(kind[1]))


def _median(x: Array) -> Array:
    """The median of what is not missing, of each entry; 0 where all of it is."""
    there = x != MISSING
    count = there.sum(axis=0)
    ordered = np.sort(np.where(there, x, np.inf), axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    places = np.stack([low, np.minimum(high, len(x) - 1)])
    middle = np.take_along_axis(ordered, places, axis=0).mean(axis=0)
    return np.where(count > 0, middle, 0.0)


def whitening(covariance: Array, epsilon: float) -> Array:
    """(C + epsilon I)^(-1/2), symmetric: zero-phase whitening (Bell and Sejnowski 1997)."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors / np.sqrt(np.maximum(values, 0) + epsilon)) @ vectors.T
    return root
