"""Random draws as pure functions: minibatch rows of (seed, outer, t), initial values of (seed, outer, name).

Rows come from a keyed integer hash that JAX, NumPy and Numba compute alike, bit for bit, so that data on the host
and data on the device give the same minibatches, forwards and backwards. The hash is two rounds of a 32-bit
finaliser (Wellons' `lowbias32`) over the key and the position.

JAX draws other bits for each floating type, but a program must not change with its precision. So the same uniform
numbers of float32 are drawn in each, and distributions are computed from them in the program's type.
"""

from collections.abc import Mapping
from zlib import crc32

import jax
import jax.numpy as jnp
import numba
import numpy as np
import numpy.typing as npt
from jax import lax
from jax.typing import ArrayLike, DTypeLike

from drmadc_runtime.core.trees import Tree

Shape = tuple[int, ...]
_M1, _M2, GOLDEN = 0x7FEB352D, 0x846CA68B, 0x9E3779B9
MASK = 0xFFFFFFFF
ROWS, SPLIT = 1, 2
NOISE = 1_000_000


def mix(x: jax.Array) -> jax.Array:
    """One round of the hash, elementwise on uint32."""
    x = (x ^ (x >> 16)) * jnp.uint32(_M1)
    x = (x ^ (x >> 15)) * jnp.uint32(_M2)
    mixed: jax.Array = x ^ (x >> 16)
    return mixed


def draw_rows(seed: int, outer: jax.Array, t: jax.Array, count: int, size: int) -> jax.Array:
    """`count` rows of [0, size), drawn with replacement for step `t` of outer step `outer`; int32[count].

    Every row is the remainder of a 32-bit hash, so its probability is off by at most size / 2^32.
    """
    key = mix(jnp.uint32(start(seed, ROWS)) + jnp.asarray(outer).astype(jnp.uint32))
    key = mix(key + jnp.asarray(t).astype(jnp.uint32))
    position = jnp.arange(count, dtype=jnp.uint32) * jnp.uint32(GOLDEN)
    bits = mix(mix(position + key) ^ key)
    rows: jax.Array = (bits % jnp.uint32(size)).astype(jnp.int32)
    return rows


@numba.njit(cache=True)
def mix_host(x: np.uint32) -> np.uint32:
    """The same round on the host."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(_M1))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(_M2))
    return np.uint32(x ^ (x >> np.uint32(16)))


def _mix_numpy(x: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The same round over an array, without a kernel that would have to be compiled first."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(_M1)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(_M2)
    return x ^ (x >> np.uint32(16))


def _mix_int(x: int) -> int:
    """The same round on a number."""
    x = ((x ^ (x >> 16)) * _M1) & MASK
    x = ((x ^ (x >> 15)) * _M2) & MASK
    return x ^ (x >> 16)


def start(seed: int, purpose: int) -> int:
    """The first word of a key; streams of different purpose never share one."""
    return (seed * 0x85EBCA6B + purpose * GOLDEN) & MASK


def key_host(seed: int, purpose: int, *words: int) -> np.uint32:
    """A key on the host: words mixed in one after the other."""
    key = start(seed, purpose)
    for word in words:
        key = _mix_int((key + word) & MASK)
    return np.uint32(key)


@numba.njit(cache=True, nogil=True)
def _rows_host(key: np.uint32, t: int, steps: int, count: int, size: int) -> npt.NDArray[np.int32]:
    rows = np.empty((steps, count), np.int32)
    for s in range(steps):
        own = mix_host(np.uint32(key + np.uint32(t + s)))
        for i in range(count):
            position = np.uint32(np.uint32(i) * np.uint32(GOLDEN))
            rows[s, i] = mix_host(np.uint32(mix_host(np.uint32(position + own)) ^ own)) % np.uint32(size)
    return rows


def draw_rows_host(seed: int, outer: int, t: int, steps: int, count: int, size: int) -> npt.NDArray[np.int32]:
    """The same integers as `draw_rows` for steps t .. t + steps - 1, computed on the host by Numba: [steps, count]."""
    return _rows_host(key_host(seed, ROWS, outer), t, steps, count, size)


def permutation_host(seed: int, outer: int, size: int, part: int) -> npt.NDArray[np.int64]:
    """A permutation of [0, size) as a function of (seed, outer, part): positions sorted by their hash."""
    key = key_host(seed, SPLIT, outer, part)
    position = np.arange(size, dtype=np.uint32) * np.uint32(GOLDEN)
    return np.argsort(_mix_numpy(_mix_numpy(position + key) ^ key), kind="stable")


def _key(seed: int, outer: jax.Array | int, index: int, name: str) -> jax.Array:
    key = jax.random.fold_in(jax.random.key(seed), outer)
    return jax.random.fold_in(jax.random.fold_in(key, index), crc32(name.encode()))


def noise_key(seed: int, outer: jax.Array | int, t: jax.Array) -> jax.Array:
    """The key of the noise of step `t`, a function of (seed, outer, t)."""
    return jax.random.fold_in(_key(seed, outer, NOISE, "noise"), t)


def uniform_draws(key: jax.Array, shape: Shape, dtype: DTypeLike, low: ArrayLike, high: ArrayLike) -> jax.Array:
    """Draws uniform in [low, high), made of multiples of 2^-23, as `jax.random.uniform` in float32."""
    unit = jax.random.uniform(key, shape, jnp.float32).astype(dtype)  # exact: no product is rounded yet
    low, high = jnp.asarray(low, dtype), jnp.asarray(high, dtype)
    return jnp.maximum(low, unit * (high - low) + low)


def normal_draws(key: jax.Array, shape: Shape, dtype: DTypeLike) -> jax.Array:
    """Standard normal draws, from the numbers of (-1, 1) that `jax.random.normal` takes in float32."""
    below = np.nextafter(np.float32(-1), np.float32(0))
    return _quantile(jax.random.uniform(key, shape, jnp.float32, below, 1.0).astype(dtype))


def truncated_draws(key: jax.Array, shape: Shape, dtype: DTypeLike) -> jax.Array:
    """Standard normal draws within (-2, 2), as `jax.random.truncated_normal` in float32."""
    two, zero = jnp.asarray(2, dtype), jnp.asarray(0, dtype)
    end = lax.erf(two / jnp.asarray(np.sqrt(2), dtype))
    inside = jnp.nextafter(two, zero)
    return jnp.clip(_quantile(uniform_draws(key, shape, dtype, -end, end)), -inside, inside)


def _quantile(x: jax.Array) -> jax.Array:
    """Where the normal distribution function is (x + 1) / 2."""
    return jnp.asarray(np.sqrt(2), x.dtype) * lax.erf_inv(x)


def beta_draws(key: jax.Array, shape: Shape, dtype: DTypeLike, alpha: float) -> jax.Array:
    """Draws of Beta(alpha, alpha), cast from float32."""
    return jax.random.beta(key, alpha, alpha, shape, jnp.float32).astype(dtype)


def normal(seed: int, outer: jax.Array | int, index: int, shapes: Mapping[str, Shape]) -> Tree:
    """Standard normal draws of the given shapes: a function of (seed, outer, index, parameter name)."""
    return Tree({n: normal_draws(_key(seed, outer, index, n), s, _floating()) for n, s in shapes.items()})


def truncated_normal(seed: int, outer: jax.Array | int, index: int, shapes: Mapping[str, Shape]) -> Tree:
    """Standard normal draws within (-2, 2), of the given shapes; their standard deviation is 0.8796."""
    return Tree({n: truncated_draws(_key(seed, outer, index, n), s, _floating()) for n, s in shapes.items()})


def uniform(seed: int, outer: jax.Array | int, index: int, shapes: Mapping[str, Shape]) -> Tree:
    """Draws uniform in (-1, 1), of the given shapes."""
    return Tree({n: uniform_draws(_key(seed, outer, index, n), s, _floating(), -1.0, 1.0) for n, s in shapes.items()})


def _floating() -> DTypeLike:
    """JAX's floating type."""
    return jax.dtypes.canonicalize_dtype(float)
