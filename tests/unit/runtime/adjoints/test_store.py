"""Recorded states: the exact gradient, or that of the last steps; memory that is given is written over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from tests.unit.runtime.adjoints.heavy_ball import AFTER, BEFORE, HYPERS, forward_step, gradient, seen, start, states
from tests.unit.runtime.adjoints.heavy_ball import unrolled as unrolled_gradient

pytestmark = pytest.mark.usefixtures("float64")


def assert_gradient(found: dict[str, jax.Array], expected: dict[str, jax.Array]) -> None:
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("steps", [1, 6])
def test_a_stored_run_gives_the_exact_gradient(steps: int) -> None:
    policy = rt.Store(BEFORE, AFTER)
    assert policy.exact
    assert_gradient(gradient(policy, steps), unrolled_gradient(steps))


@pytest.mark.parametrize(("steps", "last"), [(6, 2), (6, 6), (3, 5)])
def test_the_last_steps_give_their_own_gradient(steps: int, last: int) -> None:
    policy = rt.Store(BEFORE, AFTER, last)
    assert not policy.exact
    assert_gradient(gradient(policy, steps), unrolled_gradient(steps, first=max(0, steps - last)))


def test_the_record_holds_the_states_that_are_read() -> None:
    policy = rt.Store(BEFORE, AFTER, last=3)
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 5, policy)
    assert set(path.rows.before) == {"w", "v"}  # v after a step is v before the next
    assert set(path.rows.after) == {"u"}
    assert path.rows.before["w"]["a"].shape == (4, 3)
    assert path.rows.after["u"]["a"].shape == (3, 3)
    (last, found), expected = seen(policy, 5), states(5)
    assert found["t"].tolist() == [4, 3, 2]
    for place, t in enumerate((4, 3, 2)):
        np.testing.assert_allclose(found["before w"][place], expected[t]["w"], rtol=1e-14)
        np.testing.assert_allclose(found["after v"][place], expected[t + 1]["v"], rtol=1e-14)
        np.testing.assert_allclose(found["after u"][place], expected[t + 1]["u"], rtol=1e-14)
    np.testing.assert_allclose(last["w"]["a"], expected[5]["w"], rtol=1e-14)


def test_the_record_of_an_earlier_run_is_written_over() -> None:
    policy = rt.Store(BEFORE, AFTER)
    empty = policy.empty(start, 4)
    full = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), empty)
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 4, rt.Store(BEFORE, AFTER, buffer=full))
    assert jax.tree.map(jnp.shape, path.rows) == jax.tree.map(jnp.shape, empty)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(path.rows))
    assert rt.Store(BEFORE, AFTER, buffer=full) == policy  # a static argument: memory does not tell programs apart
