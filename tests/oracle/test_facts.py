"""Facts that the seed systems' catalogue records, and that hold exactly: its facts 1, 2, 6, 8, 9, 10 and 11."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.compiler.passes.strategy.cost import hyper_count, parameter_count
from drmadc_runtime.adjoints import reversible
from drmadc_runtime.run.expectations import outcomes
from tests.conftest import ROOT
from tests.oracle.unrolled import assert_equal_gradients, perturbed

SPECS = ROOT / "specs"


@pytest.mark.parametrize("spec", ["quadratic", "schedules_by_group"])
@pytest.mark.parametrize("objective", ["", "loss"])
def test_every_entry_of_the_small_problems_against_central_differences(spec: str, objective: str) -> None:
    """Fact 1, far inside its tolerance: HIPS/hypergrad's tests/test_grads.py asks for 1e-3 relative at eps 1e-2."""
    text = (SPECS / "checks" / f"{spec}.drm").read_text()
    losses = {"quadratic": "sum(w ^ 4) + sum(offset ^ 2)", "schedules_by_group": "(sum(a) + sum(b) - sum(c)) ^ 2"}
    overrides = [f"tune.minimize={losses[spec]}"] if objective else []
    program = drmadc.compile_text(text, overrides=overrides)
    free = {k: np.array(v) for k, v in program.executor.unconstrain(perturbed(program)).items()}
    found = program.executor.evaluate(program.executor.constrain(free), 0)
    for name, values in free.items():
        measured = np.zeros(values.size)
        for i in range(values.size):
            sides = []
            for sign in (1, -1):
                moved = values.copy()
                moved.flat[i] += sign * 1e-5
                sides.append(program.objective(program.executor.constrain({**free, name: moved}), 0))
            measured[i] = (sides[0] - sides[1]) / 2e-5
        expected = found.unconstrained[name].ravel()
        np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=1e-8 * max(1.0, np.abs(expected).max()))


def test_the_seeds_own_adam_has_its_step_multipliers(tmp_path: Path) -> None:
    """Fact 6: for a constant gradient 1, 5.262, 3.690, 2.908, 2.442, 2.134 times the rate."""
    schedule = (SPECS / "hypergrad" / "schedule.drm").read_text()
    rule = schedule[schedule.index("update adam_star") : schedule.index("train {")]
    text = f"""
    {rule}
    params w: real[1] = 0
    hyper h: real = 0
    train {{ loss = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1  precision = float64 }}
    tune {{ minimize = 3 * h  update = adam_star(rate: 0.04)  steps = 7 }}
    report {{ value = h }}
    """
    run = drmadc.compile_text(text).run(out=tmp_path / "run", quiet=True)
    steps = -np.diff([record["value"] for record in run.metrics]) / 0.04
    np.testing.assert_allclose(steps, [1, 5.262, 3.690, 2.908, 2.442, 2.134], rtol=2e-3)


@pytest.mark.parametrize(
    ("update", "steps"),
    [("heavy_ball(rate: 0.1, momentum: 0.9)", 200), ("adam(rate: 0.1)", 400), ("bfgs()", 30)],
)
def test_outer_optimisers_reach_the_argmin(tmp_path: Path, update: str, steps: int) -> None:
    """Fact 8: of (|x - x*|^2)^1.1 in five dimensions, to 1e-3 relative and 1e-4 absolute."""
    text = f"""
    params w: real[1] = 0
    hyper x: real[5] = [1, -2, 0.5, 3, -0.3]
    let target = [0.4, 0.1, -1.2, 0.9, 2.1]
    train {{ loss = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1  precision = float64 }}
    tune {{ minimize = (sum((x - target) ^ 2) + 1e-12) ^ 1.1  update = {update}  steps = {steps} }}
    """
    run = drmadc.compile_text(text).run(out=tmp_path / "run", quiet=True)
    np.testing.assert_allclose(run.hypers["x"], [0.4, 0.1, -1.2, 0.9, 2.1], rtol=1e-3, atol=1e-4)


START = """
params w: real[3] = start
hyper start: real[3] = [0.5, -0.4, 0.9]
train {{ loss = sum(w ^ 4) + sum(w) ^ 2  update = {update}  steps = 7  precision = float64 }}
tune {{ minimize = sum(sin(w))  update = sgd(rate: 0.1)  steps = 1 }}
"""


def test_rate_zero_is_learning_on_the_validation_set() -> None:
    """Fact 9: with a rate of 0 the hypergradient of the initial weights is the objective's own gradient."""
    program = drmadc.compile_text(START.format(update="heavy_ball(rate: 0, momentum: 0.9)"))
    gradient = program.hypergradient(program.hypers, 0).gradient["start"]
    np.testing.assert_allclose(gradient, np.cos([0.5, -0.4, 0.9]), rtol=1e-15)


def test_momentum_zero_is_gradient_descent() -> None:
    """Fact 9: heavy ball without momentum is SGD, values and hypergradients."""
    updates = ("heavy_ball(rate: 0.03, momentum: 0)", "sgd(rate: 0.03)")
    programs = [drmadc.compile_text(START.format(update=update)) for update in updates]
    ball, descent = (program.hypergradient(program.hypers, 0) for program in programs)
    assert ball.value == pytest.approx(descent.value, rel=1e-15)
    np.testing.assert_allclose(ball.gradient["start"], descent.gradient["start"], rtol=1e-14)


@pytest.mark.parametrize("spec", ["surface_rounded", "parabola", "parabola_rounded"])
def test_golden_runs_without_data(spec: str, tmp_path: Path) -> None:
    """Fact 10: both lists, for plain momentum and for momentum rounded to n / 65536."""
    program = drmadc.compile_file(SPECS / "hypergrad" / f"{spec}.drm")
    run = program.run(out=tmp_path / "run", quiet=True)
    found = outcomes(program.emitted, run.metrics, run.arms, run.sweep)
    assert found
    assert all(outcome.holds for outcome in found), found


COUNTS = {
    "mnist_schedule": (168, 44_860),
    "hypergrad/schedules_by_layer": (1608, 44_860),
    "hypergrad/ard_logistic": (7850, 7850),
    "hypergrad/learned_10_images": (7840, 7850),
    "hypergrad/omniglot_sharing": (300, 4_022_400),
    "drmad/experiment_1": (934, 44_860),
    "torch/l2": (42_200, 42_310),
}


@pytest.mark.parametrize("spec", COUNTS)
def test_counts(spec: str) -> None:
    """Fact 11: numbers of hyperparameters and parameters (Omniglot with 40 classes instead of 55)."""
    program = drmadc.compile_file(SPECS / f"{spec}.drm").ir
    assert (hyper_count(program), parameter_count(program)) == COUNTS[spec]


def test_reversal_restores_every_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fact 2, on the parabola: the hypergradient is that of the stored run, and NaN once a division loses a bit."""

    def gradient(*overrides: str) -> dict[str, np.ndarray]:
        program = drmadc.compile_file(SPECS / "hypergrad" / "parabola_rounded.drm", overrides)
        return program.hypergradient(program.hypers, 0).gradient

    found, stored = gradient(), gradient("tune.reverse=exact(store)")
    assert_equal_gradients(found, stored, 1e-3)  # decays are rounded to n / 65536
    divide = reversible._divide

    def careless(x: jax.Array, word: jax.Array, n: jax.Array) -> tuple[jax.Array, jax.Array]:
        whole, lost = divide(x, word, n)
        return whole & ~1, lost

    monkeypatch.setattr(reversible, "_divide", careless)
    assert all(np.isnan(values).all() for values in gradient().values())


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.95, 0.98, 0.1])
def test_reversal_stores_what_the_decay_loses(momentum: float) -> None:
    """Fact 3: -log2(momentum) bits for each number and step (1, .152, .074, .0291, 3.32), up to whole digits."""
    steps = 4000
    start = {"w": rt.Tree({"a": jnp.zeros(3)}), "v": rt.Tree({"a": jnp.zeros(3)})}

    def kick(w: rt.Tree, t: jax.Array) -> tuple[dict[str, float], dict[str, rt.Tree]]:
        return {"v": momentum}, {"v": 0.01 * (1 - w)}

    def drift(after: dict[str, rt.Tree], t: jax.Array) -> rt.Tree:
        return 0.01 * after["v"]

    with jax.enable_x64(True):
        policy = rt.Reversible(steps, ("w",), ("v",))
        _, path = rt.reversible_forward_pass(kick, drift, jax.tree.map(jnp.float64, start), steps, policy)
    bits = (int(path.information.count) * 16 + float(path.information.bits)) / steps
    information = -np.log2(momentum)
    whole_digits = 16 / np.floor(16 / (information + 1e-3))  # a digit of 16 bits holds so many multiplications
    assert information - 2e-3 <= bits <= whole_digits + 2e-3
