"""Initial values whose scale follows from the shape, made of draws: the formulas of `jax.nn.initializers`.

The last two axes of an array are inputs and outputs; those before them, as of a convolution's window, multiply both
fans. The first `stacked` axes (one of tasks) count several such arrays and are no part of the shape.
"""

from math import prod, sqrt
from typing import Literal

import jax
import jax.numpy as jnp

from drmadc_runtime.core.trees import Tree, tree_map

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of a standard normal within (-2, 2)."""


def variance_scaled(draws: Tree, scale: float, fan: Literal["fan_in", "fan_avg"], *, stacked: int = 0) -> Tree:
    """Truncated normal draws scaled to the variance scale / fan, where `fan_avg` is (fan_in + fan_out) / 2."""

    def scaled(x: jax.Array) -> jax.Array:
        *window, inputs, outputs = x.shape[stacked:]
        size = inputs if fan == "fan_in" else (inputs + outputs) / 2
        return x * (sqrt(scale / (size * prod(window))) / TRUNCATED_STD)

    return tree_map(scaled, draws)


def orthogonal(draws: Tree, *, stacked: int = 0) -> Tree:
    """Normal draws made orthonormal by a QR decomposition: a uniformly random rotation (Saxe et al. 2014).

    An array is the matrix [all other axes, outputs]: its columns are orthonormal, or its rows if they are fewer.
    """

    def rotated(x: jax.Array) -> jax.Array:
        matrices = x.reshape(*x.shape[:stacked], -1, x.shape[-1])
        wide = matrices.shape[-2] < matrices.shape[-1]
        q, r = jnp.linalg.qr(jnp.swapaxes(matrices, -1, -2) if wide else matrices)
        q = q * jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
        return (jnp.swapaxes(q, -1, -2) if wide else q).reshape(x.shape)

    return tree_map(rotated, draws)
