"""What docs/howto/determinism.md promises, with one thread and with two, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drmadc_runtime.core.versions import environment
from tests.conftest import ROOT

SPEC = """
data d {
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split  = { train: 1200, valid: 300 }
}
model net(x: real[64]) -> real[10] {
  return dense(x, 10)
}
hyper l2: positive[layer of net.weights] = 0.01
hyper rate: positive = 0.2
train {
  loss   = cross_entropy(net(x), y) + sum(l2 * net.weights ^ 2)
  update = heavy_ball(rate: rate, momentum: 0.9)
  batch  = 800
  steps  = 5
}
tune {
  minimize = cross_entropy(net(x), y) on valid
  confirm  = 0
  update   = adam(rate: 0.1)
  steps    = 4
}
"""
SCRIPT = """
import os, sys
from pathlib import Path
threads, spec, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
import drmadc
from drmadc_runtime.run.folder import RunFolder
from drmadc_runtime.run.run import resume
from drmadc_runtime.search.checkpoint import Checkpoint

program = drmadc.compile_file(Path(spec))
if (folder / "cut").exists():
    program.run(out=folder / "again", quiet=True)
    resume(program.emitted, folder / "cut")
else:
    program.run(out=folder / "whole", quiet=True)
    save, saved = RunFolder.save, []

    class Dead(Exception):
        pass

    def save_and_die(self, checkpoint):
        save(self, checkpoint)
        saved.append(checkpoint)
        if len(saved) == 3:
            raise Dead

    RunFolder.save = save_and_die
    try:
        program.run(out=folder / "cut", quiet=True)
    except Dead:
        pass
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or os.cpu_count() == 1, reason="needs two cores of Linux")
def test_runs_are_repeated_and_resumed_bit_for_bit_with_one_thread_and_with_two(tmp_path: Path) -> None:
    (tmp_path / "digits.drm").write_text(SPEC)
    paths = os.pathsep.join(str(ROOT / name) for name in (".", "grammar", "runtime"))
    for _ in ("whole and cut", "again and resumed"):
        started = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    SCRIPT,
                    str(threads),
                    str(tmp_path / "digits.drm"),
                    str(tmp_path / f"{threads}"),
                ],
                env={**os.environ, "PYTHONPATH": paths},
            )
            for threads in (1, 2)
        ]
        assert [process.wait(timeout=300) for process in started] == [0, 0]
    for threads in (1, 2):
        folder = tmp_path / f"{threads}"
        for name in ("metrics.jsonl", "hypers.npz"):
            whole = (folder / "whole" / name).read_bytes()
            assert (folder / "again" / name).read_bytes() == whole, f"{name} of the same run, {threads} threads"
            assert (folder / "cut" / name).read_bytes() == whole, f"{name} of a resumed run, {threads} threads"
        assert len((folder / "whole" / "metrics.jsonl").read_text().splitlines()) == 4
        assert json.loads((folder / "whole" / "environment.json").read_text())["threads"] == threads


def test_threads_are_recorded_as_xla_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC", "3")
    assert environment().threads == 3
    monkeypatch.delenv("NPROC")
    assert environment().threads == len(os.sched_getaffinity(0))
