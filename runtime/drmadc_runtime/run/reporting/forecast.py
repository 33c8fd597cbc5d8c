"""What a run will be: said in its first line, before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np

from drmadc_common.amounts import bytes_text, count_text, duration_text
from drmadc_runtime.core.device import current
from drmadc_runtime.core.types import Values
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.training_runs import pace


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
    """Sizes of a run, and where they are known its memory (bytes) and the seconds of an outer step.

    `pace` is the seconds of a training step, `work` how many of them an outer step takes.
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
        if self.seconds is not None:
            whole = duration_text(self.seconds * self.outer_steps)
            predicted.append(f"{duration_text(self.seconds)} an outer step, {whole} in all")
        return f"{text}. Predicted: {', '.join(predicted)}" if predicted else text


def forecast(executor: Executor, hypers: Values, cost: Cost | None, *, timed: bool) -> Forecast:
    """Look at a program before it runs; `timed` measures the pace of training, which compiles it once."""
    program = executor.program
    with executor.precision():
        shapes = jax.eval_shape(program.init, executor.cast(hypers), 0)
    training = cost is not None and timed
    return Forecast(
        name=program.name,
        hyperparameters={name: int(np.size(value)) for name, value in hypers.items()},
        parameters=sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes)),
        steps=program.steps,
        outer_steps=program.outer_steps,
        data="" if program.data is None else program.data.text,
        strategy=program.strategy if cost is None else cost.strategy,
        precision=program.dtype,
        device=current().device_kind,
        pace=pace(executor, hypers) if training else None,
        work=None if cost is None else cost.work * program.steps * program.seeds,
        memory=None if cost is None else cost.memory,
    )
