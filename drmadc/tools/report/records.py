"""What run folders hold, as a page reads it; and which runs belong together."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc.common.source import whole_source
from drmadc.compiler.driver import Compilation
from drmadc.compiler.read import recompiled
from drmadc.naming.entries import Entries, entries_of

Arrays: TypeAlias = dict[str, npt.NDArray[np.floating]]
Record: TypeAlias = dict[str, Any]
SEED = "train.seed"


class NoPage(ValueError):
    """A page that cannot be written; says why."""


@dataclass(frozen=True)
class RunRecord:
    """A run folder, read.

    Attributes:
        path: the folder.
        about: run.json.
        environment: environment.json.
        metrics: a record for each outer step, with its seconds; at least one.
    """

    path: Path
    about: Mapping[str, Any]
    environment: Mapping[str, Any]
    metrics: Sequence[Record]

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of the command line."""
        return tuple(self.about["overrides"])

    @property
    def command(self) -> str:
        """What runs this again."""
        return shlex.join(["drmadc", "run", str(self.about["spec"]), *self.overrides])

    @property
    def best(self) -> int:
        """The number of the best outer step."""
        from drmadc_runtime.run.best import best_step

        return best_step(self.metrics)

    @cached_property
    def hypers(self) -> list[Arrays]:
        """The hyperparameters at which each outer step was measured."""
        found = []
        for number in range(len(self.metrics)):
            with np.load(self.path / "hypers" / f"{number:05d}.npz") as file:
                found.append({name: file[name] for name in file.files})
        return found

    @property
    def arms(self) -> dict[str, dict[str, float]]:
        """Reports of the final training, by arm."""
        found: dict[str, dict[str, float]] = self._json("retrain.json", {})
        return found

    @property
    def costs(self) -> dict[str, Any]:
        """Time and memory, predicted and measured."""
        found: dict[str, Any] = self._json("costs.json", {})
        return found

    @property
    def points(self) -> list[Record]:
        """Of the sweep."""
        return _lines(self.path / "sweep.jsonl")

    @property
    def warnings(self) -> list[str]:
        """What the run warned of, each once; and why it failed, where it did."""
        found = [line for line in self._text("log.txt").splitlines() if line.startswith("warning: ")]
        failure = self._text("failure.txt").strip()
        return [*dict.fromkeys(found), *([failure] if failure else [])]

    def _json(self, name: str, otherwise: Any) -> Any:
        text = self._text(name)
        return json.loads(text) if text else otherwise

    def _text(self, name: str) -> str:
        path = self.path / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@dataclass(frozen=True)
class Group:
    """Runs of one program that differ in their seed at most.

    Attributes:
        name: the overrides that tell it from other groups of a page; "" where it is the only one.
        compilation: of the first run's spec; those of the others differ in the seed.
        runs: one or more.
    """

    name: str
    compilation: Compilation
    runs: tuple[RunRecord, ...]

    @property
    def first(self) -> RunRecord:
        """The run that stands for what is the same in all."""
        return self.runs[0]

    @cached_property
    def entries(self) -> Entries:
        """The names of hyperparameters' entries, those of examples as the first run drew them.

        Raises:
            NoPage: a file of the first run is damaged.
        """
        try:
            return entries_of(self.compilation.require(), self.first.path)
        except ValueError as error:
            raise NoPage(f"{self.first.path} is corrupt: {error}") from error


def read_run(path: Path) -> RunRecord:
    """Read a run folder.

    Raises:
        NoPage: a file of it is missing or damaged, or no outer step is finished.
    """
    try:
        about = json.loads((path / "run.json").read_text(encoding="utf-8"))
        environment = json.loads((path / "environment.json").read_text(encoding="utf-8"))
        lines = zip(_lines(path / "metrics.jsonl"), _lines(path / "seconds.jsonl"), strict=False)
        metrics = [{**record, **seconds} for record, seconds in lines]
    except OSError as error:
        raise NoPage(f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise NoPage(f"{path} is corrupt: {error}") from error
    if not metrics:
        raise NoPage(f"{path} has no finished outer step to show")
    return RunRecord(path, about, environment, metrics)


def grouped(runs: Sequence[RunRecord]) -> tuple[Group, ...]:
    """Runs by spec and overrides, in the order in which they come; the seed makes no difference.

    Raises:
        NoPage: this version cannot compile a run's spec.
    """
    found: dict[tuple[str, str, tuple[str, ...]], list[RunRecord]] = {}
    for run in runs:
        key = str(run.about["name"]), _seedless(whole_source(run.about)), _unseeded(run.overrides)
        found.setdefault(key, []).append(run)
    shared = set.intersection(*(set(overrides) for _, _, overrides in found))
    several_specs = len({source for _, source, _ in found}) > 1
    groups = []
    for (name, _, overrides), members in found.items():
        told = " ".join(word for word in overrides if word not in shared)
        label = " ".join(word for word in (name if several_specs else "", told) if word)
        first = members[0]
        compilation = recompiled(first.about)
        if not compilation.ok:
            raise NoPage(f"this version of drmadc cannot read the spec of {first.path}")
        groups.append(Group((label or "as written") if len(found) > 1 else "", compilation, tuple(members)))
    return tuple(groups)


def _unseeded(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in overrides if not word.replace(" ", "").startswith(f"{SEED}="))


def _seedless(source: str) -> str:
    """A spec without the line of its seed."""
    return re.sub(r"^\s*seed\s*=.*\n", "", source, flags=re.MULTILINE)


def _lines(path: Path) -> list[Record]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
