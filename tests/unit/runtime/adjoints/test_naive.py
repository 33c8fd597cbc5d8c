"""Training run backwards in floating point: near the exact gradient over few steps, lost over many."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.naive import NaiveTrajectory
from tests.unit.runtime.adjoints.heavy_ball import HYPERS, START, grad, states, tree

pytestmark = pytest.mark.usefixtures("float64")


def kick(w: rt.Tree, t: jax.Array) -> tuple[dict[str, Any], dict[str, rt.Tree]]:
    return {"v": HYPERS["m"]}, {"v": tree(-grad(w["a"], HYPERS["h"], t))}


def drift(after: dict[str, rt.Tree], t: jax.Array) -> rt.Tree:
    return HYPERS["rate"] * after["v"]


def trained(steps: int) -> tuple[Any, NaiveTrajectory]:
    start = {"w": tree(START), "v": tree(0.1 * START)}
    return rt.naive_forward_pass(kick, drift, start, steps, rt.Naive(("w", "v"), ("v",)))


def test_the_states_come_back_one_by_one() -> None:
    steps, exact = 6, states(6)

    def spy(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        row = jnp.stack([before["w"]["a"], before["v"]["a"], after["w"]["a"], after["v"]["a"]])
        return {"w": adjoint["w"], "seen": adjoint["seen"].at[t].set(row)}

    @jax.jit
    def whole() -> Any:
        last, path = trained(steps)
        return last, path.backward(None, spy, {"w": tree(jnp.zeros(3)), "seen": jnp.zeros((steps, 4, 3))})["seen"]

    last, seen = whole()
    np.testing.assert_allclose(last["w"]["a"], exact[steps]["w"], rtol=1e-13)
    for t in range(steps):
        expected = [exact[t]["w"], exact[t]["v"], exact[t + 1]["w"], exact[t + 1]["v"]]
        np.testing.assert_allclose(seen[t], expected, rtol=1e-9, atol=1e-12)
    assert not rt.Naive((), ()).exact


def test_what_is_lost_grows_by_the_inverse_decay_each_step() -> None:
    few, many = (float(jax.jit(lambda steps=steps: trained(steps)[1].reversal_error())()) for steps in (6, 120))
    assert few < 1e-13
    assert many > 1e-7  # 0.8^-120 rounding errors


def test_what_is_lost_is_relative_to_the_start() -> None:
    start = {"w": tree(jnp.array([3.0, 0.0, 4.0])), "v": tree(jnp.zeros(3))}
    last = {"w": tree(jnp.array([3.0, 0.5, 4.0])), "v": tree(jnp.zeros(3))}
    path = NaiveTrajectory(start, last, kick, drift, 0)
    assert float(path.reversal_error()) == pytest.approx(0.1)
    zero = NaiveTrajectory({**start, "w": tree(jnp.zeros(3))}, last, kick, drift, 0)
    assert float(zero.reversal_error()) > 1e29
