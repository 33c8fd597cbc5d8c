"""Missing values: a number that no other value has, the least of float32; of words, class -1.

Not NaN: it would spread into sums, and what looks for the first NaN of a failed run would find these.
"""

import jax
import jax.numpy as jnp
import numpy as np

MISSING = float(np.finfo(np.float32).min)
NO_CLASS = -1


def _missing(x: jax.Array) -> jax.Array:
    return x == (MISSING if jnp.issubdtype(x.dtype, jnp.floating) else NO_CLASS)


def fill_missing(x: jax.Array, value: jax.Array | float) -> jax.Array:
    """x [n, ...], with `value` [...] where it is missing."""
    return jnp.where(_missing(x), jnp.asarray(value, x.dtype), x)


def is_missing(x: jax.Array, dtype: str) -> jax.Array:
    """1 where x is missing, else 0."""
    return _missing(x).astype(dtype)
