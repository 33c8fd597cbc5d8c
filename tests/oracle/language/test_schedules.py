"""Schedules by name: every step against Optax's, and the hypergradients against jax.grad of the unrolled loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import drmadc
from tests.conftest import names
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

STEPS = 23
PEAK = 0.3
SCHEDULES = {
    "cosine(peak)": optax.cosine_decay_schedule(PEAK, STEPS),
    "linear(peak)": optax.linear_schedule(PEAK, 0.0, STEPS),
    "warmup_cosine(peak, warmup: 5)": optax.warmup_cosine_decay_schedule(0.0, PEAK, 5, STEPS),
    "step_decay(peak, factor: shrink, every: 7)": optax.exponential_decay(PEAK, 7, 0.5, staircase=True),
    "step_decay(peak, every: 4)": optax.exponential_decay(PEAK, 4, 0.1, staircase=True),
}
PROGRAM = """
params w: real[3] = [0.5, -1.2, 0.8]
hyper peak: positive{axes} = {peak}
{shrink}
train {{ loss = {loss}  update = sgd(rate: {schedule})  steps = {steps}  precision = float64 }}
tune {{ minimize = sum(w ^ 3)  reverse = exact(store)  update = sgd(rate: 0.1)  steps = 1 }}
"""


def program_for(schedule: str, loss: str, axes: str = "", steps: int = STEPS) -> drmadc.Program:
    shrink = "hyper shrink: unit = 0.5" if "shrink" in schedule else ""
    text = PROGRAM.format(schedule=schedule, loss=loss, axes=axes, steps=steps, peak=PEAK, shrink=shrink)
    return drmadc.compile_text(text)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_step_is_that_of_optax(schedule: str) -> None:
    program = program_for(schedule, "sum(w)")
    module = names(program)
    with jax.enable_x64(True):
        hypers = program.executor.cast(program.hypers)
        state, _ = module.training(hypers, 0)
        for t in range(STEPS):
            after = module.step(state, hypers, jnp.int32(t))
            moved = np.asarray(state["w"]["w"] - after["w"]["w"])  # the gradient is 1
            np.testing.assert_allclose(moved, float(SCHEDULES[schedule](t)), rtol=0, atol=1e-12)
            state = after


@pytest.mark.parametrize("axes", ["", "[param of params]", "[step(bins: 2)]"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_hypergradient_is_that_of_the_unrolled_loop(schedule: str, axes: str) -> None:
    program = program_for(schedule, "sum((w - 1) ^ 4) + sum(w) ^ 2", axes, steps=8)
    hypers = {name: 0.1 * np.asarray(value) for name, value in perturbed(program, 3).items()}
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-13)
    assert_equal_gradients(result.gradient, expected, 1e-10)


def test_a_model_may_have_the_name_of_a_schedule() -> None:
    program = drmadc.compile_text("""
data small { source = digits() x: real[64] = flatten(image) / 16 y: class[10] = label split = { train: 40, valid: 40 } }
model linear(x: real[64]) -> real[10] { return dense(x, 10) }
hyper peak: positive = 0.1
train { loss = cross_entropy(linear(x), y)  update = sgd(rate: linear(peak))  batch = 10  steps = 4 }
tune { minimize = cross_entropy(linear(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }
""")
    assert "peak * (1 - 0.25 * t)" in program.python
