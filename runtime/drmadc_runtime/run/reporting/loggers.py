"""Further places that a run is told to: its log file, TensorBoard, Weights & Biases; and several of them at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drmadc_runtime.program.audit.prediction import Change
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.program.contract import Program
from drmadc_runtime.run.confirm import Comparison
from drmadc_runtime.run.reporting.forecast import Forecast
from drmadc_runtime.run.reporting.plain import Display, Progress
from drmadc_runtime.search.base import Trial

Service = Literal["tensorboard", "wandb"]
PACKAGES: dict[Service, str] = {"tensorboard": "tensorboardX", "wandb": "wandb"}


class MissingPackage(RuntimeError):
    """An extra that is asked for is not installed."""


class LogFile(Display):
    """Writes what is said as lines, by what it is given."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def info(self, text: str) -> None:
        """A line."""
        self._write(text)

    def warning(self, text: str) -> None:
        """A warning."""
        self.info(text)


class TensorBoard(Display):
    """Writes scalars and histograms for TensorBoard into the run folder; needs tensorboardX."""

    def __init__(self, path: Path) -> None:
        super().__init__(quiet=True)
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(path / "tensorboard"))

    def warning(self, text: str) -> None:
        """A warning, as text."""
        self._writer.add_text("warnings", text)

    def step(self, trial: Trial) -> None:
        """Every recorded value, and each hyperparameter: a number, or a histogram."""
        for name, value in trial.record().items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, trial.number)
        for name, values in trial.hypers.items():
            if values.size == 1:
                self._writer.add_scalar(f"hyperparameters/{name}", values.item(), trial.number)
            else:
                self._writer.add_histogram(f"hyperparameters/{name}", values, trial.number)
        self._writer.flush()

    def end(self, path: Path, steps: int, best: int | None, verdict: str) -> None:
        """Close the file."""
        self._writer.close()


class WeightsAndBiases(Display):
    """Logs to Weights & Biases, project drmadc unless WANDB_PROJECT says otherwise; needs wandb."""

    def __init__(self, path: Path) -> None:
        super().__init__(quiet=True)
        import wandb

        self._library = wandb
        self._path = path
        self._run: Any = None

    def begin(self, found: Forecast) -> None:
        """Start a run with the sizes as its configuration."""
        import os
        from dataclasses import asdict

        project = os.environ.get("WANDB_PROJECT", "drmadc")
        self._run = self._library.init(
            project=project, name=f"{found.name}/{self._path.name}", dir=str(self._path), config=asdict(found)
        )

    def warning(self, text: str) -> None:
        """A warning."""
        self._run.alert(title="drmadc", text=text)

    def step(self, trial: Trial) -> None:
        """Every recorded value, and each hyperparameter: a number, or a histogram."""
        values: dict[str, Any] = dict(trial.record())
        for name, x in trial.hypers.items():
            values[f"hyperparameters/{name}"] = (
                x.item() if x.size == 1 else self._library.Histogram(np_histogram=np.histogram(x, 64))
            )
        self._run.log(values, step=trial.number)

    def end(self, path: Path, steps: int, best: int | None, verdict: str) -> None:
        """Finish the run."""
        self._run.finish()


def require(services: Sequence[Service]) -> None:
    """Look whether the packages are there.

    Raises:
        MissingPackage: with what to install.
    """
    for service in services:
        if find_spec(PACKAGES[service]) is None:
            raise MissingPackage(f"{PACKAGES[service]} is not installed: pip install 'drmadc[{service}]'")


def log_to(service: Service, path: Path) -> Display:
    """A service's log of the run in a folder."""
    return TensorBoard(path) if service == "tensorboard" else WeightsAndBiases(path)


class Several(Display):
    """Tells several; the first is the one that a person or a program looks at."""

    def __init__(self, first: Display, *others: Display) -> None:
        super().__init__(first.quiet)
        self._first = first
        self._others = others

    @property
    def _all(self) -> tuple[Display, ...]:
        return self._first, *self._others

    def info(self, text: str) -> None:
        """A line."""
        for display in self._all:
            display.info(text)

    def warning(self, text: str) -> None:
        """A warning."""
        for display in self._all:
            display.warning(text)

    def begin(self, found: Forecast) -> None:
        """What the run will be."""
        for display in self._all:
            display.begin(found)

    def compiled(self, found: Compiled) -> None:
        """The hypergradient is compiled."""
        for display in self._all:
            display.compiled(found)

    def folder(self, path: Path) -> None:
        """Where the run is recorded."""
        for display in self._all:
            display.folder(path)

    def end(self, path: Path, steps: int, best: int | None, verdict: str) -> None:
        """The run is done."""
        for display in self._all:
            display.end(path, steps, best, verdict)

    def running(self, points: Progress, steps: Progress) -> AbstractContextManager[None]:
        """As long as the search lasts."""
        return self._running(points, steps)

    @contextmanager
    def _running(self, points: Progress, steps: Progress) -> Iterator[None]:
        with ExitStack() as stack:
            for display in self._all:
                stack.enter_context(display.running(points, steps))
            yield

    @property
    def alive(self) -> bool:
        """Whether the first shows progress inside a training run."""
        return self._first.alive

    def report(self, way: str, t: int, value: float) -> None:
        """Progress inside a training run, for the first."""
        self._first.report(way, t, value)

    def step(self, trial: Trial) -> None:
        """An outer step."""
        for display in self._all:
            display.step(trial)

    def sweep(self, trial: Trial) -> None:
        """A point of a sweep."""
        for display in self._all:
            display.sweep(trial)

    def arm(self, name: str, reports: Mapping[str, float]) -> None:
        """A final training."""
        for display in self._all:
            display.arm(name, reports)

    def compared(self, found: Comparison) -> None:
        """Start against best on fresh draws."""
        for display in self._all:
            display.compared(found)

    def picture(self, path: Path) -> None:
        """A picture has been written."""
        for display in self._all:
            display.picture(path)

    def warn_reverse(self, trial: Trial, program: Program) -> None:
        """What a person should know about the way back."""
        for display in self._all:
            display.warn_reverse(trial, program)

    def warn_prediction(self, number: int, changes: Sequence[Change], program: Program) -> None:
        """The outer step does not change the objective as the hypergradient predicts."""
        for display in self._all:
            display.warn_prediction(number, changes, program)

    def warn_overfitting(self, trials: Sequence[Trial], on_test: Sequence[str]) -> None:
        """The objective falls on valid, and rises on test."""
        for display in self._all:
            display.warn_overfitting(trials, on_test)
