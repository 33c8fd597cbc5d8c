"""Which examples a minibatch holds, without replacement or in turn: functions of (seed, outer, step), in O(1) memory.

A keyed bijection of [0, n) shuffles each epoch: a Feistel network (Luby and Rackoff 1988) on the next even number of
bits, walked along its cycle until it is inside [0, n) (Black and Rogaway 2002). JAX and Numba give the same integers.
"""

import jax
import jax.numpy as jnp
import numba
import numpy as np
import numpy.typing as npt
from jax import lax

from drmadc_runtime.core.random import GOLDEN, key_host, mix, mix_host, start

SHUFFLE = 3
ROUNDS = 6


def half_bits(size: int) -> int:
    """Bits of each half of the Feistel network: 4^half is the first power of 4 that holds [0, size)."""
    return max(1, -(-(size - 1).bit_length() // 2))


def permute(place: jax.Array, key: jax.Array, size: int) -> jax.Array:
    """The image of places in [0, size) under the bijection that `key` selects; uint32, elementwise."""
    half = half_bits(size)
    mask = jnp.uint32((1 << half) - 1)

    def once(x: jax.Array) -> jax.Array:
        for i in range(ROUNDS):
            left, right = x >> half, x & mask
            x = (right << half) | (left ^ (mix(right + key + jnp.uint32(i * GOLDEN & 0xFFFFFFFF)) & mask))
        return x

    def walk(x: jax.Array) -> jax.Array:
        return jnp.where(x < size, x, once(x))

    inside: jax.Array = lax.while_loop(lambda x: jnp.any(x >= size), walk, once(place))
    return inside


def shuffled_rows(seed: int, outer: jax.Array, t: jax.Array, count: int, size: int) -> jax.Array:
    """`count` rows for step t, without replacement: steps run through epochs, each a new permutation of [0, size).

    A minibatch may straddle two epochs. int32[count]; up to 2^32 examples in all.
    """
    position = jnp.asarray(t).astype(jnp.uint32) * jnp.uint32(count) + jnp.arange(count, dtype=jnp.uint32)
    key = mix(jnp.uint32(start(seed, SHUFFLE)) + jnp.asarray(outer).astype(jnp.uint32))
    epoch = mix(key + position // jnp.uint32(size))
    rows: jax.Array = permute(position % jnp.uint32(size), epoch, size).astype(jnp.int32)
    return rows


def cyclic_rows(t: jax.Array, count: int, size: int) -> jax.Array:
    """`count` rows for step t, in the split's own order, around again where it ends; int32[count]."""
    position = jnp.asarray(t).astype(jnp.uint32) * jnp.uint32(count) + jnp.arange(count, dtype=jnp.uint32)
    rows: jax.Array = (position % jnp.uint32(size)).astype(jnp.int32)
    return rows


@numba.njit(cache=True, nogil=True)
def _permute_host(place: np.uint32, key: np.uint32, half: int, size: int) -> np.uint32:
    mask = np.uint32((1 << half) - 1)
    shift = np.uint32(half)
    x = np.uint32(place)
    while True:
        for i in range(ROUNDS):
            left, right = np.uint32(x >> shift), np.uint32(x & mask)
            salt = np.uint32((i * GOLDEN) & 0xFFFFFFFF)
            mixed = np.uint32(mix_host(np.uint32(right + key + salt)) & mask)
            x = np.uint32(np.uint32(right << shift) | np.uint32(left ^ mixed))
        if x < size:
            return x


@numba.njit(cache=True, nogil=True)
def _shuffled_host(key: np.uint32, first: int, count: int, half: int, size: int) -> npt.NDArray[np.int32]:
    rows = np.empty(count, np.int32)
    for i in range(count):
        position = first + i
        epoch = mix_host(np.uint32(np.uint32(position // size) + key))
        rows[i] = _permute_host(np.uint32(position % size), epoch, half, size)
    return rows


def shuffled_rows_host(seed: int, outer: int, t: int, steps: int, count: int, size: int) -> npt.NDArray[np.int32]:
    """The same integers as `shuffled_rows` for steps t .. t + steps - 1, computed on the host: [steps, count]."""
    rows = _shuffled_host(key_host(seed, SHUFFLE, outer), t * count, steps * count, half_bits(size), size)
    return rows.reshape(steps, count)


def cyclic_rows_host(seed: int, outer: int, t: int, steps: int, count: int, size: int) -> npt.NDArray[np.int32]:
    """The same integers as `cyclic_rows`; they depend on t only."""
    return ((t * count + np.arange(steps * count)) % size).astype(np.int32).reshape(steps, count)
