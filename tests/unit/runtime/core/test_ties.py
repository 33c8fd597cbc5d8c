"""Ties: a sum over each class, found by an index of classes; the mean is the sum over its size."""

from math import prod

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc_runtime as rt

FINE = {  # entries of an axis: every number, every row, and blocks that two parameters share
    "weight": {"a": (0, (3, 2)), "b": (6, (2,)), "c": (8, (3, 2))},
    "row": {"a": (0, (3, 1)), "b": (3, (1,)), "c": (4, (3, 1))},
    "shared": {"a": (2, (3, 2)), "b": (0, (2,)), "c": (2, (3, 2))},
}
COARSE = {
    "layer": {"a": (0, (1, 1)), "b": (1, (1,)), "c": (2, (1, 1))},
    "scalars": {"a": (0, ()), "b": (1, ()), "c": (2, ())},
    "network": {"a": (0, ()), "b": (0, ()), "c": (0, ())},
    "row": {"a": (0, (3, 1)), "b": (3, ()), "c": (0, (3, 1))},
    "reversed": {"a": (2, ()), "b": (1, ()), "c": (0, ())},
}


Blocks = dict[str, tuple[int, tuple[int, ...]]]


def layout(blocks: Blocks) -> rt.Layout:
    entries = {name: rt.At(start, shape) for name, (start, shape) in blocks.items()}
    return rt.Layout(max(start + prod(shape) for start, shape in entries.values()), entries)


def classes(fine: Blocks, coarse: Blocks) -> np.ndarray:
    """The class of each entry of the fine axis."""
    out = np.full(layout(fine).length, -1)
    for name, (start, shape) in fine.items():
        first, small = coarse[name]
        numbers = np.arange(first, first + prod(small)).reshape((1,) * (len(shape) - len(small)) + small)
        out[start : start + prod(shape)] = np.broadcast_to(numbers, shape).ravel()
    return out


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize("fine", FINE)
@pytest.mark.parametrize("coarse", COARSE)
def test_each_entry_becomes_the_sum_of_its_class(fine: str, coarse: str, lead: tuple[int, ...]) -> None:
    if fine == "shared" and coarse in ("layer", "scalars", "reversed"):
        coarse = "network"  # parameters that share entries have the same classes
    index = classes(FINE[fine], COARSE[coarse])
    values = np.random.default_rng(0).integers(-5, 6, (*lead, len(index))).astype(np.float32)
    same = (index[:, None] == index[None, :]).astype(np.float32)
    for mean in (False, True):
        found = rt.tied(jnp.asarray(values), layout(FINE[fine]), layout(COARSE[coarse]), mean=mean)
        expected = values @ same / (same.sum(0) if mean else 1)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(deadline=None, max_examples=10)
@given(st.sampled_from([1, 5, 6]), st.integers(1, 6), st.booleans(), st.sampled_from([(), (2,)]))
def test_intervals_of_steps(steps: int, bins: int, mean: bool, rest: tuple[int, ...]) -> None:
    """Step t belongs to interval floor(t bins / steps)."""
    bins = min(steps, bins)
    values = np.random.default_rng(steps).integers(-5, 6, (steps, *rest)).astype(np.float32)
    index = [t * bins // steps for t in range(steps)]
    expected = np.stack(
        [sum(v for v, other in zip(values, index, strict=True) if other == own) for own in index]
    ) / np.reshape([index.count(own) if mean else 1 for own in index], (-1, *[1] * len(rest)))
    np.testing.assert_allclose(rt.tied_steps(jnp.asarray(values), bins, mean=mean), expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_all_entries_or_all_along_an_axis(axis: int | None) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = rt.tied_all(jnp.asarray(values), axis=axis)
    np.testing.assert_array_equal(found, np.broadcast_to(values.sum(axis, keepdims=True), (2, 3)))
    found = rt.tied_all(jnp.asarray(values), axis=axis, mean=True)
    np.testing.assert_array_equal(found, np.broadcast_to(values.mean(axis, keepdims=True), (2, 3)))
