"""The two passes, a watch for the first step that is not finite, and reverse passes that stop early."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.base import Partial, Watch, finite, only, read, rows_like, write
from tests.unit.runtime.adjoints.heavy_ball import AFTER, BEFORE, HYPERS, forward_step, seen, start, states

pytestmark = pytest.mark.usefixtures("float64")


def test_a_pass_without_a_policy_keeps_nothing() -> None:
    last, path = rt.forward_pass(forward_step(HYPERS), start(), 5, None)
    assert path is None
    np.testing.assert_allclose(last["w"]["a"], states(5)[5]["w"], rtol=1e-14)


@jax.jit
def watched(at: jax.Array) -> object:
    """Five steps, of which one gives NaN in one entry."""

    def step(state: dict[str, rt.Tree], t: jax.Array) -> dict[str, rt.Tree]:
        moved = forward_step(HYPERS)(state, t)
        entry = moved["v"]["a"].at[1].set(jnp.where(t == at, jnp.nan, moved["v"]["a"][1]))
        return {**moved, "v": rt.Tree({"a": entry})}

    return rt.forward_pass(step, start(), 5, Watch())


@pytest.mark.parametrize(("at", "healthy"), [(3, 3), (0, 0), (4, 4), (5, 5)])
def test_a_watch_stops_after_the_first_step_that_is_not_finite(at: int, healthy: int) -> None:
    last, (t, before) = watched(at)
    assert int(t) == healthy
    np.testing.assert_allclose(before["w"]["a"], states(5)[healthy]["w"], rtol=1e-14)
    assert bool(finite(last)) == (at >= 5)
    assert not Watch.exact


def test_a_watch_runs_no_step_from_a_state_that_is_not_finite() -> None:
    first = {**start(), "v": rt.Tree({"a": jnp.array([0.0, jnp.inf, 0.0])})}
    last, (t, _) = rt.forward_pass(forward_step(HYPERS), first, 5, Watch())
    assert int(t) == 0
    np.testing.assert_array_equal(last["w"]["a"], start()["w"]["a"])


@pytest.mark.parametrize("stop", [0, 2])
def test_a_reverse_pass_may_stop_above_a_step(stop: int) -> None:
    policy = Partial(rt.Store(BEFORE, AFTER), jnp.int32(stop))
    assert not policy.exact
    _, found = seen(policy, 5)
    assert found["t"].tolist() == list(range(4, stop - 1, -1))
    for place, t in enumerate(range(4, stop - 1, -1)):
        np.testing.assert_allclose(found["before w"][place], states(5)[t]["w"], rtol=1e-14)


def test_finite() -> None:
    tree = {"a": jnp.ones(3), "b": jnp.zeros((2, 2))}
    assert bool(finite(tree))
    assert not bool(finite({**tree, "b": jnp.array([0.0, jnp.nan])}))
    assert not bool(finite({**tree, "a": jnp.array([-jnp.inf])}))


def test_growth_is_the_ratio_of_lengths() -> None:
    assert float(rt.growth(jnp.array([6.0, 8.0]), jnp.array([0.0, 2.0]))) == 5
    assert float(rt.growth(jnp.array([3.0, 4.0]), jnp.zeros(2))) == 5


def test_rows() -> None:
    state = {"w": jnp.arange(3.0), "v": jnp.ones(2, jnp.int32)}
    rows = rows_like(state, 4)
    assert {name: (x.shape, str(x.dtype)) for name, x in rows.items()} == {
        "w": ((4, 3), "float64"),
        "v": ((4, 2), "int32"),
    }
    assert not any(bool(x.any()) for x in jax.tree.leaves(rows))
    rows = write(rows, 2, state)
    np.testing.assert_array_equal(rows["w"], [[0, 0, 0], [0, 0, 0], [0, 1, 2], [0, 0, 0]])
    np.testing.assert_array_equal(read(rows, jnp.int32(2))["w"], state["w"])
    assert list(only(state, ("v",))) == ["v"]
