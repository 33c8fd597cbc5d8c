"""Sweeps, final training by arms, expectations: what they record, and the command line over a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc_runtime.run.folder import tiles
from tests.conftest import CASES

TEXT = """
params w: real[2] = [1, -0.5]
hyper h: positive[2] = [0.4, 0.7]
hyper r: positive = 0.1
train {{ loss = sum(h * w ^ 2) + sum(w ^ 4)  update = sgd(rate: r)  steps = 5  precision = float64 }}
tune {{ minimize = sum((w - 0.3) ^ 2)  {tune} }}
sweep {{ {sweep} }}
report {{ size = sum(w ^ 2)  {expect} }}
"""


def program(sweep: str, tune: str = "", expect: str = "") -> drmadc.Program:
    return drmadc.compile_text(TEXT.format(sweep=sweep, tune=tune, expect=expect))


def test_a_grid_is_every_combination_with_its_derivative(tmp_path: Path) -> None:
    compiled = program("over = { h: exp(linspace(-2, 0)), r: [0.05, 0.1] }  points = 3")
    run = compiled.run(out=tmp_path / "run", quiet=True)
    assert run.metrics == []
    records = [json.loads(line) for line in (run.path / "sweep.jsonl").read_text().splitlines()]
    assert records == run.sweep
    assert [(round(p["h"], 6), p["r"]) for p in records[:3]] == [(0.135335, 0.05), (0.135335, 0.1), (0.367879, 0.05)]
    for point in records:
        values = [
            compiled.objective({"h": np.full(2, point["h"] * np.exp(e)), "r": np.array(point["r"])}, 0)
            for e in (1e-6, -1e-6)
        ]
        assert point["d_h"] == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6)
    assert not (run.path / "sweep.png").exists()


def test_along_the_hypergradient(tmp_path: Path) -> None:
    compiled = program("along = linspace(0, 0.2)  points = 5", expect="expect at(sweep.d_along, 0) < 0")
    run = compiled.run(out=tmp_path / "run", quiet=True)
    start = compiled.hypergradient(compiled.hypers, 0)
    assert run.sweep[0]["objective"] == pytest.approx(start.value)
    square = sum(float(np.sum(g**2)) for g in start.unconstrained.values())
    assert run.sweep[0]["d_along"] == pytest.approx(-square)
    assert run.sweep[1]["objective"] < run.sweep[0]["objective"]
    assert (run.path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_arms_train_on_all_splits_together(tmp_path: Path) -> None:
    text = (CASES / "ok" / "l2_by_input.drm").read_text()
    text = text.replace("report {", "report {\n  size = sum(params ^ 2)")
    text += "\nretrain { on = [train, valid]  arms = { none: { l2: 1e-9 }, tuned: {} } }\n"
    compiled = drmadc.compile_text(text)
    assert (
        'rt.draw_rows(SEED, outer, t, BATCH, rt.count(data["train"]))' in compiled.python
    )  # of however many there are
    run = compiled.run(out=tmp_path / "run", quiet=True)
    assert set(run.arms) == {"none", "tuned"}
    assert json.loads((run.path / "retrain.json").read_text()) == run.arms
    assert run.arms["none"] != run.arms["tuned"]


def test_arms_by_name(tmp_path: Path) -> None:
    """`initial` is the start, an end of a domain is a value, and `tuned` comes by itself."""
    text = (CASES / "ok" / "l2_by_input.drm").read_text()
    assert drmadc.compile_text(text).ir.retrain is None
    text = text.replace("report {", "report {\n  size = sum(params ^ 2)")
    arms = "{ none: { l2: 0 }, untuned: initial, written: { l2: 0.0123 } }"
    compiled = drmadc.compile_text(f"{text}\nretrain {{ arms = {arms} }}\n")
    assert '"untuned": initial_hypers()' in compiled.python
    run = compiled.run(out=tmp_path / "run", quiet=True)
    assert list(run.arms) == ["none", "untuned", "written", "tuned"]
    assert run.arms["untuned"] == run.arms["written"]
    assert len({tuple(values.items()) for values in run.arms.values()}) == 3
    assert "  tuned - none: " in (run.path / "log.txt").read_text()
    shown = CliRunner().invoke(cli, ["show", str(run.path)]).output
    lines = shown.partition("final training:\n")[2].splitlines()
    assert lines[0].split() == list(run.arms["none"])
    assert [line.split()[0] for line in lines[1:5]] == list(run.arms)
    assert lines[1].split()[-1] == f"{run.arms['none']['error/test']:.5g}"
    renamed = drmadc.compile_text(f"{text}\nretrain {{ arms = {{ learned: {{}}, none: {{ l2: 0 }} }} }}\n")
    assert renamed.ir.retrain is not None
    assert [name for name, _ in renamed.ir.retrain.arms] == ["learned", "none"]


GOOD = TEXT.format(sweep="along = [0, 0.1]", tune="", expect="expect max(sweep.objective) < 10")


def test_a_folder_runs_every_spec_and_says_what_is_not_as_expected(tmp_path: Path) -> None:
    (tmp_path / "specs" / "inner").mkdir(parents=True)
    (tmp_path / "specs" / "a.drm").write_text(GOOD)
    (tmp_path / "specs" / "inner" / "b.drm").write_text(GOOD.replace("< 10", "< 0.0001"))
    (tmp_path / "specs" / "c.drm").write_text("hyper h: positiv = 1")
    done = CliRunner().invoke(cli, ["run", str(tmp_path / "specs"), "--check", "--out", str(tmp_path / "runs")])
    assert done.exit_code == 5
    last = done.output.strip().splitlines()[-3:]
    assert [line.split("  ")[0] for line in last] == ["done", "invalid spec", "not as expected"]
    assert "UNEXPECTED   max(sweep.objective) < 0.0001  found" in done.output
    assert (tmp_path / "runs" / "inner" / "b" / "sweep.jsonl").exists()


def test_a_folder_without_specs_is_a_usage_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(cli, ["run", str(tmp_path)]).exit_code == 2


def test_an_initial_value_outside_its_domain_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.drm").write_text(GOOD.replace("hyper r: positive = 0.1", "hyper r: positive = -1 * exp(normal(1))"))
    done = CliRunner().invoke(cli, ["run", str(tmp_path / "s.drm"), "--out", str(tmp_path / "run")])
    assert done.exit_code == 3
    assert "the initial value of `r` is outside its domain" in done.output


def test_several_pictures_become_tiles() -> None:
    pictures = np.arange(7 * 2 * 3.0).reshape(7, 2, 3)
    sheet = tiles(pictures)
    assert sheet.shape == (5, 19)
    np.testing.assert_array_equal(sheet[:2, :3], pictures[0])
    np.testing.assert_array_equal(sheet[3:, 4:7], pictures[6])
    assert np.isnan(sheet[2]).all()
    assert np.isnan(sheet[3:, 8:]).all()
