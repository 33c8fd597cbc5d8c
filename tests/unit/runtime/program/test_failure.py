"""A run that ceases to be finite says where, in the spec's words, and with the last healthy values."""

from pathlib import Path

import numpy as np
import pytest

import drmadc
from drmadc_runtime.program.debug_nans import first_bad_operation
from drmadc_runtime.program.failure import NotFinite, locate
from drmadc_runtime.run.run import Options, run
from tests.unit.cli.test_cli import DIVERGING, drmadc_command

LOGARITHM = """params w: real[3] = 0.4
hyper rate: positive = 0.2

train {
  loss   = sum(log(w))
  update = sgd(rate: rate)
  steps  = 6
}

tune {
  minimize = sum(w ^ 2)
  update   = sgd(rate: 0.1)
  steps    = 2
}
"""


def failure(text: str, tmp_path: Path, name: str = "spec.drm") -> str:
    program = drmadc.compile_text(text, name)
    with pytest.raises(NotFinite) as caught:
        run(program.emitted, {}, str(tmp_path / "run"), Options(debug_nans=True))
    assert (tmp_path / "run" / "failure.txt").read_text() == f"{caught.value}\n"
    return str(caught.value)


def test_the_first_operation_and_its_line_are_found(tmp_path: Path) -> None:
    text = failure(LOGARITHM.replace("sum(log(w))", "sum(sqrt(w))"), tmp_path)
    assert "training diverged" in text
    assert "  first: NaN in the operation `sqrt` of `" in text
    assert "from spec.drm:5" in text


def test_an_infinity_is_found_where_there_is_no_nan(tmp_path: Path) -> None:
    text = failure(DIVERGING, tmp_path, "diverging.drm")
    assert "  first: infinity in the operation `" in text
    assert "diverging.drm:" in text.partition("  first:")[2]


def test_the_objective_and_the_way_back(tmp_path: Path) -> None:
    wrong = LOGARITHM.replace("sum(log(w))", "sum(w ^ 2)").replace(
        "minimize = sum(w ^ 2)", "minimize = sum(log(w - 1))"
    )
    text = failure(wrong, tmp_path)
    assert "the objective is not finite" in text
    assert "NaN in the operation `log` of `return jnp.sum(jnp.log(" in text
    assert "last healthy: trained parameters have norm" in text
    assert "rate 0.2" in text


def test_last_healthy_values_are_said(tmp_path: Path) -> None:
    text = failure(DIVERGING, tmp_path)
    healthy = next(line for line in text.splitlines() if line.startswith("  last healthy: "))
    assert "before step 3 the parameters had norm" in healthy
    assert "the loss was" in healthy
    assert "rate 3" in healthy


def test_nothing_is_found_where_all_is_finite() -> None:
    program = drmadc.compile_text(DIVERGING, overrides=("rate=0.01", "train.steps=3"))
    assert first_bad_operation(lambda: program.executor.evaluate(program.hypers, 0)) is None


def test_debug_nans_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "diverging.drm"
    path.write_text(DIVERGING)
    done = drmadc_command("run", path, "--debug-nans", "--quiet", "--out", tmp_path / "run")
    assert done.returncode == 3
    assert "  first: infinity in the operation" in done.stderr
    assert "first:" not in drmadc_command("run", path, "--quiet", "--out", tmp_path / "other").stderr


def test_a_full_buffer_of_reversal_is_said() -> None:
    text = LOGARITHM.replace("sum(log(w))", "sum(w ^ 2)").replace(
        "sgd(rate: rate)", "momentum(rate: rate, momentum: m)", 1
    )
    text = text.replace("train {", "hyper m: unit = 0.98\n\ntrain {").replace(
        "steps  = 6", "steps  = 400\n  precision = float64"
    )
    text = text.replace("tune {", "tune {\n  reverse = exact(reversible)")
    program = drmadc.compile_text(text)
    assert np.isfinite(program.hypergradient(program.hypers).gradient["m"])
    low = {**program.hypers, "m": np.array(0.2)}
    evaluation = program.hypergradient(low)
    assert not evaluation.finite
    error = locate(program.executor, low, 0, evaluation)
    assert "did not reproduce its initial state: the decays fell below half" in str(error)
    assert "exact(checkpoint)" in str(error)


def test_the_advice_of_an_exact_adjoint_is_not_to_be_exact() -> None:
    for strategy in ("exact(store)", "exact(checkpoint)", "exact(tree)"):
        text = LOGARITHM.replace("steps    = 2", f"steps    = 2\n  reverse = {strategy}")
        _, advice = drmadc.compile_text(text).emitted.policy.failed
        assert "clip(norm: 1, RULE)" in advice
        assert "exact" not in advice
