"""Checkpoints: they hold every bit of a state, and one that cannot be read says why in one line."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

import drmadc
from drmadc_common.run_folder import DamagedRun
from drmadc_runtime.run.folder import RunFolder
from drmadc_runtime.run.run import resume
from drmadc_runtime.search.base import SearchState
from drmadc_runtime.search.checkpoint import FORMAT, Checkpoint, packed, read_checkpoint
from tests.conftest import compiled

STATE = SearchState(
    {"leaf 0": np.float32([1 / 3, np.nan]), "hyper a/b": np.array(0.1), "none": np.zeros((0, 3))},
    {"t": 2, "norms": [0.1, 1 / 3, 5e-324, float("inf")], "inner": {"text": "é", "list": []}},
)


def test_every_bit_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    path.write_bytes(packed(Checkpoint(STATE, 7, 3)))
    again = read_checkpoint(path)
    assert (again.steps, again.points) == (7, 3)
    assert again.state.data == STATE.data
    assert set(again.state.arrays) == set(STATE.arrays)
    for name, values in STATE.arrays.items():
        found = again.state.arrays[name]
        assert (found.dtype, found.shape, found.tobytes()) == (values.dtype, values.shape, values.tobytes())


@pytest.mark.parametrize("damage", ["end", "middle", "empty", "text"])
def test_damage_is_found(damage: str, tmp_path: Path) -> None:
    data = packed(Checkpoint(STATE))
    path = tmp_path / "c.npz"
    broken = {"end": data[:-40], "middle": data[:200] + b"x" * 20 + data[220:], "empty": b"", "text": b"nothing"}
    path.write_bytes(broken[damage])
    with pytest.raises(DamagedRun, match=rf"{re.escape(str(path))} is corrupt: .+; start the run again"):
        read_checkpoint(path)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """The archive's own checksums miss those that hide a member."""
    path, data = tmp_path / "c.npz", packed(Checkpoint(STATE, 7))
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(DamagedRun):
            read_checkpoint(path)


@pytest.mark.parametrize(("about", "found"), [({"stage": 0}, 1), ({"format": FORMAT + 1}, FORMAT + 1)])
def test_another_format_is_refused(about: dict[str, int], found: int, tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, about=np.array(json.dumps(about)))
    (tmp_path / "checkpoint.npz").write_bytes(file.getvalue())
    with pytest.raises(DamagedRun, match=f"checkpoint format {found}, .* reads format {FORMAT}; "):
        read_checkpoint(tmp_path / "checkpoint.npz")


def test_the_checkpoint_of_another_program_is_refused(tmp_path: Path) -> None:
    program = compiled("surface")
    program.run(out=tmp_path / "run", quiet=True)
    folder = RunFolder(tmp_path / "run")
    folder.save(Checkpoint(STATE))
    folder.close()
    with pytest.raises(DamagedRun, match="is of another program"):
        resume(program.emitted, tmp_path / "run")


TEXT = """
params w: real[1] = 1
hyper h: real = 0.1
train { loss = sum((w - h) ^ 2)  update = sgd(rate: 0.1)  steps = 3 }
tune { minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 2 }
sweep { over = { h: [0.1, 0.2, 0.3] }  points = 3 }
"""


def test_a_sweep_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its points are recorded once, and its figure is drawn when it is complete."""
    program = drmadc.compile_text(TEXT)
    whole = program.run(out=tmp_path / "whole", quiet=True)
    save = RunFolder.save

    def stop(folder: RunFolder, checkpoint: Checkpoint) -> None:
        if checkpoint.points == 2:
            raise InterruptedError
        save(folder, checkpoint)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save", stop)
        with pytest.raises(InterruptedError):
            program.run(out=tmp_path / "cut", quiet=True)
    assert not (tmp_path / "cut" / "sweep.png").exists()
    done = resume(program.emitted, tmp_path / "cut")
    assert done.sweep == whole.sweep
    for name in ("sweep.jsonl", "metrics.jsonl", "sweep.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
