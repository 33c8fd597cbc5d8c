"""What is said while a run is under way: the first line, progress inside training, the live view, JSON lines."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import drmadc
from drmadc_common.amounts import duration_text
from drmadc_runtime.execution.progress import Watcher
from drmadc_runtime.program.compiling import Compiled, Size
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.training_runs import learning_curve
from drmadc_runtime.run import run as running
from drmadc_runtime.run.reporting.forecast import Cost, Forecast
from drmadc_runtime.run.reporting.json_lines import JsonDisplay
from drmadc_runtime.run.reporting.live import BARS, LiveDisplay, sparkline
from drmadc_runtime.run.reporting.plain import Progress
from drmadc_runtime.run.run import Options
from drmadc_runtime.search.base import Trial
from drmadc_runtime.search.rule import UpdateRule
from tests.conftest import compiled
from tests.unit.cli.test_cli import SURFACE, drmadc_command

Ticks = list[tuple[str, int, float]]


def watched(program: drmadc.Program, every: int) -> tuple[Executor, Ticks]:
    ticks: Ticks = []
    return Executor(program.emitted, Watcher(every, lambda *call: ticks.append(call))), ticks


EVERY_WAY = ["exact", "guarded", "truncated", "reversible", "forward", "flow", "naive", "neumann", "published"]


@pytest.mark.parametrize(
    "case",
    [
        "l2_by_input",
        pytest.param("streamed", marks=pytest.mark.long),
        *(pytest.param(f"reverse_{way}", marks=pytest.mark.long) for way in EVERY_WAY),
    ],
)
def test_watching_changes_no_bit_and_tells_every_chunk(case: str) -> None:
    program = compiled(case)
    steps = program.ir.steps
    every = max(1, steps // 3)
    executor, ticks = watched(program, every)
    found, plain = executor.evaluate(program.hypers, 0), program.hypergradient(program.hypers)
    assert found.value == plain.value
    for name, gradient in plain.gradient.items():
        np.testing.assert_array_equal(found.gradient[name], gradient)
    forward = [t for way, t, _ in ticks if way == "forward"]
    assert forward[0] == 0
    if not program.ir.streamed:
        assert set(range(0, steps, every)) <= set(forward)
    if case not in ("reverse_forward", "reverse_neumann", "reverse_published"):
        assert 0 < next(t for way, t, _ in ticks if way == "reverse") <= steps
    if case == "reverse_reversible":
        return  # fixed point: the loss is not told
    assert all(math.isfinite(value) for _, _, value in ticks)
    assert ticks[0][2] == pytest.approx(learning_curve(executor, program.hypers, 0)[1][0], rel=1e-6)


@pytest.mark.long
def test_runs_in_which_hyperparameters_move_are_watched() -> None:
    program = compiled("reverse_one_step")
    executor, ticks = watched(program, 3)
    (stage,) = executor.program.stages
    state = UpdateRule(executor, stage).start(program.hypers)
    plain = program.executor.online(UpdateRule(program.executor, stage).start(program.hypers), 0)
    assert executor.online(state, 0)[2] == plain[2]
    told = [t for way, t, _ in ticks]  # but for the steps that the outer rule takes itself
    assert told[0] == 0
    assert len(told) > 1
    assert set(told) <= set(range(0, program.ir.steps, 3))


def test_learning_curves_are_the_loss_of_each_steps_minibatch() -> None:
    program = compiled("l2_by_input")
    executor, ticks = watched(program, 1)
    executor.evaluate(program.hypers, 0)
    losses = [value for way, _, value in ticks if way == "forward"]
    at, curve = learning_curve(executor, program.hypers, 0, points=program.ir.steps)
    assert at == list(range(program.ir.steps))
    np.testing.assert_allclose(curve, losses, rtol=1e-6)


def forecast(**more: float) -> Forecast:
    whole = {name: int(more.pop(name, 0)) for name in ("evaluations", "trainings")}
    sizes = {"l2": 934, "rate": 1}
    return Forecast("f", sizes, 44_860, 2000, 20, "mnist", "exact()", "float32", "cpu", **more, **whole)


def test_the_first_line_says_what_will_be() -> None:
    text = forecast(pace=0.001, work=6000.0, memory=23.8e6, compiling=20.0, also_compiling=4.0, evaluations=20).text
    assert text == (
        "f: 935 hyperparameters (l2 934, rate 1), 44,860 parameters, mnist, 2,000 training steps, 20 outer steps, "
        "exact(), float32 on cpu. Predicted: 23.8 MB beyond the data; "
        "about 2 min: 24 s compiling, 2 min running (6 s an outer step)"
    )
    short = forecast(pace=1e-5, work=600.0, compiling=7.5, evaluations=10, trainings=2)
    assert short.running == pytest.approx(10 * 0.006 + 2 * 0.02)
    assert short.text.endswith("Predicted: about 7.6 s: 7.5 s compiling, 0.1 s running (0.006 s an outer step)")
    assert "Predicted" not in forecast().text
    assert [duration_text(s) for s in (0.0123, 59, 61, 7300)] == ["0.012 s", "59 s", "1 min", "2.0 h"]


def test_what_is_no_number_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    JsonDisplay().report("forward", 3, math.nan)
    assert json.loads(capsys.readouterr().out)["value"] is None
    shown = LiveDisplay()
    shown.begin(forecast())
    shown.report("forward", 3, math.nan)
    assert "training 3 of 2,000" in lines_of(shown)


def outer_step(number: int, objective: float) -> Trial:
    return Trial(number, objective, 2.5, 3.0, 0.5, {"error/test": objective / 2}, {}, {})


def live(width: int) -> LiveDisplay:
    shown = LiveDisplay()
    shown.console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    return shown


def lines_of(shown: LiveDisplay) -> list[str]:
    width = shown.console.width
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None, record=True)
    console.print(shown._view())
    return [line.rstrip() for line in console.export_text().splitlines()]


COMPILED = Compiled(Size("", 1000), 6.5, 23_100_000)


@pytest.mark.parametrize("width", [80, 60])
def test_the_live_view_fits_the_terminal_and_says_where_training_is(width: int) -> None:
    shown = live(width)
    shown.begin(forecast(pace=0.001, work=6000.0, memory=23.8e6, compiling=7.0))
    with shown.running(Progress(0, 0), Progress(0, 20)):
        assert "compiling, about 7 s" in lines_of(shown)
        for t, loss in ((0, 2.3), (400, 1.2), (800, 0.7)):
            shown.report("forward", t, loss)
        assert any(line.startswith("training 800 of 2,000   loss 0.7 █▃▁") for line in lines_of(shown))
        shown.report("reverse", 2000, 1.0)
        shown.report("reverse", 1500, 1.0)
        shown.report("forward", 1400, 0.5)
        assert any(line.startswith("way back 1,500 of 2,000") for line in lines_of(shown))
        shown.report("checking the gradient", 0, 0.0)
        assert "checking the gradient" in lines_of(shown)
        shown.compiled(COMPILED)
        shown.step(outer_step(0, 0.9))
        shown.step(outer_step(1, 0.8))
        lines = lines_of(shown)
        assert any("2/20" in line for line in lines)
        assert any(line.startswith("objective     0.8 (-0.1)") for line in lines)
        assert any(line.startswith("error/test    0.4 (-0.05)") for line in lines)
        text = "   ".join(lines)
        for part in ("hypergradient 0.5   growth 3", "forward", "memory 23.1 MB (23.8 MB predicted)", "process "):
            assert part in text
        assert all(len(line) <= width for line in lines)
        assert not any(line.endswith("…") for line in lines), "cut off"


@pytest.mark.parametrize("width", [80, 60])
def test_many_long_reports_fit_the_terminal(width: int) -> None:
    shown = live(width)
    names = ("balanced_accuracy/test", "calibration_error/test", "cross_entropy/train", "average_precision/test")
    shown.begin(forecast())
    start = shown.console.file.getvalue()  # type: ignore[attr-defined]
    for number in range(40):
        values = dict.fromkeys(names, -1.2345e-05 * (number + 1))
        shown.step(Trial(number, 0.123456, 2.5, 3.0, 0.5, values, {}, {}))
        for t in range(0, 2000, 50):
            shown.report("forward", t, 1.2345e-5 * t)
        assert all(len(line) <= width for line in lines_of(shown))
    rows = shown.console.file.getvalue()[len(start) :].splitlines()  # type: ignore[attr-defined]
    head = next(row for row in rows if row.startswith("outer"))
    assert "objective" in head
    assert "seconds" in head
    assert len([row for row in rows if row.strip()[:1].isdigit()]) == 40, "a row is broken into several"
    assert all(len(row.rstrip()) <= width for row in rows)
    told = " ".join(rows)
    assert all(name in told for name in names), "what is not shown is named"


def test_speed_is_that_of_the_pace_where_training_is_not_watched() -> None:
    shown = live(80)
    shown.begin(forecast(pace=0.0005, work=6000.0))
    shown.step(outer_step(0, 0.9))
    assert any("steps/s 2,000 forward, 1,333 reverse" in line for line in lines_of(shown))


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([1.0], "▁"), ([0, 7, 3.5], "▁█▅"), ([0, math.inf, 1], "▁█"), ([math.nan], "")]
)
def test_sparklines(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars
    assert len(sparkline(list(range(100)))) == 24
    assert set(bars) <= set(BARS)


@pytest.fixture
def short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LONG", 0.0)


@pytest.mark.usefixtures("short_is_long")
def test_json_lines_tell_all_events_and_change_no_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = compiled("l2_by_input")
    found = running.run(
        program.emitted, {}, str(tmp_path / "run"), Options(JsonDisplay(), Cost(1e6, 3.0, "exact(store)"))
    )
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["begin", "folder"]
    assert kinds[-1] == "end"
    assert {"progress", "step"} <= set(kinds)
    steps = [{k: v for k, v in e.items() if k not in ("event", "seconds")} for e in events if e["event"] == "step"]
    written = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert steps == [json.loads(line) for line in written]
    assert events[0]["seconds"] == pytest.approx(events[0]["pace"] * 3 * program.ir.steps)
    ways = {event["way"] for event in events if event["event"] == "progress"}
    assert ways == {"forward", "reverse", "checking what the outer step changes"}
    quiet = running.run(program.emitted, {}, str(tmp_path / "quiet"))
    for name, values in quiet.hypers.items():
        np.testing.assert_array_equal(found.hypers[name], values)


@pytest.mark.parametrize("option", ["--json", "--offline"])
def test_a_reader_who_goes_ends_the_run_without_a_word(option: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "drmadc", "run", str(SURFACE), "tune.steps=400", option]
    with (tmp_path / "errors").open("w") as errors:
        run = subprocess.Popen([*words, "--out", str(tmp_path / "r")], stdout=subprocess.PIPE, stderr=errors, text=True)
        assert run.stdout is not None
        assert "toy_surface" in run.stdout.readline()
        run.stdout.close()
        assert run.wait(60) == 0
    assert (tmp_path / "errors").read_text() == ""


def test_json_and_quiet_on_the_command_line(tmp_path: Path) -> None:
    done = drmadc_command("run", SURFACE, "tune.steps=1", "--json", "--out", tmp_path / "r")
    assert done.returncode == 0
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events == ["begin", "folder", "compiled", "step", "end"]
    assert drmadc_command("run", SURFACE, "--json", "--quiet").returncode == 2
