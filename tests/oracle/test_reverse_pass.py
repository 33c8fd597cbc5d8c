"""The derived reverse pass against jax.grad of the unrolled loop, and against finite differences; float64."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.passes.dependence import function_hypers
from tests.conftest import CASES, compiled

NAMES = ["l2_by_input", "schedules", "surface", "adam_all", "own_rule", "units", "regression"]


def unrolled(program: drmadc.Program, hypers: Mapping[str, Any], outer: int) -> Any:
    """Gradient of the outer objective by JAX through a Python loop over the emitted forward step."""
    module = program.session.module
    data = program.session.data(outer)

    def objective(hypers: Mapping[str, Any], *data: Any) -> jax.Array:
        state = first_state(module, hypers, outer, *data)
        for t in range(module["STEPS"]):
            batch = [module["minibatch"](*data, outer, t)] if data else []
            state = module["step"](state, hypers, *batch, jnp.int32(t))
        direct = [hypers[name] for name in program_direct(program)]
        return module["objective"](state["w"], *direct, *data)

    return jax.jit(jax.value_and_grad(objective))(hypers, *data)


def first_state(module: Mapping[str, Any], hypers: Mapping[str, Any], outer: int, *data: Any) -> Any:
    """The state before the first step: what `train` starts from."""
    seen: dict[str, Any] = {}

    def sweep(advance: Any, state: Any, steps: int, keep: Any) -> Any:
        seen["state"] = state
        return state, None

    kept = rt.sweep
    rt.sweep = sweep
    try:
        module["train"](hypers, outer, *data)
    finally:
        rt.sweep = kept
    return seen["state"]


def program_direct(program: drmadc.Program) -> tuple[str, ...]:
    return function_hypers(program.ir, program.ir.objective)


def perturbed(program: drmadc.Program, seed: int = 0) -> dict[str, np.ndarray]:
    """Hyperparameters that differ from entry to entry, so that a wrong axis cannot hide."""
    draws = np.random.default_rng(seed)
    free = program.session.unconstrain(program.hypers)
    moved = {k: np.asarray(v) + 0.3 * draws.normal(size=np.shape(v)) for k, v in free.items()}
    return {k: np.asarray(v) for k, v in program.session.constrain(moved).items()}


def exact(program: drmadc.Program) -> rt.Store:
    keep = program.session.module["KEEP"]
    return rt.Store(keep.before, keep.after)


def assert_equal_gradients(actual: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float) -> None:
    for name in expected:
        a, b = np.asarray(actual[name]), np.asarray(expected[name])
        scale = max(np.abs(b).max(), 1e-300)
        assert np.abs(a - b).max() <= tolerance * scale, name
        assert np.abs(b).max() > 0, f"{name} is not tested by a gradient of 0"


@pytest.mark.parametrize("case", NAMES)
def test_recorded_path_equals_unrolled_gradient(case: str) -> None:
    program = compiled(case)
    hypers = perturbed(program)
    result = program.session.evaluate(hypers, 1, exact(program))
    with program.session.precision():
        value, expected = unrolled(program, program.session.cast(hypers), 1)
    assert result.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(result.gradient, expected, 1e-10)


@pytest.mark.parametrize("case", NAMES)
def test_straight_line_is_exact_for_one_step(case: str) -> None:
    program = compiled_one_step(case, "train.steps=1", "tune.reverse=drmad(knots: 2)")
    hypers = perturbed(program)
    line = program.hypergradient(hypers, 0)
    stored = program.session.evaluate(hypers, 0, exact(program))
    for name, expected in stored.gradient.items():
        np.testing.assert_allclose(line.gradient[name], expected, rtol=1e-12, atol=1e-300)


def source_of(case: str) -> str:
    return (CASES / "ok" / f"{case}.drm").read_text()


def compiled_one_step(case: str, *overrides: str) -> drmadc.Program:
    return drmadc.compile_text(source_of(case).replace("step(bins: 3)", "step(bins: 1)"), overrides=overrides)


def smooth(case: str) -> drmadc.Program:
    """The case without relu: where a training step crosses a kink the trained objective jumps."""
    source = source_of(case)
    return drmadc.compile_text(source.replace("relu(", "tanh(")) if "relu(" in source else compiled(case)


@pytest.mark.parametrize("case", NAMES)
def test_knots_at_every_step_are_exact_in_the_parameters(case: str) -> None:
    """With a knot at every state the path is the recorded one, and means over one step are the states."""
    steps = compiled(case).ir.steps
    program = compiled(case, f"tune.reverse=drmad(knots: {steps + 1})")
    hypers = perturbed(program)
    line = program.hypergradient(hypers, 2)
    stored = program.session.evaluate(hypers, 2, exact(program))
    assert_equal_gradients(line.gradient, stored.gradient, 1e-10)


@pytest.mark.parametrize("case", NAMES)
def test_finite_differences_of_the_trained_objective(case: str) -> None:
    program = smooth(case)
    hypers = perturbed(program)
    gradient = program.session.evaluate(hypers, 1, exact(program))
    draws = np.random.default_rng(1)
    free = {k: np.asarray(v) for k, v in program.session.unconstrain(hypers).items()}
    for name in free:
        direction = draws.normal(size=free[name].shape)
        step = 1e-5

        def at(sign: float, name: str = name, direction: np.ndarray = direction, step: float = step) -> float:
            moved = dict(free)
            moved[name] = free[name] + sign * step * direction
            return program.objective(program.session.constrain(moved), 1)

        measured = (at(1) - at(-1)) / (2 * step)
        derived = float(np.sum(gradient.unconstrained[name] * direction))
        assert measured == pytest.approx(derived, rel=2e-6, abs=1e-9), name


def test_objective_is_the_value_of_the_hypergradient() -> None:
    program = compiled("l2_by_input")
    result = program.hypergradient(program.hypers, 3)
    assert program.objective(program.hypers, 3) == result.value
    other = program.objective(program.hypers, 4)
    assert other != result.value
