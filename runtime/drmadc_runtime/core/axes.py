"""Group axes: a hyperparameter laid along parameters, and the transpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.trees import Tree


class At(NamedTuple):
    """Where a parameter's entries stand on an axis: from `start` on, in the shape that broadcasts against it.

    A weight [784, 50] with one entry a row has `shape=(784, 1)`; a parameter that has one entry has `shape=()`.
    """

    start: int
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """An axis of a hyperparameter over a group of parameters: its length, and where each parameter's entries stand.

    Parameters that share entries (one entry a layer) start at the same place.
    """

    length: int
    entries: Mapping[str, At]


def broadcast(values: jax.Array, layout: Layout) -> Tree:
    """Entries of an axis [length] as one array for each parameter, shaped to broadcast against it."""
    return Tree(
        {
            name: jnp.reshape(lax.slice(values, (start,), (start + prod(shape),)), shape)
            for name, (start, shape) in layout.entries.items()
        }
    )


def unbroadcast(tree: Tree, layout: Layout) -> jax.Array:
    """The transpose of `broadcast`: each parameter-shaped array summed into its entries of an axis [length]."""
    sums: dict[tuple[int, int], jax.Array] = {}
    for name, (start, shape) in layout.entries.items():
        reduced = jnp.ravel(sum_to(tree[name], shape))
        place = (start, reduced.size)
        sums[place] = sums[place] + reduced if place in sums else reduced
    chunks: list[jax.Array] = []
    end = 0
    dtype = jax.tree.leaves(tree)[0].dtype
    for (start, size), value in sorted(sums.items(), key=lambda entry: entry[0]):
        if start > end:
            chunks.append(jnp.zeros(start - end, dtype))
        chunks.append(value)
        end = start + size
    if end < layout.length:
        chunks.append(jnp.zeros(layout.length - end, dtype))
    return jnp.concatenate(chunks)


def part(values: jax.Array, start: int, end: int) -> jax.Array:
    """Entries start .. end-1 of an axis."""
    return lax.slice(values, (start,), (end,))


def sum_to(array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Sum over the axes that broadcasting `shape` against `array` had repeated."""
    leading = array.ndim - len(shape)
    axes = tuple(range(leading)) + tuple(
        leading + i for i, n in enumerate(shape) if n == 1 and array.shape[leading + i] != 1
    )
    return jnp.reshape(jnp.sum(array, axis=axes), shape) if axes else array
