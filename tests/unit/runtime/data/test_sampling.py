"""Minibatches without replacement: epochs are permutations, the same integers on the host and on the device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc
from drmadc_runtime.core.random import mix
from drmadc_runtime.data.sampling import cyclic_rows, half_bits, permute, shuffled_rows, shuffled_rows_host
from tests.conftest import CASES

_draw = jax.jit(shuffled_rows, static_argnums=(0, 3, 4))


def drawn(seed: int, outer: int, t: int, count: int, size: int) -> np.ndarray:
    return np.asarray(_draw(seed, jnp.int32(outer), jnp.int32(t), count, size))


@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 100])
def test_every_epoch_holds_every_example_once(size: int) -> None:
    count = 3
    steps = -(-4 * size // count)
    rows = np.concatenate([drawn(7, 2, t, count, size) for t in range(steps)])
    epochs = rows[: 4 * size].reshape(4, size)
    for epoch in epochs:
        assert sorted(epoch) == list(range(size))
    if size >= 100:
        assert not np.array_equal(epochs[0], epochs[1])
        other = drawn(7, 3, 0, size, size)
        assert not np.array_equal(epochs[0], other)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    outer=st.integers(0, 10**6),
    t=st.integers(0, 10**6),
    count=st.sampled_from([1, 7, 50]),
    size=st.sampled_from([1, 10, 513, 15000]),
)
def test_host_and_device_agree(outer: int, t: int, count: int, size: int) -> None:
    device = drawn(5, outer, t, count, size)
    np.testing.assert_array_equal(device, shuffled_rows_host(5, outer, t, 1, count, size)[0])


def test_places_are_uniform() -> None:
    """Chi-square over where 20 examples land in 4000 permutations: within 5 standard deviations of its mean."""
    size, keys = 20, 4000
    counts = np.zeros((size, size))
    places = jnp.tile(jnp.arange(size, dtype=jnp.uint32), (keys, 1))
    chosen = mix(jnp.arange(keys, dtype=jnp.uint32))[:, None]
    images = np.asarray(jax.jit(permute, static_argnums=2)(places, chosen, size))
    for image in images:
        counts[np.arange(size), image] += 1
    expected = counts.sum() / size**2
    chi = float(((counts - expected) ** 2 / expected).sum())
    degrees = (size - 1) ** 2
    assert abs(chi - degrees) < 5 * (2 * degrees) ** 0.5


def test_half_bits_hold_the_range() -> None:
    for size in (1, 2, 4, 5, 16, 17, 15000, 2**31 - 1):
        assert 4 ** half_bits(size) >= size


def test_cyclic_is_the_split_in_order() -> None:
    rows = np.concatenate([np.asarray(cyclic_rows(jnp.int32(t), 3, 7)) for t in range(5)])
    assert rows.tolist() == [i % 7 for i in range(15)]


def test_cyclic_and_errors_in_a_spec() -> None:
    source = (CASES / "ok" / "sampling.drm").read_text()
    program = drmadc.compile_text(source, overrides=["train.sampling=cyclic"])
    assert "rt.cyclic_rows(t, BATCH, 9)" in program.python
    with pytest.raises(drmadc.SpecError, match="must be `with_replacement`, `without_replacement` or `cyclic`"):
        drmadc.compile_text(source, overrides=["train.sampling=sorted"])
    with pytest.raises(drmadc.SpecError, match="trains on full batches"):
        drmadc.compile_text(source, overrides=["train.batch=all"])
