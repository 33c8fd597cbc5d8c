"""A short form of benchmarks/robustness.py: nothing that is broken ends in a traceback. And a disk that is full."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.robustness import attack
from tests.conftest import ROOT


def test_nothing_broken_ends_in_a_traceback() -> None:
    found = attack(specs=60, runs=1, folders=40, flips=150)
    assert {name: failed for name, (_, failed) in found.items() if failed} == {}
    assert [tried for tried, _ in found.values()] == [60, 1, 40, 150]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("check", "specs/toy_surface.drm"), ("--help",)])
def test_a_full_disk_is_one_message(words: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "drmadc", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (3, "failed: No space left on device\n")
