"""Where else a run is told: its log file, TensorBoard, Weights & Biases."""

import struct
from pathlib import Path

import numpy as np
import pytest

from drmadc_runtime.run.reporting import loggers
from drmadc_runtime.run.run import Options, Run, run
from tests.conftest import compiled
from tests.unit.cli.test_cli import SURFACE, drmadc_command


def done(folder: Path, *services: loggers.Service) -> Run:
    program = compiled("surface")
    return run(program.emitted, {}, str(folder), Options(services=services))


def test_the_log_file_says_what_a_person_would_have_read(tmp_path: Path) -> None:
    assert drmadc_command("run", SURFACE, "tune.steps=2", "--quiet", "--out", tmp_path / "r").stdout == ""
    seen = drmadc_command("run", SURFACE, "tune.steps=2", "--out", tmp_path / "s").stdout
    lines = [(tmp_path / name / "log.txt").read_text().splitlines() for name in "rs"]
    assert [line.split()[:2] for line in lines[0][2:5]] == [line.split()[:2] for line in lines[1][2:5]]
    assert lines[1] == seen.splitlines()


def test_tensorboard_gets_every_value(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    found = done(tmp_path / "run", "tensorboard")
    (path,) = (tmp_path / "run" / "tensorboard").iterdir()
    data = path.read_bytes()
    values: dict[tuple[str, int], float] = {}
    tags: set[str] = set()
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + length])
        at += 16 + length
        for value in event.summary.value:
            tags.add(value.tag)
            values[value.tag, event.step] = value.simple_value
    for record in found.metrics:
        for name in ("objective", "hypergradient"):
            assert values[name, record["outer"]] == pytest.approx(record[name], rel=1e-6)
    assert {f"hyperparameters/{name}" for name in found.hypers} <= tags


@pytest.mark.long
def test_weights_and_biases_gets_every_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    seen: list[dict[str, object]] = []
    original = wandb.Run.log
    monkeypatch.setattr(wandb.Run, "log", lambda self, values, **more: (seen.append(values), original(self, values)))
    found = done(tmp_path / "run", "wandb")
    assert [values["objective"] for values in seen] == [record["objective"] for record in found.metrics]
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))


@pytest.mark.parametrize("service", ["tensorboard", "wandb"])
def test_what_is_missing_is_said(service: loggers.Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(loggers.MissingPackage, match=rf"pip install 'drmadc\[{service}\]'"):
        done(tmp_path / "run", service)
    assert not (tmp_path / "run").exists()


def test_several_change_nothing(tmp_path: Path) -> None:
    quiet = done(tmp_path / "a")
    again = done(tmp_path / "b")
    for name, values in quiet.hypers.items():
        np.testing.assert_array_equal(again.hypers[name], values)
