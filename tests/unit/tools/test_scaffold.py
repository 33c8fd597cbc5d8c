"""A first spec for somebody's data, the quickstart, the doctor, completion."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drmadc.api import compile_file
from drmadc.common.source import SourceFile
from drmadc.compiler.driver import compile_source
from drmadc.syntax.format import format_spec
from drmadc.tools import doctor
from drmadc.tools.scaffold.spec import MODELS, TUNED, CannotStart, look, spec_text
from tests.unit.cli.test_cli import drmadc_command


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def correct(data: str, label: str | None = None, model: str = "mlp", tuned: str = "both") -> str:
    """The text of a spec that compiles without a word and is laid out as `fmt` would."""
    text = spec_text("first", look(data, label), model, tuned, 20)
    compilation = compile_source(SourceFile("first.drm", text))
    assert not compilation.diagnostics, compilation.diagnostics
    return format_spec(compilation.spec)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tuned", TUNED)
def test_every_choice_is_a_correct_spec(model: str, tuned: str) -> None:
    text = correct("digits", model=model, tuned=tuned)
    assert ("hyper l2" in text) == (tuned != "rates")
    assert ("hyper rate" in text) == (tuned in ("rates", "both"))
    assert ("none: { l2: 0" in text) == (tuned != "rates")
    assert "untuned: initial" in text
    assert "class[10]" in correct("mnist", model=model, tuned=tuned)


def flowers(rows: int = 200) -> None:
    with Path("flowers.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["width", "leaf length", "count", "species"])
        for i in range(rows):
            table.writerow([1.5 + i % 7, 0.1 * i, i % 4, "abc"[i % 3]])


def test_tables() -> None:
    flowers()
    text = correct("flowers.csv")
    assert 'csv("flowers.csv", numbers: [width, "leaf length", count], target: species)' in text
    assert "y: class[3] = target" in text
    assert "batch  = 50" in text
    assert "y: class[4] = target" in correct("flowers.csv", "count")
    number = correct("flowers.csv", "leaf length")
    assert "y: real[1] = standardise(target)" in number
    assert "squared_error(net(x), y) on test" in number
    flowers(30)
    assert "batch  = all" in correct("flowers.csv")


def test_a_spec_for_a_table_runs() -> None:
    flowers()
    Path("f.drm").write_text(correct("flowers.csv", tuned="penalty", model="linear"))
    run = compile_file("f.drm", ("tune.steps=2", "train.steps=10")).run(out="r", quiet=True)
    assert len(run.metrics) == 2


def test_arrays_and_pictures() -> None:
    labels = np.arange(120) % 5
    np.savez("a.npz", pixels=np.zeros((120, 4, 4), np.uint8), label=labels)
    assert "x: real[16] = flatten(pixels) / 255 - mean(flatten(pixels) / 255)" in correct("a.npz")
    assert "class[5]" in correct("a.npz")
    np.savez("b.npz", x=np.ones((120, 3)), y=np.ones((120, 2)))
    assert "y: real[2] = standardise(y)" in correct("b.npz")
    for name in ("cat", "dog"):
        for i in range(8):
            (Path("pets") / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((40, 50, 3), i, np.uint8)).save(Path("pets") / name / f"{i}.png")
    text = correct("pets")
    assert "x: real[3072]" in text
    assert "class[2]" in text


def test_what_cannot_start_says_why() -> None:
    flowers()
    for data, label, message in (
        ("nothing", None, "or one of digits, mnist"),
        ("flowers.csv", "colour", "has no column `colour`; its columns are width"),
        ("gone.csv", None, "no such file"),
    ):
        with pytest.raises(CannotStart, match=message):
            look(data, label)
    np.savez("c.npz", x=np.ones((12, 3)))
    with pytest.raises(CannotStart, match="no array of labels; its arrays are x; choose one with --label"):
        look("c.npz", None)


def test_new_never_overwrites(tmp_path: Path) -> None:
    first = drmadc_command("new", "mine", "--tune", "penalty", "--model", "linear", cwd=tmp_path, stdin="")
    assert first.stdout == "mine.drm: written; next: drmadc run mine.drm\n"
    text = (tmp_path / "mine.drm").read_text()
    again = drmadc_command("new", "mine", cwd=tmp_path, stdin="")
    assert again.returncode == 2
    assert "already exists" in again.stderr
    assert (tmp_path / "mine.drm").read_text() == text
    assert drmadc_command("fmt", "--check", "mine.drm", cwd=tmp_path).returncode == 0


def test_quickstart_tunes_and_says_what_to_look_at(tmp_path: Path) -> None:
    done = drmadc_command("quickstart", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\n10 hyperparameters tuned; better than the start on fresh draws: guard went from " in done.stdout
    assert "  tuned - untuned: " in done.stdout
    assert (tmp_path / "quickstart.drm").exists()
    assert (tmp_path / "runs" / "quickstart" / "latest" / "hypers.npz").exists()


def test_the_doctor_finds_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor.examine()
    assert {"Python", "drmadc", "jax", "device", "memory", "cache", "runs", "data"} <= {f.what for f in found}
    assert all(f.verdict != "BAD" for f in found)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    missing = {f.what: f for f in doctor.examine() if f.verdict == "note"}
    assert missing["lsp"].cure == "pip install 'drmadc[lsp]'"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    verdicts = {f.what: f.verdict for f in doctor.examine()}
    assert (verdicts["runs"], verdicts["cache"]) == ("BAD", "note")


def test_completion_completes_commands() -> None:
    asked = {"_DRMADC_COMPLETE": "bash_complete", "COMP_WORDS": "drmadc re", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "drmadc"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout == "plain,resume\n"
    for shell in ("bash", "zsh", "fish"):
        assert "_DRMADC_COMPLETE" in drmadc_command("completion", shell).stdout
