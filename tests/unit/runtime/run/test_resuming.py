"""Runs that are stopped, or die, at any moment: what is on disk is whole, and resumed runs equal uninterrupted ones."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc_runtime.run.folder import RunFolder
from drmadc_runtime.run.reporting.plain import Display
from drmadc_runtime.run.run import Options, resume
from drmadc_runtime.run.run import run as run_module
from drmadc_runtime.search.base import Trial
from tests.conftest import CASES, ROOT

STAGED = """
params w: real[3] = [0.5, -0.4, 0.9]
hyper penalty: positive[weight of params] = 0.1
hyper rate: positive[step] = 0.05
train {
  loss   = sum(penalty * params ^ 2) + sum((w - 1) ^ 2)
  update = sgd(rate: rate)
  steps  = 6
}
tune whole {
  minimize = sum(w ^ 2)
  tie      = { penalty: network }
  update   = adam(rate: 0.1)
  steps    = 2
}
tune lined after whole { update = bfgs()  steps = 3 }
tune free after lined { update = adam(rate: 0.05)  steps = 2 }
report { size = sum(params ^ 2) }
"""


def untimed(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in metrics]


def recorded(path: Path) -> list[dict[str, Any]]:
    return untimed([json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()])


class Dead(Exception):
    """The process is gone."""


def die_at(moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the moment-th file operation of a run the last thing that happens; half of it may have."""
    count = 0
    write, line = RunFolder.write, RunFolder.add_line

    def counted(function: Any, half: Any) -> Any:
        def operation(self: RunFolder, name: str, data: Any) -> None:
            nonlocal count
            count += 1
            if count == moment:
                half(self.path, name)
                raise Dead
            function(self, name, data)

        return operation

    def half(path: Path, name: str) -> None:
        (path / f".{name[:5]}.partial").write_text("x")

    monkeypatch.setattr(RunFolder, "write", counted(write, half))
    monkeypatch.setattr(RunFolder, "add_line", counted(line, lambda path, name: None))


@pytest.mark.parametrize("moment", [6, 7, 9, 14, 15, 16, 21, 27, 33])
def test_a_run_that_dies_at_any_file_operation_is_resumed(
    moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = drmadc.compile_text(STAGED)
    whole = program.run(out=tmp_path / "whole", quiet=True)
    with monkeypatch.context() as patched:
        die_at(moment, patched)
        with pytest.raises(Dead):
            program.run(out=tmp_path / "cut", quiet=True)
    done = resume(program.emitted, tmp_path / "cut")
    assert untimed(done.metrics) == untimed(whole.metrics) == recorded(tmp_path / "cut")
    assert (tmp_path / "cut" / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    assert all(row["seconds"] >= 0 for row in done.metrics)
    for name, values in whole.hypers.items():
        np.testing.assert_array_equal(values, done.hypers[name])
        with np.load(tmp_path / "cut" / "hypers.npz") as last, np.load(tmp_path / "cut/hypers/00004.npz") as lined:
            np.testing.assert_array_equal(last[name], values)
            with np.load(tmp_path / "cut/hypers/00002.npz") as before:
                assert not np.array_equal(lined[name], before[name])  # inside of the library's stage
    names = {path.name for path in (tmp_path / "whole" / "hypers").iterdir()}
    assert names == {path.name for path in (tmp_path / "cut" / "hypers").iterdir()}


STREAMED = """
data d {
  source   = digits()
  x: real[64] = standardise(flatten(crop(image, 1)))
  split    = { train: 40, valid: 20 }
  resample = each outer
  feed     = streamed
}
params w: real[64] = 0.1
hyper l2: positive = 0.01
train {
  loss      = mean((x @ w - 1) ^ 2) + l2 * sum(w ^ 2)
  update    = sgd(rate: 0.01)
  batch     = 4
  steps     = 6
  precision = float64
}
tune { minimize = mean((x @ w - 1) ^ 2) on valid  update = adam(rate: 0.1)  steps = 3 }
"""
ONLINE = STREAMED.replace("steps = 3 }", "reverse = one_step(every: 2)  steps = 3 }")


@pytest.mark.parametrize("text", [STREAMED, ONLINE], ids=["streamed", "one_step"])
def test_other_programs_are_resumed(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = drmadc.compile_text(text)
    whole = program.run(out=tmp_path / "whole", quiet=True)
    for moment in (7, 12):
        with monkeypatch.context() as patched:
            die_at(moment, patched)
            with pytest.raises(Dead):
                program.run(out=tmp_path / f"cut{moment}", quiet=True)
        done = resume(program.emitted, tmp_path / f"cut{moment}")
        assert untimed(done.metrics) == untimed(whole.metrics)
        np.testing.assert_array_equal(whole.hypers["l2"], done.hypers["l2"])


def command(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(words))
    return done.exit_code, done.output


def test_commands_on_run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "s.drm"
    spec.write_text(STAGED)
    for _ in range(2):
        assert command("run", "s.drm", "--quiet")[0] == 0
    (latest,) = (tmp_path / "runs" / "s").glob("latest")
    first, second = sorted(path for path in (tmp_path / "runs" / "s").iterdir() if path.name != "latest")
    assert latest.resolve() == second
    code, text = command("diff", str(first), str(second))
    assert code == 0
    assert "specs: identical" in text
    assert "7 of 7 outer steps are bitwise equal" in text
    assert "7 of 7 outer steps" in command("show", str(latest))[1]
    code, text = command("runs", "--sort", "objective")
    assert code == 0
    assert len(text.splitlines()) == 4
    assert "no column `speed`" in command("runs", "--sort", "speed")[1]
    assert "is not a run folder" in command("show", str(tmp_path))[1]
    assert command("resume", str(first))[0] == 0
    spec.write_text(STAGED.replace("rate: 0.1", "rate: 0.2"))
    code, text = command("resume", str(first))
    assert code == 3
    assert "+  update   = adam(rate: 0.2)" in text
    assert "--force" in text
    assert command("resume", str(first), "--force")[0] == 0
    spec.write_text(STAGED)
    module = first / "s.py"
    emitted = module.read_text()
    module.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{emitted}")
    assert command("resume", str(first))[0] == 3
    for words in (("resume", "--force"), ("show",), ("export", "--to", "optax"), ("plot",)):
        assert command(words[0], str(first), *words[1:])[0] == 0
    assert not (tmp_path / "ran").exists()
    module.write_text(emitted)
    environment = json.loads((first / "environment.json").read_text())
    environment["packages"]["jax"] = "0.0.1"
    (first / "environment.json").write_text(json.dumps(environment))
    code, text = command("resume", str(first))
    assert code == 3
    assert "jax: 0.0.1 -> " in text
    (second / "checkpoint.npz").write_bytes(b"damaged")
    code, text = command("resume", str(second))
    assert code == 3
    assert "checkpoint.npz is corrupt" in text
    (second / "checkpoint.npz").unlink()
    assert "checkpoint.npz is corrupt: it is missing" in command("resume", str(second))[1]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    program = drmadc.compile_text(STAGED)
    program.run(out=tmp_path / "r", quiet=True)
    folder = RunFolder(tmp_path / "r")
    with pytest.raises(BlockingIOError, match="another process is using"):
        resume(program.emitted, tmp_path / "r")
    folder.close()
    resume(program.emitted, tmp_path / "r")


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.drm").write_text(STAGED)
    replace = os.replace

    def full(source: Any, target: Any) -> None:
        if str(target).endswith("00003.npz"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        code, text = command("run", "s.drm", "--quiet", "--out", "r")
    assert code == 3
    assert "00003.npz is not writable: No space left on device" in text
    assert command("resume", "r", "--quiet")[0] == 0
    assert len(recorded(tmp_path / "r")) == 7


class Deleting(Display):
    """Deletes the run folder after the first outer step."""

    def folder(self, path: Path) -> None:
        self.path = path

    def step(self, trial: Trial) -> None:
        if self.path.exists():
            shutil.rmtree(self.path)


def test_a_folder_that_is_deleted_under_way(tmp_path: Path) -> None:
    program = drmadc.compile_text(STREAMED)
    with pytest.raises(OSError, match=r"run/\S+ is not writable: No such file or directory"):
        run_module(program.emitted, {}, str(tmp_path / "run"), Options(Deleting(quiet=True)))
    assert not (tmp_path / "run").exists()


def start(tmp_path: Path, *words: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "drmadc.cli.main", *words]
    return subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(number: signal.Signals, tmp_path: Path) -> None:
    spec = str(CASES / "ok" / "surface.drm")
    process = start(tmp_path, "run", spec, "tune.steps=300", "--out", "r")
    wait_for(tmp_path / "r" / "metrics.jsonl", process)
    process.send_signal(number)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "resume with: drmadc resume r" in text
    cut = recorded(tmp_path / "r")
    assert 0 < len(cut) < 300
    again = start(tmp_path, "resume", "r", "--quiet")
    text, _ = again.communicate(timeout=120)
    assert again.returncode == 0, text
    whole = drmadc.compile_file(spec, ("tune.steps=300",)).run(out=tmp_path / "whole", quiet=True)
    assert recorded(tmp_path / "r") == untimed(whole.metrics)


@pytest.mark.long
def test_kills_at_random_moments(tmp_path: Path) -> None:
    """`kill -9` again and again; DRMADC_KILLS of them, 20 unless told."""
    draws = random.Random(0)
    spec = str(ROOT / "tests" / "cases" / "ok" / "surface.drm")
    steps = "tune.steps=400"
    drmadc.compile_file(spec, (steps,)).run(out=tmp_path / "whole", quiet=True)
    kills, rounds = 0, 0
    while kills < int(os.environ.get("DRMADC_KILLS", "20")):
        path = tmp_path / f"r{rounds}"
        words = ("run", spec, steps, "--quiet", "--out", path.name)
        while True:
            process = start(tmp_path, *words)
            try:
                text, _ = process.communicate(timeout=draws.uniform(0.5, 6.0))
                assert process.returncode == 0, text
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
            if (path / "checkpoint.npz").exists():
                words = ("resume", path.name, "--quiet")
                for file in path.rglob("*.npz"):
                    np.load(file).close()
            else:
                path = tmp_path / f"{path.name}b"
                words = ("run", spec, steps, "--quiet", "--out", path.name)
        assert (path / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
        rounds += 1
