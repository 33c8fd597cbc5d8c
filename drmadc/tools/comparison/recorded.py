"""What a run folder holds, read so that a damaged one is a line in a table and not the end of it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drmadc.common.source import whole_source

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
    except OSError as error:
        return Unreadable(path, f"{error.filename}: {error.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Unreadable(path, f"corrupt: {error}" if isinstance(error, ValueError) else "corrupt run.json")


def _read(path: Path) -> RecordedRun:
    from drmadc_runtime.run.best import best_step

    about = json.loads((path / "run.json").read_text(encoding="utf-8"))
    lines = _text(path / "metrics.jsonl").splitlines(keepends=True)
    metrics = [json.loads(line) for line in lines if line.endswith("\n")]  # the last one may be under way
    overrides = dict(_pair(text) for text in about["overrides"])
    planned = int(about["steps"])
    seed = int(about.get("seed", overrides.get(SEED, 0)))
    overrides.pop(SEED, None)
    best = best_step(metrics) if metrics else None
    values = {} if best is None else {key: float(x) for key, x in metrics[best].items() if key not in UNCOMPARED}
    arms = json.loads(_text(path / "retrain.json") or "{}")
    state: State = "unfinished"
    if (path / "failure.txt").exists():
        state = "failed"
    elif (path / "result.json").exists() or (metrics and len(metrics) >= planned):
        state = "done"
    return RecordedRun(
        path, str(about["name"]), str(about["spec"]), whole_source(about), overrides, seed, len(metrics), planned,
        state, best, values, {name: {key: float(x) for key, x in row.items()} for name, row in arms.items()},
    )  # fmt: skip


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _pair(override: str) -> tuple[str, str]:
    target, _, value = override.partition("=")
    return target.strip(), value.strip()
