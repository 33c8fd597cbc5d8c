"""A run folder with a damaged file: every command says which file and what is wrong with it, in one message."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import drmadc
from drmadc.cli.main import cli
from drmadc_common.run_folder import DamagedRun, RunFiles, json_line, json_text
from drmadc_runtime.run.folder import RunFolder

TEXT = """
params w: real[2] = 1
hyper h: positive[2] = 0.1
train { loss = sum((w - h) ^ 2)  update = sgd(rate: 0.1)  steps = 2 }
tune { minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }
"""
DAMAGES = {
    "empty": b"",
    "braces": b"{}",
    "list": b"[]\n",
    "null": b"null\n",
    "number": b"1\n",
    "zeros": bytes(50),
    "noise": bytes(range(128, 256)),
    "deep": b"[" * 100_000 + b"\n",
    "cut": None,
    "missing": None,
    "folder": None,
}
READ = {  # by `show`, `export` and `resume`
    "run.json": "show",
    "metrics.jsonl": "show",
    "seconds.jsonl": "show",
    "environment.json": "show",
    "hypers/00000.npz": "export",
    "checkpoint.npz": "resume",
    "s.py": "resume",
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("runs")
    (here / "s.drm").write_text(TEXT)
    folder = here / "good"
    drmadc.compile_file(here / "s.drm").run(out=folder, quiet=True)
    return folder


def command(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def damaged(good: Path, name: str, damage: str) -> Path:
    bad = good.with_name("bad")
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(good, bad)
    data = DAMAGES[damage]
    target = bad / name
    if data is not None:
        target.write_bytes(data)
    elif damage == "cut":
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    else:
        target.unlink()
        if damage == "folder":
            target.mkdir()
    return bad


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READ)
def test_every_damage_is_one_message(name: str, damage: str, good: Path) -> None:
    bad = damaged(good, name, damage)
    words = ["export", bad, "--to", "json"] if READ[name] == "export" else [READ[name], bad]
    done = command(*words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if name == "run.json" and damage in ("missing", "folder"):
        assert done.exit_code == 2  # a folder without one is none of ours
        return
    if name == "metrics.jsonl" and damage in ("empty", "braces", "zeros", "noise", "cut", "missing"):
        return  # a line without an end is being written: a run of no outer step
    assert done.exit_code == 3
    assert str(bad / name) in done.output or name == "s.py"
    assert done.output.count("\n") == 1 or name == "s.py"


@pytest.mark.parametrize("damage", ["empty", "braces", "noise"])
def test_a_report_names_the_file(damage: str, good: Path) -> None:
    done = command("plot", damaged(good, "hypers/00000.npz", damage), good)
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    assert "hypers/00000.npz is corrupt: " in done.output


def test_a_table_goes_on(good: Path) -> None:
    bad = damaged(good, "run.json", "braces")
    done = command("runs", good.parent)
    assert done.exit_code == 0
    assert str(good) in done.stdout
    assert f"{bad / 'run.json'} is corrupt: no entry 'overrides'; " in done.output
    assert command("compare", good, bad).exit_code in (0, 2)


def test_hyperparameters_of_another_program(good: Path) -> None:
    """As a flipped bit in a member's name makes them."""
    bad = damaged(good, "checkpoint.npz", "empty")
    path = bad / "hypers" / "00000.npz"
    path.write_bytes(path.read_bytes().replace(b"h.npy", b"i.npy"))
    for words in (["show", bad], ["export", bad, "--to", "json"], ["plot", bad]):
        done = command(*words)
        assert done.exit_code == 3
        assert "it has no array `h`" in done.output


def test_a_pipe_is_not_read(good: Path) -> None:
    import os

    bad = damaged(good, "metrics.jsonl", "missing")
    os.mkfifo(bad / "metrics.jsonl")
    done = command("show", bad)
    assert done.exit_code == 3
    assert "not a regular file" in done.output


def test_what_is_not_finite_is_json(tmp_path: Path) -> None:
    """JSON has neither NaN nor infinities, and other readers of metrics.jsonl stop at them."""
    row = {"objective": float("nan"), "growth": float("inf"), "hypergradient": 1.0, "list": [-float("inf")]}
    assert json_line(row) == '{"objective": null, "growth": null, "hypergradient": 1.0, "list": [null]}'
    assert json_text([float("nan")]) == "[\n  null\n]\n"
    folder = RunFolder(tmp_path)
    del row["list"]
    folder.add_line("metrics.jsonl", row)
    folder.close()
    (found,) = RunFiles(tmp_path).metrics()
    assert found["objective"] != found["objective"]
    assert found["hypergradient"] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        '{"objective": "low", "growth": 1, "hypergradient": 1}',
        '{"objective": true, "growth": 1, "hypergradient": 1}',
        '{"objective": 1' + "0" * 400 + ', "growth": 1, "hypergradient": 1}',
        '{"objective": [1], "growth": 1, "hypergradient": 1}',
    ],
)
def test_a_record_holds_numbers(text: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(text + "\n")
    with pytest.raises(DamagedRun, match="in line 1; "):
        RunFiles(tmp_path).metrics()
