"""Online tuning: rounds of training steps with one outer step each, against the same rounds taken by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from tests.unit.runtime.adjoints.heavy_ball import HYPERS, forward_step, objective, start

pytestmark = pytest.mark.usefixtures("float64")
DOMAINS = {"h": rt.real, "rate": rt.positive, "m": rt.unit}
OUTER, DATA = 2, 1.5


def training(hypers: Any, outer: Any, data: Any) -> Any:
    """From a start that both the outer step and the data move."""
    first = start()
    return {**first, "w": first["w"] * data + 0.1 * first["w"] * outer}, forward_step(hypers)


def one_step(hypers: Any, state: Any, data: Any, t: Any) -> Any:
    after = forward_step(hypers)(state, t)
    return data * objective(after["w"]["a"]), after


def hypergradient_of_step(state: Any, hypers: Any, outer: Any, data: Any, t: Any) -> Any:
    (value, after), d_hypers = jax.value_and_grad(one_step, has_aux=True)(hypers, state, data, t)
    return after, value + outer, d_hypers


def tune_step(tune_state: Any, gradient: rt.Tree, number: Any) -> Any:
    """Steps whose lengths tell their numbers apart."""
    return {"w": tune_state["w"] - 0.1 * (1 + number) * gradient}


def by_hand(free: dict[str, jax.Array], steps: int, every: int) -> tuple[Any, dict[str, jax.Array], float]:
    """The chain rule through the bijectors is JAX's."""
    state, value, rounds = training(HYPERS, OUTER, DATA)[0], 0.0, steps // every

    def at(free: dict[str, jax.Array], state: Any, t: int) -> Any:
        return one_step(rt.constrain(DOMAINS, free), state, DATA, t)

    for t in range(steps):
        if t // every < rounds and t % every == every - 1:
            (value, state), gradient = jax.value_and_grad(at, has_aux=True)(free, state, t)
            number = OUTER * rounds + t // every
            free = {name: x - 0.1 * (1 + number) * gradient[name] for name, x in free.items()}
            value += OUTER
        else:
            state = at(free, state, t)[1]
    return state, free, value


@pytest.mark.parametrize(("steps", "every"), [(7, 3), (6, 3), (3, 1), (2, 3)])
def test_hyperparameters_move_at_the_end_of_every_round(steps: int, every: int) -> None:
    """Steps behind the last whole round are taken too; without a round nothing moves, and no objective is known."""
    free = rt.unconstrain(DOMAINS, {name: jnp.asarray(x) for name, x in HYPERS.items()})

    @jax.jit
    def whole(free: dict[str, jax.Array]) -> Any:
        tune_state = {"w": rt.Tree(free)}
        return rt.online(
            DOMAINS,
            training,
            hypergradient_of_step,
            tune_step,
            tune_state,
            jnp.asarray(OUTER),
            jnp.asarray(DATA),  # type: ignore[arg-type]
            every=every,
            steps=steps,
        )

    state, tune_state, value = whole(free)
    expected_state, expected_free, expected_value = by_hand(free, steps, every)
    assert float(value) == pytest.approx(float(expected_value), rel=1e-12)
    for name, expected in expected_free.items():
        np.testing.assert_allclose(tune_state["w"][name], expected, rtol=1e-10, err_msg=name)
    for name in ("w", "v", "u"):
        np.testing.assert_allclose(state[name]["a"], expected_state[name]["a"], rtol=1e-10, err_msg=name)
