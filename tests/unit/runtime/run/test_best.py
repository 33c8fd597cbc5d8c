"""What a person takes home: values at which a step was measured, the best of them, confirmed on fresh draws."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc_runtime.program.training_runs import train
from drmadc_runtime.run.best import best_step, judged_by, stalled
from drmadc_runtime.run.confirm import Comparison, read_confirmed, verdict

OVERSHOOTS = """
params w: real[2] = [0, 0]
hyper rate: positive = 0.1
train {{ loss = sum((w - 1) ^ 2)  update = sgd(rate: rate)  steps = 3  precision = float64 }}
tune {{ minimize = sum((w - 1) ^ 2)  update = sgd(rate: 1.5)  steps = 8  {settings} }}
"""

GUARDED = """
data digits {
  source = digits()
  split = { train: 60, valid: 40, guard: 30, test: 50 }
  x: real[64] = flatten(image) / 16
  y: class[10] = label
}
model net(x: real[64]) -> real[10] {
  return dense(x, 10)
}
hyper l2: positive = 2
train {
  init = { params: 0 }  loss = cross_entropy(net(x), y) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.5)  steps = 10  batch = 20  precision = float64
}
tune { minimize = 2 * cross_entropy(net(x), y) + 0.1 * l2 on valid  update = adam(rate: 0.5)  steps = 3  confirm = 2 }
report { error(net(x), y) on test }
"""


def test_the_values_of_a_step_are_those_at_which_it_was_measured(tmp_path: Path) -> None:
    program = drmadc.compile_text(OVERSHOOTS.format(settings=""))
    run = program.run(out=tmp_path / "run", quiet=True)
    for number, row in enumerate(run.metrics):
        with np.load(tmp_path / "run" / "hypers" / f"{number:05d}.npz") as file:
            values = dict(file)
        assert program.objective(values, number) == pytest.approx(row["objective"], rel=1e-12)
    with np.load(tmp_path / "run" / "hypers" / "00000.npz") as file:
        assert file["rate"] == pytest.approx(0.1, rel=1e-12)


def test_the_best_step_is_taken_home(tmp_path: Path) -> None:
    run = drmadc.compile_text(OVERSHOOTS.format(settings="")).run(out=tmp_path / "run", quiet=True)
    objectives = [row["objective"] for row in run.metrics]
    assert run.best == int(np.argmin(objectives))
    with np.load(run.path / "hypers.npz") as home, np.load(run.path / f"hypers/{run.best:05d}.npz") as best:
        assert home["rate"] == best["rate"] == run.hypers["rate"]


def test_patience_ends_a_search(tmp_path: Path) -> None:
    program = drmadc.compile_text(OVERSHOOTS.format(settings="patience = 2"))
    whole = [
        row["objective"]
        for row in drmadc.compile_text(OVERSHOOTS.format(settings="")).run(quiet=True, out=tmp_path / "a").metrics
    ]
    expected = next(n for n in range(1, 9) if stalled([{"objective": x} for x in whole[:n]], 2) or n == 8)
    run = program.run(out=tmp_path / "run", quiet=True)
    assert [row["objective"] for row in run.metrics] == whole[:expected]


def test_a_step_is_judged_by_the_guard_where_there_is_one() -> None:
    rows = [{"objective": 3.0, "guard": 1.0}, {"objective": 1.0, "guard": 2.0}, {"objective": 2.0, "guard": 1.0}]
    assert judged_by(rows[0]) == "guard"
    assert best_step(rows) == 0
    assert best_step([{"objective": row["objective"]} for row in rows]) == 1
    assert best_step([{"objective": float("nan")}, {"objective": 5.0}]) == 1
    assert not stalled(rows[:2], 2)
    assert stalled(rows, 2)
    assert not stalled(rows, 0)


def test_the_guard_is_the_objective_on_examples_of_its_own(tmp_path: Path) -> None:
    program = drmadc.compile_text(GUARDED)
    run = program.run(out=tmp_path / "run", quiet=True)
    data = program.executor.program.data
    rows = {name: set(order.tolist()) for name, (_, order) in data.rows(0).items()}  # type: ignore[union-attr]
    assert [len(rows[name]) for name in ("train", "valid", "guard", "test")] == [60, 40, 30, 50]
    assert len(set.union(*rows.values())) == 180
    state, _ = train(program.executor, program.hypers, 0)
    splits = data.splits(0)  # type: ignore[union-attr]
    images, labels = splits["guard"]["image"], splits["guard"]["label"]
    logits = images.reshape(30, 64) / 16 @ np.asarray(state["w"]["out.weight"]) + np.asarray(state["w"]["out.bias"])
    loss = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(30), labels])
    assert run.metrics[0]["guard"] == pytest.approx(2 * loss + 0.1 * 2, rel=1e-10)


def test_what_is_best_is_confirmed_on_draws_that_no_step_has_used(tmp_path: Path) -> None:
    program = drmadc.compile_text(GUARDED)
    run = program.run(out=tmp_path / "run", quiet=True)
    assert run.best
    found = read_confirmed(run.path)
    assert list(found) == ["objective", "guard", "error/test"]
    fresh = [program.executor.program.fresh_outer + 1 + i for i in range(2)]
    assert min(fresh) > program.ir.tune_steps
    assert found["objective"].best == pytest.approx([program.objective(run.hypers, draw) for draw in fresh], rel=1e-12)
    assert found["objective"].start == pytest.approx([program.objective(program.hypers, d) for d in fresh], rel=1e-12)
    shown = CliRunner().invoke(cli, ["show", str(run.path)]).output
    assert f"best by guard: outer step {run.best}" in shown
    assert verdict(found, run.best) in shown


@pytest.mark.parametrize(
    ("best", "word"), [((1.0, 1.1), "better than"), ((2.2, 2.3), "warning: worse"), ((1.4, 2.5), "not better")]
)
def test_a_run_that_ends_worse_than_it_began_says_so(best: tuple[float, float], word: str) -> None:
    found = {"objective": Comparison("objective", (2.0, 2.1), best)}
    assert verdict(found, 3).startswith(word)
    assert "the initial ones" in verdict(found, 0)


def test_standard_error_is_of_the_paired_difference() -> None:
    compared = Comparison("x", (1.0, 2.0, 4.0), (0.5, 1.0, 3.5))
    differences = np.array([-0.5, -1.0, -0.5])
    assert compared.difference == pytest.approx(differences.mean())
    assert compared.spread == pytest.approx(differences.std(ddof=1) / np.sqrt(3))


def test_export_and_show_take_best_last_or_a_number(tmp_path: Path) -> None:
    run = drmadc.compile_text(OVERSHOOTS.format(settings="")).run(out=tmp_path / "run", quiet=True)
    last = len(run.metrics) - 1
    for step, number in (("best", run.best), ("last", last), ("1", 1)):
        out = tmp_path / step
        done = CliRunner().invoke(cli, ["export", str(run.path), "--to", "json", "--step", step, "--out", str(out)])
        assert done.exit_code == 0, done.output
        found = json.loads((out / "spec_hypers.json").read_text())["hyperparameters"]["rate"]["values"]
        with np.load(run.path / f"hypers/{number:05d}.npz") as file:
            assert found == file["rate"].item()
    refused = CliRunner().invoke(cli, ["export", str(run.path), "--to", "json", "--step", "99"])
    assert refused.exit_code == 3
    assert f"the last one is {last}" in refused.output
