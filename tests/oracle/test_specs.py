"""The shipped specs: known numbers, and that each runs (shortened where it is long)."""

import json
from pathlib import Path

import numpy as np
import pytest

import drmadc
from drmadc_runtime.run.expectations import outcomes
from tests.conftest import ROOT


def test_toy_surface_reproduces_the_known_losses(tmp_path: Path) -> None:
    """Maclaurin et al. 2015, figure 1, with unrounded momentum: fact 10 of the reference catalogue."""
    run = drmadc.compile_file(ROOT / "specs" / "toy_surface.drm").run(out=tmp_path / "run", quiet=True)
    losses = [record["objective"] for record in run.metrics]
    assert np.round(losses, 4).tolist() == [395.3552, 356.6035, 356.3042, 376.0605]


SHORT = {
    "mnist_l2": ["train.steps=40", "layers.steps=2", "units.steps=1"],
    "mnist_schedule": ["train.steps=20", "fast.steps=2", "slow.steps=1"],
    "noisy_labels": ["train.steps=10", "tune.steps=2", "tune.confirm=0"],
    "sources": ["train.steps=30", "tune.steps=3", "tune.confirm=0"],
    "toy_surface": [],
}


def test_every_spec_has_a_short_form() -> None:
    assert {path.stem for path in (ROOT / "specs").glob("*.drm")} == set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_spec_runs(name: str, tmp_path: Path) -> None:
    program = drmadc.compile_file(ROOT / "specs" / f"{name}.drm", SHORT[name])
    assert not program.diagnostics
    run = program.run(out=tmp_path / "run", quiet=True)
    records = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert records == [{key: value for key, value in row.items() if key != "seconds"} for row in run.metrics]
    assert [r["outer"] for r in records] == list(range(program.ir.tune_steps))
    keys = {"outer", "objective", "growth", "hypergradient"}
    keys |= {r.key for r in program.ir.reports if r.shape is None}
    keys |= {"stage"} if len(program.emitted.stages) > 1 else set()
    assert set(records[0]) == keys
    saved = np.load(run.path / "hypers.npz")
    assert {k: v.shape for k, v in saved.items()} == {k: v.shape for k, v in program.hypers.items()}
    last = np.load(sorted((run.path / "hypers").glob("*.npz"))[-1])
    assert any(not np.array_equal(last[k], program.hypers[k]) for k in last)
    resolved = drmadc.compile_file(run.path / f"{name}.drm")
    assert (resolved.ir.steps, resolved.ir.tune_steps) == (program.ir.steps, program.ir.tune_steps)
    assert (run.path / f"{name}.py").read_text() == program.python
    for report in program.ir.reports:
        if report.shape is not None:
            (picture,) = run.path.glob("*.png")
            assert picture.read_bytes().startswith(b"\x89PNG")


CHECKED = [
    "drmad/l2",
    "checks/quadratic",
    "checks/schedules_by_group",
    "hypergrad/all_things",
    "hypergrad/ard_logistic",
    "hypergrad/chaos_scale",
    "hypergrad/initial_distribution",
    "hypergrad/learned_10_images",
    "hypergrad/line_search",
    "hypergrad/omniglot_prior",
    "hypergrad/schedule",
    "hypergrad/schedule_bfgs",
    "drmad/experiment_1_paper",
    "drmad/schedule",
    "noisy_labels",
    "sources",
    "t1t2/penalties_and_noise",
]


@pytest.mark.long
@pytest.mark.parametrize("name", CHECKED)
def test_spec_shows_what_it_expects(name: str, tmp_path: Path) -> None:
    """The specs whose whole run takes a minute or less; specs/README.md has those of all."""
    program = drmadc.compile_file(ROOT / "specs" / f"{name}.drm")
    run = program.run(out=tmp_path / "run", quiet=True)
    found = outcomes(program.emitted, run.metrics, run.arms, run.sweep)
    assert found
    assert all(outcome.holds for outcome in found), found


@pytest.mark.long
def test_tuned_penalties_are_better_than_none(tmp_path: Path) -> None:
    run = drmadc.compile_file(ROOT / "specs" / "mnist_l2.drm").run(out=tmp_path / "run", quiet=True)
    assert run.arms["tuned"]["test"] < run.arms["none"]["test"]


@pytest.mark.long
def test_mnist_schedule_is_better_than_adam_tuned_by_a_search(tmp_path: Path) -> None:
    """benchmarks/RESULTS.md: at equal compute, TPE over five numbers with Adam as the rule reaches no .225 on test."""
    run = drmadc.compile_file(ROOT / "specs" / "mnist_schedule.drm").run(out=tmp_path / "run", quiet=True)
    assert np.mean(run.confirmed["test"].best) < 0.225
