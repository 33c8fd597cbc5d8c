"""Missing values: filled, and told apart."""

import jax
import jax.numpy as jnp

from drmadc_runtime.core.missing import MISSING, NO_CLASS


def _missing(x: jax.Array) -> jax.Array:
    return x == (MISSING if jnp.issubdtype(x.dtype, jnp.floating) else NO_CLASS)


def fill_missing(x: jax.Array, value: jax.Array | float) -> jax.Array:
    """x [n, ...], with `value` [...] where it is missing."""
    return jnp.where(_missing(x), jnp.asarray(value, x.dtype), x)


def is_missing(x: jax.Array, dtype: str) -> jax.Array:
    """1 where x is missing, else 0."""
    return _missing(x).astype(dtype)
