"""Transforms of features by what was learned of the train split, or by each example itself."""

import jax
import jax.numpy as jnp


def _or_one(x: jax.Array) -> jax.Array:
    """x, and 1 where it is 0: what to divide by where an entry never changes."""
    return jnp.where(x == 0, 1, x)


def standardise(x: jax.Array, mean: jax.Array, std: jax.Array) -> jax.Array:
    """(x - mean) / std, each entry of an example by itself; entries that never change become 0."""
    return (x - mean) / _or_one(std)


def rescale(x: jax.Array, least: jax.Array, most: jax.Array) -> jax.Array:
    """(x - min) / (max - min): from 0 to 1 over the train split; entries that never change become 0."""
    return (x - least) / _or_one(most - least)


def whiten(x: jax.Array, mean: jax.Array, matrix: jax.Array) -> jax.Array:
    """(x - mean) @ (C + epsilon I)^(-1/2), with the train split's covariance C; x [n, d]."""
    return (x - mean) @ matrix


def global_contrast(x: jax.Array) -> jax.Array:
    """Each example minus its mean, over its standard deviation (1 where it is constant)."""
    axes = tuple(range(1, x.ndim))
    centred = x - jnp.mean(x, axis=axes, keepdims=True)
    return centred / _or_one(jnp.sqrt(jnp.mean(centred**2, axis=axes, keepdims=True)))


def concat(*values: jax.Array) -> jax.Array:
    """Vectors [n, d] and numbers [n] of each example as one vector [n, sum of d]."""
    return jnp.concatenate([x if x.ndim > 1 else x[:, None] for x in values], axis=1)


def one_hot(x: jax.Array, classes: int, dtype: str) -> jax.Array:
    """Labels [n, ...] as vectors [n, ..., classes] of zeros and a one."""
    encoded: jax.Array = jax.nn.one_hot(x, classes, dtype=dtype)
    return encoded
