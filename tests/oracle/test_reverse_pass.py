"""The derived reverse pass against jax.grad of the unrolled loop, and against finite differences; float64."""

import re

import numpy as np
import pytest

import drmadc
from tests.conftest import CASES, compiled
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

NAMES = [
    "norm_clipping",
    "awkward_names",
    "l2_by_input",
    "schedules",
    "surface",
    "adam_all",
    "own_rule",
    "units",
    "regression",
    "sampling",
    "examples",
]
FIRST = ["l2_by_input", "schedules", "own_rule", "examples"]  # of the longer checks; the others are long
LATER = ["reparametrised", "learned", "tasks", "accumulated", "stages"]
SLOW = ["awkward_names", "augmented"]
SLOWER = [pytest.param(name, marks=pytest.mark.long) for name in SLOW]
OTHERS = [pytest.param(name, marks=pytest.mark.long) for name in (*NAMES, *LATER, "augmented") if name not in FIRST]


@pytest.mark.parametrize("case", [*(n for n in (*NAMES, *LATER) if n not in SLOW), *SLOWER])
def test_recorded_path_equals_unrolled_gradient(case: str) -> None:
    program = compiled(case)
    hypers = perturbed(program)
    result = program.executor.evaluate(hypers, 1, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 1)
    assert result.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(result.gradient, expected, 1e-10)


@pytest.mark.parametrize("case", [*FIRST, *OTHERS])
def test_straight_line_is_exact_for_one_step(case: str) -> None:
    program = compiled_one_step(case, "train.steps=1", "tune.reverse=drmad(knots: 2)")
    hypers = perturbed(program)
    line = program.hypergradient(hypers, 0)
    stored = program.executor.evaluate(hypers, 0, exact_policy(program))
    for name, expected in stored.gradient.items():
        np.testing.assert_allclose(line.gradient[name], expected, rtol=1e-12, atol=1e-15)


def source_of(case: str) -> str:
    return (CASES / "ok" / f"{case}.drm").read_text()


def compiled_one_step(case: str, *overrides: str) -> drmadc.Program:
    text = re.sub(r"step\(bins: \d\)", "step(bins: 1)", source_of(case))
    return drmadc.compile_text(text, overrides=overrides)


def smooth(case: str) -> drmadc.Program:
    """The case without relu: where a training step crosses a kink the trained objective jumps."""
    source = source_of(case)
    return drmadc.compile_text(source.replace("relu(", "tanh(")) if "relu(" in source else compiled(case)


@pytest.mark.parametrize("case", [*FIRST, *OTHERS])
def test_knots_at_every_step_are_exact_in_the_parameters(case: str) -> None:
    """With a knot at every state the path is the recorded one, and means over one step are the states."""
    steps = compiled(case).ir.steps
    program = compiled(case, f"tune.reverse=drmad(knots: {steps + 1})")
    hypers = perturbed(program)
    line = program.hypergradient(hypers, 2)
    stored = program.executor.evaluate(hypers, 2, exact_policy(program))
    assert_equal_gradients(line.gradient, stored.gradient, 1e-10)


@pytest.mark.parametrize("case", [*NAMES, *(pytest.param(name, marks=pytest.mark.long) for name in LATER)])
def test_finite_differences_of_the_trained_objective(case: str) -> None:
    program = smooth(case)
    hypers = perturbed(program)
    gradient = program.executor.evaluate(hypers, 1, exact_policy(program))
    draws = np.random.default_rng(1)
    free = {k: np.asarray(v) for k, v in program.executor.unconstrain(hypers).items()}
    for name in free:
        direction = draws.normal(size=free[name].shape)
        step = 1e-5

        def at(sign: float, name: str = name, direction: np.ndarray = direction, step: float = step) -> float:
            moved = dict(free)
            moved[name] = free[name] + sign * step * direction
            return program.objective(program.executor.constrain(moved), 1)

        measured = (at(1) - at(-1)) / (2 * step)
        derived = float(np.sum(gradient.unconstrained[name] * direction))
        assert measured == pytest.approx(derived, rel=2e-6, abs=1e-9), name


def test_objective_is_the_value_of_the_hypergradient() -> None:
    program = compiled("l2_by_input")
    result = program.hypergradient(program.hypers, 3)
    assert program.objective(program.hypers, 3) == result.value
    other = program.objective(program.hypers, 4)
    assert other != result.value


def test_parts_of_a_minibatch_add_up() -> None:
    """Without noise the mean over equal parts is the mean over the minibatch."""
    text = source_of("accumulated").replace("noise(x, blur)", "x").replace("hyper blur: positive = 0.1\n", "")
    parts = drmadc.compile_text(text)
    whole = drmadc.compile_text(text.replace("accumulate = 3", ""))
    found, expected = (p.hypergradient(p.hypers, 1) for p in (parts, whole))
    assert found.value == pytest.approx(expected.value, rel=1e-14)
    assert_equal_gradients(found.gradient, expected.gradient, 1e-13)
