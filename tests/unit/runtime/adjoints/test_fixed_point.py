"""The adjoint at the last state: which steps' minibatches it takes, and how far from rest training is."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from tests.unit.runtime.adjoints.heavy_ball import AFTER, BEFORE, HYPERS, forward_step, seen, start, states, tree

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize(("terms", "numbers"), [(2, [3, 2]), (6, [3, 2, 1, 0, 3, 2])])
def test_every_term_is_a_step_at_the_last_state(terms: int, numbers: list[int]) -> None:
    policy = rt.FixedPoint(terms, BEFORE, AFTER)
    last, found = seen(policy, 4)
    expected = states(4)[4]
    assert found["t"].tolist() == numbers
    np.testing.assert_allclose(last["w"]["a"], expected["w"], rtol=1e-14)
    for name in ("before w", "before v", "after v", "after u"):
        np.testing.assert_allclose(found[name], np.tile(expected[name[-1]], (terms, 1)), rtol=1e-14)
    assert not policy.exact


def test_a_neumann_series_solves_a_linear_system() -> None:
    """d_w of sum_i (I - rate H)^i b, the sum of the terms, tends to (rate H)^-1 b."""
    matrix, rate = jnp.array([[1.0, 0.3], [0.3, 0.5]]), 0.5

    def step(state: Any, t: jax.Array) -> Any:
        return {"w": tree(state["w"]["a"] - rate * matrix @ state["w"]["a"])}

    def back(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        d_w = adjoint["w"]["a"]
        return {"w": tree(d_w - rate * matrix @ d_w), "sum": adjoint["sum"] + d_w}

    target = jnp.array([1.0, -2.0])

    @jax.jit
    def whole() -> Any:
        _, path = rt.forward_pass(step, {"w": tree(target)}, 3, rt.FixedPoint(400, ("w",), ()))
        return rt.reverse_pass(step, back, path, {"w": tree(target), "sum": jnp.zeros(2)})["sum"]

    np.testing.assert_allclose(whole(), np.linalg.solve(rate * matrix, target), rtol=1e-9)


def test_the_residual_is_one_more_step_over_the_first() -> None:
    exact = states(5)
    last = {name: tree(value) for name, value in exact[5].items()}
    found = rt.residual(forward_step(HYPERS), start(), last, 5)
    more = forward_step(HYPERS)(last, 4)["w"]["a"] - exact[5]["w"]  # the minibatch of the last step
    first = exact[1]["w"] - exact[0]["w"]
    assert float(found) == pytest.approx(float(np.linalg.norm(more) / np.linalg.norm(first)), rel=1e-12)
    still = rt.residual(lambda state, t: state, start(), start(), 5)
    assert float(still) == 0  # not 0 / 0
