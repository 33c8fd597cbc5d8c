"""What a run will be: said in its first line, before anything is trained."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import jax
import numpy as np

from drmadc_common.amounts import bytes_text, count_text, duration_text
from drmadc_runtime.core.device import current
from drmadc_runtime.core.types import Hypers, Values
from drmadc_runtime.program.compiling import Size, seconds_of, size_of
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.training_runs import pace

WAYS = 2  # a training run in which hyperparameters move has about twice the lines of a plain one


@dataclass(frozen=True)
class Cost:
    """What the compiler predicts of the spec's strategy: bytes beyond the data, and work in training runs.

    `strategy` is the strategy as the spec gives it; where the compiler chose, also what and why.
    """

    memory: float
    work: float
    strategy: str


@dataclass(frozen=True)
class Forecast:
    """Sizes of a run, and where they are known its memory and its time.

    Attributes:
        pace: seconds of a training step.
        work: training steps that an outer step takes.
        memory: bytes of the compiled hypergradient beyond data and hyperparameters.
        compiling: seconds of compiling the hypergradient.
        also_compiling: seconds of compiling what else trains: the confirmation, the final training.
        evaluations: outer steps and points of a sweep.
        trainings: training runs after the search.
    """

    name: str
    hyperparameters: Mapping[str, int]
    parameters: int
    steps: int
    outer_steps: int
    data: str
    strategy: str
    precision: str
    device: str
    pace: float | None = None
    work: float | None = None
    memory: float | None = None
    compiling: float | None = None
    also_compiling: float = 0.0
    evaluations: int = 0
    trainings: int = 0

    @property
    def running(self) -> float | None:
        """Predicted seconds of everything but compilation: the search, and the training runs after it."""
        if self.pace is None or self.seconds is None:
            return None
        return self.seconds * self.evaluations + self.pace * self.steps * self.trainings

    @property
    def seconds(self) -> float | None:
        """Predicted seconds of an outer step, compilation not counted."""
        return None if self.pace is None or self.work is None else self.pace * self.work

    @property
    def text(self) -> str:
        """One sentence or two."""
        kinds = ", ".join(f"{name} {size:,}" for name, size in self.hyperparameters.items())
        parts = [
            f"{count_text(sum(self.hyperparameters.values()), 'hyperparameter')} ({kinds})",
            count_text(self.parameters, "parameter"),
            *([self.data] if self.data else []),
            count_text(self.steps, "training step"),
            count_text(self.outer_steps, "outer step"),
            self.strategy,
            f"{self.precision} on {self.device}",
        ]
        text = f"{self.name}: {', '.join(parts)}"
        predicted = [] if self.memory is None else [f"{bytes_text(self.memory)} beyond the data"]
        if self.seconds is not None and self.running is not None:
            compiling = (self.compiling or 0.0) + self.also_compiling
            each = f"{duration_text(self.running)} running ({duration_text(self.seconds)} an outer step)"
            whole = duration_text(compiling + self.running)
            predicted.append(f"about {whole}: {duration_text(compiling)} compiling, {each}")
        return f"{text}. Predicted: {'; '.join(predicted)}" if predicted else text


def forecast(executor: Executor, hypers: Values, cost: Cost | None, *, timed: bool) -> Forecast:
    """Look at a program before it runs; `timed` measures the pace of training, which compiles a loop of it."""
    program = executor.program
    with executor.precision():
        shapes = jax.eval_shape(program.init, executor.cast(hypers), 0)
    found = Forecast(
        name=program.name,
        hyperparameters={name: int(np.size(value)) for name, value in hypers.items()},
        parameters=sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes)),
        steps=program.steps,
        outer_steps=program.outer_steps,
        data="" if program.data is None else program.data.text,
        strategy=program.strategy if cost is None else cost.strategy,
        precision=program.dtype,
        device=current().device_kind,
        work=None if cost is None else cost.work * program.steps * program.seeds,
        memory=None if cost is None else cost.memory,
    )
    return _timed(found, executor, hypers) if cost is not None and timed else found


def _timed(found: Forecast, executor: Executor, hypers: Values) -> Forecast:
    """With the time that it will take: a loop of training is compiled and run, the hypergradient only lowered."""
    program = executor.program
    measured = pace(executor, hypers)
    loop = measured.compiled
    size = executor.lowered(hypers, 0) if program.online is None else None
    whole = Size("", WAYS * loop.size.lines) if size is None else size_of(size)
    compiling = seconds_of(whole, loop)
    confirmed = 2 * program.confirm if program.outer_steps > 1 and program.objective_at is not None else 0
    arms = 0 if program.retrain is None else _count(executor, program.retrain.arms, hypers)
    loops = bool(confirmed) + bool(arms)
    return replace(
        found,
        pace=measured.seconds,
        compiling=compiling,
        also_compiling=compiling * loops * loop.size.lines / whole.lines,
        evaluations=program.outer_steps + _points(executor),
        trainings=confirmed + arms,
    )


def _count(executor: Executor, arms: Callable[[Hypers], Mapping[str, Hypers]], hypers: Values) -> int:
    with executor.precision():
        return len(jax.eval_shape(arms, executor.cast(hypers)))


def _points(executor: Executor) -> int:
    """Points of the grid of a sweep."""
    if executor.program.sweep is None:
        return 0
    with executor.precision():
        axes = jax.eval_shape(executor.program.sweep)
    return math.prod(int(np.prod(axis.shape)) for axis in axes.values())
