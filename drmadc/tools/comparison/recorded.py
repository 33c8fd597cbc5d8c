"""What a run folder holds, read so that a damaged one is a line in a table and not the end of it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drmadc_common.run_folder import DamagedRun, RunFiles

SEED = "train.seed"
UNCOMPARED = ("outer", "stage", "seconds", "growth", "hypergradient")

State = Literal["done", "failed", "unfinished"]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run, as far as its folder tells.

    Attributes:
        overrides: of the command line, by target; without the seed, which stands by itself.
        source: text of the spec, before overrides.
        steps: outer steps that are recorded.
        planned: outer steps that the spec asks for.
        best: number of the best outer step; None before the first.
        values: objective and reports of the best outer step, by key.
        arms: reports of the final training, by arm; the tuned one last.
    """

    path: Path
    name: str
    spec: str
    source: str
    overrides: Mapping[str, str]
    seed: int
    steps: int
    planned: int
    state: State
    best: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    arms: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A run folder that tells nothing, and why."""

    path: Path
    reason: str


def run_folders(folder: Path) -> Iterator[Path]:
    """Every run folder below a folder, in the order of names; links such as `latest` are not followed."""
    for at, folders, files in os.walk(folder):
        folders.sort()
        if "run.json" in files:
            yield Path(at)


def read_run(path: Path) -> RecordedRun | Unreadable:
    """What a run folder holds."""
    try:
        return _read(path)
    except DamagedRun as error:
        return Unreadable(path, str(error))


def _read(path: Path) -> RecordedRun:
    from drmadc_runtime.run.best import best_step

    files = RunFiles(path)
    about, metrics = files.about(), files.metrics()
    overrides = dict(_pair(text) for text in about.overrides)
    given = overrides.pop(SEED, "0")
    seed = about.seed if about.seed is not None else int(given) if given.isdecimal() else 0
    best = best_step(metrics) if metrics else None
    values = {} if best is None else {key: float(x) for key, x in metrics[best].items() if key not in UNCOMPARED}
    state: State = "unfinished"
    if (path / "failure.txt").exists():
        state = "failed"
    elif (path / "result.json").exists() or (metrics and len(metrics) >= about.steps):
        state = "done"
    return RecordedRun(
        path, about.name, about.spec, about.whole_source, overrides, seed, len(metrics), about.steps,
        state, best, values, files.arms(),
    )  # fmt: skip


def _pair(override: str) -> tuple[str, str]:
    target, _, value = override.partition("=")
    return target.strip(), value.strip()
