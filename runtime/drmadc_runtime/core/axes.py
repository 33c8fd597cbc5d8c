"""Group axes: a hyperparameter laid along parameters, and the transpose.

A layout maps a parameter to (start, shape): its entries begin at `start` on the axis and broadcast as `shape`
against the parameter. Several parameters may share entries (one entry a layer).
"""

from collections.abc import Mapping
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.trees import Tree

Layout = Mapping[str, tuple[int, tuple[int, ...]]]


def broadcast(values: jax.Array, layout: Layout) -> Tree:
    """Entries of an axis [n] as one array for each parameter, shaped to broadcast against it."""
    return Tree(
        {
            name: jnp.reshape(lax.slice(values, (start,), (start + prod(shape),)), shape)
            for name, (start, shape) in layout.items()
        }
    )


def unbroadcast(tree: Tree, layout: Layout, length: int) -> jax.Array:
    """The transpose of `spread`: each parameter-shaped array summed into its entries of an axis [length]."""
    sums: dict[tuple[int, int], jax.Array] = {}
    for name, (start, shape) in layout.items():
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
    if end < length:
        chunks.append(jnp.zeros(length - end, dtype))
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
