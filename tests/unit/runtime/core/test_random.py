"""Draws: every form of the hash against a plain one, and keys that differ where they must. Seeds never change."""

from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.core import random as draws
from drmadc_runtime.core.random import draw_rows_host, mix_host, permutation_host

MASK = 2**32 - 1


def lowbias32(x: int) -> int:
    """Wellons' finaliser, as published."""
    x ^= x >> 16
    x = x * 0x7FEB352D & MASK
    x ^= x >> 15
    x = x * 0x846CA68B & MASK
    return x ^ x >> 16


def keyed(seed: int, purpose: int, *words: int) -> int:
    key = seed * 0x85EBCA6B + purpose * 0x9E3779B9
    for word in words:
        key = lowbias32(key + word & MASK)
    return key


def hashed(key: int, position: int) -> int:
    return lowbias32(lowbias32(position * 0x9E3779B9 + key & MASK) ^ key)


def test_every_form_of_the_hash_is_lowbias32() -> None:
    words = [0, 1, 12345, 0x7FFFFFFF, 0xFFFFFFFF]
    known = [lowbias32(word) for word in words]
    assert [int(mix_host(np.uint32(word))) for word in words] == known
    assert [draws._mix_int(word) for word in words] == known
    assert draws._mix_numpy(np.array(words, np.uint32)).tolist() == known
    assert np.asarray(draws.mix(jnp.array(words, jnp.uint32))).tolist() == known


@pytest.mark.parametrize(
    ("seed", "outer", "t", "size"), [(0, 0, 0, 15000), (7, 3, 1999, 60000), (2**32 - 1, 9, 12345, 7)]
)
def test_rows_on_host_and_device_are_the_plain_hash(seed: int, outer: int, t: int, size: int) -> None:
    device = jax.jit(rt.draw_rows, static_argnums=(0, 3, 4))(seed, outer, t, 30, size)
    host = draw_rows_host(seed, outer, t - 1, 3, 30, size)
    key = keyed(seed, 1, outer, t)
    expected = [hashed(key, i) % size for i in range(30)]
    assert np.asarray(device).tolist() == expected
    assert host[1].tolist() == expected
    assert host.shape == (3, 30)
    assert host.dtype == np.asarray(device).dtype == np.int32


def test_rows_are_uniform_and_differ_between_steps() -> None:
    rows = draw_rows_host(0, 0, 0, 2000, 50, 100).ravel()
    counts = np.bincount(rows, minlength=100)
    statistic = float(np.sum((counts - 1000) ** 2 / 1000))
    assert 50 < statistic < 160  # chi-square with 99 degrees of freedom; beyond in 1 of 10^4 draws
    pairs = {tuple(row) for outer in range(20) for row in draw_rows_host(0, outer, 0, 100, 4, 10**6)}
    assert len(pairs) == 2000


def test_a_permutation_sorts_positions_by_their_hash() -> None:
    order = permutation_host(3, 1, 1000, 4)
    key = keyed(3, 2, 1, 4)
    assert order.tolist() == sorted(range(1000), key=lambda i: hashed(key, i))
    for other in ((4, 1, 1000, 4), (3, 2, 1000, 4), (3, 1, 1000, 5)):
        assert not np.array_equal(order, permutation_host(*other))


def own_key(seed: int, outer: int, index: int, name: str) -> jax.Array:
    key = jax.random.key(seed)
    for word in (outer, index, crc32(name.encode())):
        key = jax.random.fold_in(key, word)
    return key


def test_initial_values_are_draws_of_seed_outer_place_and_name() -> None:
    shapes = {"a": (2, 3), "b": (2, 3)}
    normal, uniform = rt.normal(5, 2, 1, shapes), rt.uniform(5, 2, 1, shapes)
    for name in shapes:
        key = own_key(5, 2, 1, name)
        np.testing.assert_array_equal(normal[name], jax.random.normal(key, (2, 3)))
        np.testing.assert_allclose(uniform[name], 2 * jax.random.uniform(key, (2, 3)) - 1, atol=1e-6)
    many = rt.uniform(0, 0, 0, {"a": (4000,)})["a"]
    assert -1 <= float(many.min()) < -0.99
    assert 0.99 < float(many.max()) < 1


def test_noise_has_a_key_for_each_step() -> None:
    found = jax.random.key_data(rt.noise_key(5, 2, jnp.int32(7)))
    expected = jax.random.fold_in(own_key(5, 2, 1_000_000, "noise"), 7)
    np.testing.assert_array_equal(found, jax.random.key_data(expected))
