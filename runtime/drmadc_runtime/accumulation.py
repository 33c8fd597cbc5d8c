"""Minibatches worked through in parts, so that the memory of a gradient is that of one part."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def accumulate(loss: Callable[[Any], jax.Array], batch: Mapping[str, jax.Array], parts: int) -> jax.Array:
    """The mean of the loss over `parts` equal parts of a minibatch [n, ...], one after another.

    Nothing of a part is kept for its gradient but its place: it is computed again on the way back. Each part has a
    noise of its own.
    """

    def part(i: jax.Array) -> dict[str, jax.Array]:
        return {name: _cut(values, i, parts) for name, values in batch.items()}

    @jax.checkpoint
    def one(i: jax.Array) -> jax.Array:
        return loss(part(i))

    def add(total: jax.Array, i: jax.Array) -> tuple[jax.Array, None]:
        return total + one(i), None

    dtype = jax.eval_shape(one, jnp.int32(0)).dtype
    total, _ = lax.scan(add, jnp.zeros((), dtype), jnp.arange(parts))
    return total / parts


def _cut(values: jax.Array, i: jax.Array, parts: int) -> jax.Array:
    if jnp.issubdtype(values.dtype, jax.dtypes.prng_key):
        return jax.random.fold_in(values, i)
    size = values.shape[0] // parts
    return lax.dynamic_slice_in_dim(values, i * size, size)
