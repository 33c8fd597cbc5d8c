"""Ties: entries of a hyperparameter that move as one, by the sum of their gradients or by the mean.

The sum is the gradient of the one variable that the entries share; the mean is the projection of HIPS/hypergrad and
DrMAD (Maclaurin et al. 2015; Fu et al. 2016). Under a plain step they differ by the number of entries, under a
sign step not at all.
"""

from math import prod

import jax
import jax.numpy as jnp

from drmadc_runtime.core.axes import Layout, sum_to


def tied(values: jax.Array, fine: Layout, coarse: Layout, *, mean: bool = False) -> jax.Array:
    """Each entry of an axis [..., n] replaced by the sum (or mean) over its class; same shape.

    Args:
        values: entries of a group axis, which comes last.
        fine: the layout of that axis; `coarse`: the layout of the classes, along the same parameters.
    """
    first = {
        start: name for name, (start, _) in reversed(list(fine.entries.items()))
    }  # layers share entries: count them once
    sums: dict[int, jax.Array] = {}
    sizes: dict[int, int] = {}
    for start, name in first.items():
        shape = fine.entries[name].shape
        target, small = coarse.entries[name]
        block = jnp.reshape(values[..., start : start + prod(shape)], (*values.shape[:-1], *shape))
        whole = _reduced(block, shape, small)
        sums[target] = sums[target] + whole if target in sums else whole
        sizes[target] = sizes.get(target, 0) + prod(shape) // max(1, prod(small))
    chunks = []
    for _, name in sorted(first.items()):
        shape = fine.entries[name].shape
        target, small = coarse.entries[name]
        whole = sums[target] / sizes[target] if mean else sums[target]
        lead = values.shape[:-1]
        tree_broadcast = jnp.reshape(whole, (*lead, *_aligned(small, len(shape))))
        chunks.append(jnp.reshape(jnp.broadcast_to(tree_broadcast, (*lead, *shape)), (*lead, prod(shape))))
    return jnp.concatenate(chunks, axis=-1)


def _aligned(small: tuple[int, ...], dimensions: int) -> tuple[int, ...]:
    return (1,) * (dimensions - len(small)) + small


def _reduced(block: jax.Array, shape: tuple[int, ...], small: tuple[int, ...]) -> jax.Array:
    """Sum over what a class has in common, for each of the leading entries; [..., classes]."""
    lead = block.shape[: block.ndim - len(shape)]
    rows = jnp.reshape(block, (prod(lead), *shape))
    return jnp.reshape(jax.vmap(lambda row: sum_to(row, small))(rows), (*lead, prod(small)))


def tied_all(values: jax.Array, *, axis: int | None = None, mean: bool = False) -> jax.Array:
    """All entries (or all along an axis) replaced by their sum or mean."""
    function = jnp.mean if mean else jnp.sum
    return jnp.broadcast_to(function(values, axis=axis, keepdims=True), values.shape)


def tied_steps(values: jax.Array, bins: int, *, mean: bool = False) -> jax.Array:
    """Entries of a step axis, which comes first, replaced by the sum or mean over `bins` intervals of steps."""
    steps = values.shape[0]
    classes = jnp.arange(steps) * bins // steps
    sums = jax.ops.segment_sum(values, classes, bins)
    if mean:
        sizes = jax.ops.segment_sum(jnp.ones(steps, values.dtype), classes, bins)
        sums = sums / jnp.reshape(sizes, (bins, *[1] * (values.ndim - 1)))
    return sums[classes]
