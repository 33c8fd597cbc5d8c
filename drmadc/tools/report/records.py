"""What run folders hold, as a page reads it; and which runs belong together."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc.compiler.driver import Compilation
from drmadc.compiler.read import recompiled
from drmadc.naming.entries import Entries, entries_of
from drmadc_common.run_folder import About, Environment, Row, RunFiles

Arrays: TypeAlias = dict[str, npt.NDArray[np.floating]]
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
    about: About
    environment: Environment
    metrics: Sequence[Row]

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of the command line."""
        return self.about.overrides

    @property
    def command(self) -> str:
        """What runs this again."""
        return shlex.join(["drmadc", "run", self.about.spec, *self.overrides])

    @property
    def best(self) -> int:
        """The number of the best outer step."""
        from drmadc_runtime.run.best import best_step

        return best_step(self.metrics)

    @property
    def files(self) -> RunFiles:
        """Its reader."""
        return RunFiles(self.path)

    @property
    def arms(self) -> dict[str, dict[str, float]]:
        """Reports of the final training, by arm."""
        return self.files.arms()

    @property
    def points(self) -> list[Row]:
        """Of the sweep."""
        return self.files.points()

    @property
    def warnings(self) -> list[str]:
        """What the run warned of, each once; and why it failed, where it did."""
        found = [line for line in self.files.prose("log.txt").splitlines() if line.startswith("warning: ")]
        failure = self.files.prose("failure.txt").strip()
        return [*dict.fromkeys(found), *([failure] if failure else [])]


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
            DamagedRun: a file of the first run is damaged.
        """
        return entries_of(self.compilation.require(), self.first.path)

    @cached_property
    def hypers(self) -> tuple[list[Arrays], ...]:
        """The hyperparameters at which each outer step was measured, of each run.

        Raises:
            DamagedRun: one of their files is missing or damaged, or of another program.
        """
        from drmadc_runtime.core.archives import read_arrays

        shapes = {hyper.name: hyper.shape for hyper in self.compilation.require().hypers}
        return tuple(
            [read_arrays(run.files.hypers(number), shapes) for number in range(len(run.metrics))] for run in self.runs
        )


def read_run(path: Path) -> RunRecord:
    """Read a run folder.

    Raises:
        DamagedRun: a file of it is missing or damaged.
        NoPage: no outer step is finished.
    """
    files = RunFiles(path)
    about, environment, metrics = files.about(), files.environment(), files.steps()
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
        key = run.about.name, _seedless(run.about.whole_source), _unseeded(run.overrides)
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
