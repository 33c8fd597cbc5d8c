"""Minibatches and splits worked through in parts, so that the memory of a gradient is that of one part."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.types import PyTree, Split


def accumulate(loss: Callable[[Split], jax.Array], batch: Split, parts: int) -> jax.Array:
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


def chunked_mean(mean: Callable[..., jax.Array], rows: PyTree, chunks: int, *args: PyTree) -> jax.Array:
    """mean(rows, *args), a mean over the examples of `rows` [n, ...], from `pieces` equal pieces one after another.

    Differentiable in `args`, once: the gradient of a piece is taken together with its value.
    """
    first = jax.tree.leaves(rows)[0]
    if first.shape[0] % chunks:
        return mean(rows, *args)
    cut = jax.tree.map(lambda x: jnp.reshape(x, (chunks, -1, *x.shape[1:])), rows)

    def average(function: Callable[[PyTree], PyTree]) -> PyTree:
        def add(total: PyTree, piece: PyTree) -> tuple[PyTree, None]:
            return jax.tree.map(lambda a, b: a + b / chunks, total, function(piece)), None

        like = jax.eval_shape(function, jax.tree.map(lambda x: x[0], cut))
        return lax.scan(add, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), like), cut)[0]

    @jax.custom_vjp
    def whole(args: PyTree) -> PyTree:
        return average(lambda piece: mean(piece, *args))

    def forward(args: PyTree) -> tuple[PyTree, PyTree]:
        both: tuple[PyTree, PyTree] = average(lambda piece: jax.value_and_grad(lambda a: mean(piece, *a))(args))
        return both

    def backward(gradient: PyTree, d: jax.Array) -> tuple[PyTree]:
        return (jax.tree.map(lambda g: d * g, gradient),)

    whole.defvjp(forward, backward)
    value: jax.Array = whole(args)
    return value


def _cut(values: jax.Array, i: jax.Array, parts: int) -> jax.Array:
    if jnp.issubdtype(values.dtype, jax.dtypes.prng_key):
        return jax.random.fold_in(values, i)
    size = values.shape[0] // parts
    return lax.dynamic_slice_in_dim(values, i * size, size)
