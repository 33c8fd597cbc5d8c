"""Augmentation that moves bytes: flip, crop, cutout; the same integers on the device and on the host.

A move is drawn for each example of a minibatch: a function of (seed, outer, t, place in the minibatch, place in the
chain of moves), by the hash of `draws`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
import numpy.typing as npt
from jax import lax

from drmadc_runtime.core.random import GOLDEN, key_host, mix, mix_host, start

AUGMENT = 4
KINDS = {"flip": 0, "crop": 1, "cutout": 2}
Moves = Mapping[str, tuple[tuple[str, int], ...]]


def augmentation_key(seed: int, outer: jax.Array | int, t: jax.Array | int) -> jax.Array:
    """The key of the augmentation of step t; uint32."""
    key = mix(jnp.uint32(start(seed, AUGMENT)) + jnp.asarray(outer).astype(jnp.uint32))
    mixed: jax.Array = mix(key + jnp.asarray(t).astype(jnp.uint32))
    return mixed


def augmentation_key_host(seed: int, outer: int, t: int) -> np.uint32:
    """The same key on the host."""
    return key_host(seed, AUGMENT, outer, t)


def words(key: jax.Array, index: int, count: int) -> jax.Array:
    """A word for each example: uint32[count]."""
    position = jnp.arange(count, dtype=jnp.uint32) * jnp.uint32(GOLDEN)
    salted: jax.Array = mix(mix(position + key + jnp.uint32(index)) ^ key)
    return salted


@numba.njit(cache=True)
def _word(key: np.uint32, index: int, place: int) -> np.uint32:
    position = np.uint32(np.uint32(place) * np.uint32(GOLDEN))
    return mix_host(np.uint32(mix_host(np.uint32(position + key + np.uint32(index))) ^ key))


def geometric(raw: Mapping[str, jax.Array], geometric: Moves, key: jax.Array) -> dict[str, jax.Array]:
    """A minibatch whose fields [n, rows, columns, ...] have gone through their moves."""
    out = dict(raw)
    for name, chain in geometric.items():
        for index, (kind, amount) in enumerate(chain):
            out[name] = _moved(out[name], kind, amount, words(key, index, out[name].shape[0]))
    return out


def _moved(x: jax.Array, kind: str, amount: int, word: jax.Array) -> jax.Array:
    rows, columns = x.shape[1:3]
    one = (slice(None), *(None for _ in x.shape[1:]))
    match kind:
        case "flip":
            return jnp.where((word >> 31 == 1)[one], x[:, :, ::-1], x)
        case "crop":
            span = jnp.uint32(2 * amount + 1)
            down, right = (word % span).astype(jnp.int32), (mix(word) % span).astype(jnp.int32)
            margin = ((amount, amount), (amount, amount), *((0, 0) for _ in x.shape[3:]))

            def cut(x: jax.Array, down: jax.Array, right: jax.Array) -> jax.Array:
                start = [down, right, *(jnp.int32(0) for _ in x.shape[2:])]
                return lax.dynamic_slice(jnp.pad(x, margin), start, x.shape)

            return jax.vmap(cut)(x, down, right)
        case _:
            top = (word % jnp.uint32(rows)).astype(jnp.int32) - amount // 2
            left = (mix(word) % jnp.uint32(columns)).astype(jnp.int32) - amount // 2
            r = jnp.arange(rows)[None, :] - top[:, None]
            c = jnp.arange(columns)[None, :] - left[:, None]
            hole = ((r >= 0) & (r < amount))[:, :, None] & ((c >= 0) & (c < amount))[:, None, :]
            return jnp.where(hole.reshape(*hole.shape, *(1 for _ in x.shape[3:])), jnp.zeros((), x.dtype), x)


@numba.njit(cache=True, nogil=True)
def moved_row(image: Any, out: Any, kinds: Any, amounts: Any, key: np.uint32, place: int) -> None:
    """One example [rows, columns, bytes] through a chain of moves into `out`.

    Flips and crops together read pixel (r + down, sign * c + right) of the image; the chain is followed from its end,
    which gives the part that lies inside of the image, and the holes, in the coordinates of the result.
    """
    rows, columns = image.shape[0], image.shape[1]
    down, sign, right = 0, 1, 0
    top, bottom, left, end = 0, rows, 0, columns
    holes = np.empty((len(kinds), 4), np.int64)
    count = 0
    for index in range(len(kinds) - 1, -1, -1):
        word = _word(key, index, place)
        amount = amounts[index]
        if kinds[index] == 0:
            if word >> np.uint32(31) == 1:
                sign, right = -sign, columns - 1 - right
        elif kinds[index] == 1:
            span = np.uint32(2 * amount + 1)
            down += np.int64(word % span) - amount
            right += np.int64(mix_host(word) % span) - amount
            top, bottom = max(top, -down), min(bottom, rows - down)
            if sign == 1:
                left, end = max(left, -right), min(end, columns - right)
            else:
                left, end = max(left, right - columns + 1), min(end, right + 1)
        else:
            first = np.int64(word % np.uint32(rows)) - amount // 2
            other = np.int64(mix_host(word) % np.uint32(columns)) - amount // 2
            holes[count, 0], holes[count, 1] = first - down, first - down + amount
            if sign == 1:
                holes[count, 2], holes[count, 3] = other - right, other - right + amount
            else:
                holes[count, 2], holes[count, 3] = right - other - amount + 1, right - other + 1
            count += 1
    for r in range(rows):
        if r < top or r >= bottom or left >= end:
            out[r] = 0
            continue
        out[r, :left] = 0
        out[r, end:] = 0
        if sign == 1:
            out[r, left:end] = image[r + down, left + right : end + right]
        else:
            for c in range(left, end):
                for b in range(image.shape[2]):
                    out[r, c, b] = image[r + down, right - c, b]
    for hole in range(count):
        for r in range(max(0, holes[hole, 0]), min(rows, holes[hole, 1])):
            out[r, max(0, holes[hole, 2]) : max(0, min(columns, holes[hole, 3]))] = 0


def encoded(chain: tuple[tuple[str, int], ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """A chain as two arrays for the kernel: kinds and amounts."""
    kinds = np.array([KINDS[kind] for kind, _ in chain], np.int64)
    return kinds, np.array([amount for _, amount in chain], np.int64)
