"""Audits: three questions on programs of known truth, what a run says of them, and exit codes."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.compiler.load import execute
from drmadc.compiler.passes.parts import layer_parts
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.program import Program
from drmadc.language.strategies.auto import exact_forms
from drmadc.tools.audit.audit import measure
from drmadc.tools.audit.cures import cures
from drmadc.tools.audit.text import report_text
from drmadc_runtime.program.audit.agreement import compare
from drmadc_runtime.program.audit.derivative import check_derivative
from drmadc_runtime.program.audit.prediction import Change, error
from drmadc_runtime.program.audit.verdict import Audit, Cures, Measured, averaged, judge, seeds_for
from drmadc_runtime.program.executor import Executor
from tests.conftest import ROOT, compiled
from tests.unit.tools import truths
from tests.unit.tools.truths import program

TOY = str(ROOT / "specs" / "toy_surface.drm")


def answers(audit: Audit) -> list[str]:
    """To the three questions, in order."""
    return [verdict.answer for verdict in audit.verdicts]


def predicts(text: str, *overrides: str) -> Audit:
    """The audit without its first question, which compiles the program once more."""
    found = program(text, *overrides)
    return judge(measure(found.ir, found.executor, found.executor, found.hypers, 0), cures(found.ir))


def said(audit: Audit) -> str:
    """Findings and cures on the third question."""
    verdict = audit.verdicts[2]
    return "\n".join((*verdict.findings, *verdict.cures))


def test_an_exact_gradient_is_right_and_predicts() -> None:
    done = CliRunner().invoke(cli, ["audit", TOY])
    assert done.exit_code == 0, done.output
    assert "is the derivative right?         yes: within" in done.output
    assert "is the approximation close?      skipped: the strategy is exact" in done.output
    assert "does it predict the outer step?  yes: predicted -40.3, measured -38.8" in done.output


def test_the_straight_line_is_wrong_here_and_exits_with_4() -> None:
    """And the derivative that it approximates is right: the questions are apart."""
    done = CliRunner().invoke(cli, ["audit", TOY, "tune.reverse=drmad()"])
    assert done.exit_code == 4, done.output
    assert "is the derivative right?         yes" in done.output
    assert "is the approximation close?      no: `all`: the direction is WRONG" in done.output
    assert "does it predict the outer step?  no: the exact hypergradient does" in done.output
    assert "try: reverse = drmad(knots: 8)" in done.output


def test_a_smooth_program_is_right() -> None:
    report = program(truths.BOWL).audit()
    assert answers(report.audit) == ["yes", "skipped", "yes"]
    assert not report.audit.wrong


def test_the_same_training_is_smooth_at_a_small_rate_and_chaotic_at_a_large_one() -> None:
    """Through 200 steps; the derivative is right in both, and the program is compiled once."""
    found = program(truths.WAVES)
    cure = cures(found.ir)
    smooth = judge(measure(found.ir, found.executor, found.executor, {"rate": np.array(0.0005)}, 0), cure)
    assert smooth.verdicts[2].answer == "yes"
    chaotic = judge(measure(found.ir, found.executor, found.executor, {"rate": np.array(0.9)}, 0), cure)
    assert chaotic.verdicts[2].answer == "no"
    assert chaotic.wrong
    assert "training is chaotic" in said(chaotic)
    assert "fewer steps, such as `train.steps = 50`, or a smaller training rate" in said(chaotic)
    assert "clip(norm: 1, sgd(...))" in said(chaotic)


def test_what_is_told_of_chaos_is_told_beside_a_right_derivative() -> None:
    report = program(truths.WAVES, "rate=0.9").audit()
    assert answers(report.audit) == ["yes", "skipped", "no"]


def test_a_rough_objective_is_useless_though_nothing_grows() -> None:
    audit = predicts(truths.RUGGED)
    assert audit.verdicts[2].answer == "no"
    assert "its slope changes from point to point" in said(audit)


def test_a_gradient_of_zero_is_a_verdict_of_its_own() -> None:
    report = program(truths.FLAT).audit()
    assert report.audit.wrong
    assert "the hypergradient is zero, and the objective does not change" in said(report.audit)
    assert "`cross_entropy`" in said(report.audit)
    assert "nan" not in report_text(report)


def test_zero_against_zero_is_no_ratio() -> None:
    """An approximation of a zero gradient is close to it, and nothing is nan times as long."""
    report = program(truths.FLAT, "train.steps=2", "tune.reverse=drmad(knots: 2)").audit()
    assert report.audit.verdicts[1].findings == ("both are zero",)
    assert "nan" not in report_text(report)


def test_a_change_below_rounding_is_not_judged_and_float64_cures_it() -> None:
    rounded = predicts(truths.LIFTED, "train.precision=float32")
    assert rounded.verdicts[2].answer == "roughly"
    assert "less than rounding lets through" in said(rounded)
    assert "`train.precision = float64`" in said(rounded)
    assert predicts(truths.LIFTED).verdicts[2].answer == "yes"


def test_a_step_that_is_too_long_is_told_from_a_wrong_gradient() -> None:
    audit = predicts(truths.TOO_FAR)
    assert audit.verdicts[2].answer == "roughly"
    assert "the outer step overshoots" in said(audit)
    assert "a smaller rate in `tune`" in said(audit)
    assert predicts(truths.TOO_FAR, "tune.update=sgd(rate: 0.1)").verdicts[2].answer == "yes"


def test_slopes_that_kinks_put_off_are_said_to_be() -> None:
    """1.5 predicted, .5 over all but the first thousandth of the step: off by two thirds."""
    audit = predicts(truths.KINKED)
    assert audit.verdicts[2].answer != "yes"
    assert "a smoother activation: `gelu` or `tanh` instead of `relu`" in said(audit)


def test_training_that_diverges_has_no_gradient() -> None:
    report = program(truths.DIVERGED).audit()
    assert report.audit.verdicts[2].answer == "no"
    assert "the hypergradient is not finite" in said(report.audit)
    assert report.audit.verdicts[0].answer != "no"


@pytest.mark.parametrize(
    ("reverse", "answer"),
    [
        ("drmad(knots: 21)", "yes"),
        ("implicit(neumann: 200)", "no"),
        ("truncated(steps: 20)", "yes"),
        ("truncated(steps: 2)", "no"),
    ],
)
def test_approximations_of_known_quality(reverse: str, answer: str) -> None:
    """On a bowl of curvature 2 at a rate of .01: of h the exact factor is 1 - .98^20 = .332, and of the last two .04.

    At a rate of .001 training is far from convergence: exact .039, but 200 terms of Neumann's series sum to .33.
    """
    overrides = ("train.update=sgd(rate: 0.001)",) if "implicit" in reverse else ()
    report = program(truths.BOWL, f"tune.reverse={reverse}", *overrides).audit()
    assert report.audit.verdicts[0].answer == "yes"
    assert report.audit.verdicts[1].answer == ("yes" if answer == "yes" else "roughly")  # the direction is right
    assert report.audit.verdicts[2].answer == answer
    assert report.audit.wrong == (answer == "no")


@pytest.mark.parametrize("line", ["d_w - hessian_product", 'd_hypers["momentum"].at[t].add(d_momentum)'])
def test_a_damaged_adjoint_is_found(line: str) -> None:
    """What no comparison of a strategy with another can see: both have the same error."""
    found = drmadc.compile_file(TOY, ["train.steps=10"])
    assert line in found.python
    damaged = found.python.replace(line, line.replace("- hessian", "- 1.001 * hessian").replace("(d_m", "(0.99 * d_m"))
    executor = Executor(execute(damaged, "damaged")["PROGRAM"])
    hypers = executor.initial_hypers()
    rows = check_derivative(executor, hypers, executor.evaluate(hypers, 0), 0)
    audit = judge(Measured(rows, 10), Cures())
    assert audit.wrong
    assert audit.verdicts[0].answer == "no"
    assert "`momentum` is off by" in "".join(audit.verdicts[0].findings)


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
    assert report.audit.measured.agreements[0].cosine > 0.99
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
    assert not judge(Measured(agreements=tuple(rows.values())), Cures()).wrong


@pytest.mark.parametrize(
    ("scale", "answer", "words"),
    [
        (1.0, "yes", "cosine 1 with the exact one"),
        (1.5, "yes", "1.5 times as long"),
        (14.0, "roughly", "14 times as long"),
        (0.0, "no", "0 times as long"),
        (-1.0, "no", "WRONG"),
    ],
)
def test_verdicts_on_approximations(scale: float, answer: str, words: str) -> None:
    exact = {"h": np.array([1.0, 2.0, -1.0])}
    judged = judge(Measured(agreements=compare({"h": scale * exact["h"]}, exact, {})), Cures(("do something",)))
    assert judged.verdicts[1].answer == answer
    assert judged.wrong == (answer == "no")
    assert words in judged.verdicts[1].findings[0]


def test_something_against_an_exact_zero_is_wrong() -> None:
    judged = judge(Measured(agreements=compare({"h": np.ones(2)}, {"h": np.zeros(2)}, {})), Cures())
    assert judged.verdicts[1].answer == "no"
    assert "the exact one is zero" in judged.verdicts[1].findings[0]


@pytest.mark.parametrize(
    ("predicted", "measured", "off"),
    [(1.0, 1.0, 0.0), (2.0, 1.0, 0.5), (1.0, 2.0, 0.5), (1.0, -1.0, 2.0), (9e12, -9e6, 1.0), (1.0, np.inf, 2.0)],
)
def test_errors_of_predictions(predicted: float, measured: float, off: float) -> None:
    assert error([Change(1.0, predicted, measured, 0.0)]) == pytest.approx(off, abs=1e-5)


def test_noise_of_draws_is_cured_by_as_many_seeds_as_it_takes() -> None:
    """Draws are a mean and independent noise: averages over `seeds_for` of them have a cosine of .8 with the mean."""
    random = np.random.default_rng(0)
    truth = np.zeros(4000)
    truth[0] = 1
    draws = truth + random.normal(size=(200, 4000)) * np.sqrt(3 / 4000)  # |noise|^2 = 3 |truth|^2: a cosine of 1 / 4
    units = draws / np.linalg.norm(draws, axis=1, keepdims=True)
    cosine = float((units @ units.T)[np.triu_indices(200, 1)].mean())
    assert cosine == pytest.approx(0.25, abs=0.02)
    seeds = seeds_for(cosine)
    mean = draws.reshape(-1, seeds, 4000)[:20].mean(1) if 200 % seeds == 0 else draws[:seeds][None].mean(1)
    reached = [float(m @ truth / np.linalg.norm(m)) for m in mean]
    assert np.mean(reached) == pytest.approx(0.8, abs=0.05)
    assert averaged(cosine, seeds) == pytest.approx(0.64, abs=0.05)
    assert seeds_for(-0.1) == seeds_for(0.01) == 0
    noisy = judge(Measured(cosine=cosine, predictions=predicts(truths.BOWL).measured.predictions), Cures())
    assert noisy.verdicts[2].answer == "roughly"
    assert f"average over draws: `seeds = {seeds}`" in noisy.verdicts[2].cures
    averages = Measured(cosine=cosine, seeds=seeds, predictions=noisy.measured.predictions)
    assert judge(averages, Cures()).verdicts[2].answer == "yes"


def run(spec: Path | str, *overrides: str, out: Path) -> str:
    done = CliRunner().invoke(cli, ["run", str(spec), *overrides, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_warns_where_the_approximation_misleads_it(tmp_path: Path) -> None:
    """One more training: at the outer step, the straight line's gradient is off by far."""
    text = run(TOY, "tune.reverse=drmad()", "tune.steps=1", out=tmp_path / "run")
    assert "warning: at outer step 0 the hypergradient predicts a change of the objective by -1.41e+05" in text
    assert "Use more knots" in text
    assert "warning" not in run(TOY, "tune.steps=1", out=tmp_path / "exact")


def test_a_run_warns_of_chaos_and_not_of_growth(tmp_path: Path) -> None:
    """From a maximum the adjoint of a smooth program grows 50 times, and all that it predicts comes true."""
    spec = tmp_path / "waves.drm"
    spec.write_text(truths.WAVES)
    text = run(spec, "rate=0.9", "tune.steps=1", "tune.update=sign(rate: 0.01)", out=tmp_path / "chaos")
    assert "nor does it hold over a tenth of the step" in text
    assert "a larger `batch`" in text
    spec.write_text(GROWING)
    text = run(spec, out=tmp_path / "growing")
    assert "warning" not in text
    grown = [float(line.split()[2]) for line in text.splitlines() if line.strip().startswith("0 ")]
    assert grown[0] > 40


GROWING = """
params w: real[2] = start
hyper start: real[2] = 0.03
train { loss = 0 - sum(w ^ 2) / 2  update = sgd(rate: 0.1)  steps = 40  precision = float64 }
tune { minimize = sum((w - 3) ^ 2)  update = sgd(rate: 0.00001)  steps = 2 }
"""


def test_a_run_says_that_its_outer_step_is_too_long(tmp_path: Path) -> None:
    spec = tmp_path / "far.drm"
    spec.write_text(truths.TOO_FAR)
    text = run(spec, "tune.update=sgd(rate: 1.5)", "tune.steps=1", out=tmp_path / "run")
    assert "it holds over a tenth of the step. Use a smaller rate in `tune`." in text
