"""Audits: verdicts on gradients that are right, rough and wrong, and exit codes."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.compiler.passes.parts import layer_parts
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.program import Program
from drmadc.language.strategies.auto import exact_forms
from drmadc.tools.audit import report_text
from drmadc_runtime.program.audit import Audit, compare, judge
from tests.conftest import ROOT, compiled

TOY = str(ROOT / "specs" / "toy_surface.drm")


def test_an_exact_gradient_is_right() -> None:
    done = CliRunner().invoke(cli, ["audit", TOY])
    assert done.exit_code == 0, done.output
    assert "verdict: the hypergradient is right" in done.output
    ratios = [float(line.split()[-1]) for line in done.output.splitlines() if "direction" in line and "." in line]
    assert ratios == pytest.approx([1.0] * 4, abs=0.02)


def test_the_straight_line_is_wrong_here_and_exits_with_4() -> None:
    done = CliRunner().invoke(cli, ["audit", TOY, "tune.reverse=drmad()"])
    assert done.exit_code == 4, done.output
    assert "the direction is WRONG" in done.output
    assert "try: reverse = drmad(knots: 8)" in done.output


WIDE = """
params w: real[50, 50] = 0.5
hyper l2: positive = 0.1
train { loss = sum(l2 * w ^ 2) + sum(sin(w))  update = heavy_ball(rate: 0.1, momentum: 0.9)  steps = 64 }
tune { minimize = sum((w - 0.2) ^ 2)  reverse = drmad(knots: 17)  update = sgd(rate: 0.1)  steps = 1 }
"""


def smallest_exact(program: Program) -> float:
    """Bytes of the exact form that needs the least."""
    known = facts(program)
    return min(form.memory(known.figures) for form in exact_forms(known))


def test_a_prefix_stands_in_where_the_memory_is_too_small() -> None:
    program = drmadc.compile_text(WIDE)
    least = smallest_exact(program.ir)
    short = drmadc.compile_text(WIDE, overrides=["train.steps=16", "tune.reverse=drmad(knots: 17)"])
    enough = smallest_exact(short.ir)
    assert enough < least
    report = program.audit(memory=int((enough + least) / 2))
    assert report.steps in (16, 32)
    assert f"on the first {report.steps} of 64 training steps" in report_text(report)
    assert report.audit.agreements[0].cosine > 0.99
    with pytest.raises(drmadc.SpecError, match="E0405"):
        program.audit(memory=2000)


def test_layers_of_a_hyperparameter_are_judged_apart() -> None:
    program = compiled("l2_by_input").ir
    parts = layer_parts(program, "l2")
    assert {layer: len(entries) for layer, entries in parts.items()} == {"mlp.h1": 784, "mlp.out": 6}
    exact = {"l2": np.ones(790)}
    found = {"l2": np.concatenate([np.ones(784), -np.ones(6)])}
    rows = {row.name.strip(): row for row in compare(found, exact, {"l2": parts})}
    assert rows["of mlp.h1"].cosine == pytest.approx(1)
    assert rows["of mlp.out"].cosine == pytest.approx(-1)
    judged = judge(Audit(tuple(rows.values()), (), 1.0, 1.0, 0.0), "")
    assert not judged.wrong


@pytest.mark.parametrize(
    ("scale", "wrong", "words"),
    [(1.0, False, "the hypergradient is right"), (3.0, False, "3 times the norm"), (-1.0, True, "WRONG")],
)
def test_verdicts(scale: float, wrong: bool, words: str) -> None:
    exact = {"h": np.array([1.0, 2.0, -1.0])}
    rows = compare({"h": scale * exact["h"]}, exact, {})
    judged = judge(Audit(rows, (), 1.0, 1.0, 0.0), "do something")
    assert judged.wrong == wrong
    assert words in judged.findings[0]


def test_a_rugged_objective_is_said_to_be_one() -> None:
    rows = compare({"h": np.ones(3)}, {"h": np.ones(3)}, {})
    judged = judge(Audit(rows, (), 1.0, 1.0, 0.6), "")
    assert "rugged" in judged.findings[-1]


def test_a_run_probes_its_first_hypergradient_and_warns(tmp_path: Path) -> None:
    """The cheap audit: along its own direction the straight line's gradient is off by far."""
    done = CliRunner().invoke(cli, ["run", TOY, "tune.reverse=drmad()", "tune.steps=1", "--out", str(tmp_path / "run")])
    assert done.exit_code == 0
    assert "warning: along its own direction the hypergradient predicts the slope" in done.output
    quiet = CliRunner().invoke(cli, ["run", TOY, "tune.steps=1", "--out", str(tmp_path / "exact")])
    assert "predicts the slope" not in quiet.output
