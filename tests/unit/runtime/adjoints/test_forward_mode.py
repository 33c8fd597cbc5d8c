"""Forward mode: the gradient of JAX's unrolled loop, a tangent of the whole state for each hyperparameter."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from tests.unit.runtime.adjoints.heavy_ball import HYPERS, forward_step, objective, start, tree, unrolled

pytestmark = pytest.mark.usefixtures("float64")


@jax.jit
def tangents(hypers: dict[str, jax.Array]) -> Any:
    def training(hypers: Any) -> Any:
        return {**start(), "w": tree(start()["w"]["a"] * (1 + hypers["m"] - HYPERS["m"]))}, forward_step(hypers)

    return rt.forward_mode_pass(training, hypers, 6)


def test_tangents_give_the_gradient() -> None:
    """The momentum moves the first state, too: its tangent is carried along from there."""
    hypers = {name: jnp.asarray(value) for name, value in HYPERS.items()}
    last, along = tangents(hypers)
    d_w = tree(jax.grad(objective)(last["w"]["a"]))
    direct = {name: jnp.full(jnp.shape(value), 7.0) for name, value in hypers.items()}
    found = rt.forward_gradient(along, d_w, direct)
    expected = dict(unrolled(6))

    def from_start(scale: jax.Array) -> jax.Array:
        state = {**start(), "w": tree(start()["w"]["a"] * scale)}
        for t in range(6):
            state = forward_step(HYPERS)(state, t)
        return objective(state["w"]["a"])

    expected["m"] = expected["m"] + jax.jit(jax.grad(from_start))(1.0)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value + 7, rtol=1e-12)
    assert along["w"]["a"].shape == (5, 3)  # h has three entries, rate and m one each
