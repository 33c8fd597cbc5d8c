"""Group axes: laying a hyperparameter along parameters, and its transpose."""

from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc_runtime as rt
from drmadc_runtime.core.axes import sum_to

PARAMETERS = {"a": (3, 2), "b": (2,), "c": ()}
SMALL: dict[str, list[tuple[int, ...]]] = {
    "a": [(3, 2), (3, 1), (1, 2), (1, 1), (2,), (1,), ()],
    "b": [(2,), (1,), ()],
    "c": [()],
}


@st.composite
def layouts(draw: st.DrawFn) -> rt.Layout:
    """Blocks in any order, with gaps between them and behind; parameters of one shape may share a block."""
    chosen = {name: draw(st.sampled_from(shapes)) for name, shapes in SMALL.items()}
    out: dict[str, rt.At] = {}
    end = draw(st.integers(0, 2))
    for name in draw(st.permutations(list(PARAMETERS))):
        shared = next((n for n in out if prod(out[n].shape) == prod(chosen[name])), None)
        if shared is not None and draw(st.booleans()):
            out[name] = rt.At(out[shared].start, chosen[name])
            continue
        out[name] = rt.At(end, chosen[name])
        end += prod(chosen[name]) + draw(st.integers(0, 2))
    return rt.Layout(end, out)


def whole_numbers(seed: int, shape: tuple[int, ...]) -> Any:
    return jnp.asarray(np.random.default_rng(seed).integers(-4, 5, shape), jnp.float32)


@settings(deadline=None, max_examples=15)
@given(layouts(), st.integers(0, 9))
def test_unbroadcast_is_the_transpose_of_broadcast(layout: rt.Layout, seed: int) -> None:
    """<broadcast(x), t> = <x, unbroadcast(t)>, exactly: the numbers are whole."""
    x = whole_numbers(seed, (layout.length,))
    t = rt.Tree({name: whole_numbers(seed + 1 + i, shape) for i, (name, shape) in enumerate(PARAMETERS.items())})
    back = rt.unbroadcast(t, layout)
    assert back.shape == (layout.length,)
    assert back.dtype == t["a"].dtype
    assert float(rt.tree_sum(rt.broadcast(x, layout) * t)) == float(jnp.vdot(x, back))


@settings(deadline=None, max_examples=8)
@given(layouts())
def test_broadcast_takes_each_block_from_its_place(layout: rt.Layout) -> None:
    found = rt.broadcast(jnp.arange(layout.length), layout)
    for name, (start, shape) in layout.entries.items():
        np.testing.assert_array_equal(found[name], np.arange(start, start + prod(shape)).reshape(shape))


@pytest.mark.parametrize(
    ("shape", "small"), [((3, 2), (3, 1)), ((3, 2), (2,)), ((1, 2), (1, 2)), ((4, 1, 3), (1, 1)), ((2, 3), ())]
)
def test_sum_to_undoes_broadcasting(shape: tuple[int, ...], small: tuple[int, ...]) -> None:
    array = whole_numbers(0, shape)
    found = sum_to(array, small)
    repeated = prod(shape) // prod(small)
    assert found.shape == small
    assert float(found.sum()) == float(array.sum())
    np.testing.assert_array_equal(sum_to(jnp.broadcast_to(found, shape), small), repeated * found)


def test_part() -> None:
    np.testing.assert_array_equal(rt.part(jnp.arange(6), 1, 4), [1, 2, 3])
