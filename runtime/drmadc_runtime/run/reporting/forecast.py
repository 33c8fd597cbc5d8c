"""What a run will be: said in its first line, before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np

from drmadc_common.amounts import bytes_text, count_text, duration_text
from drmadc_runtime.program.executor import Session, Values


@dataclass(frozen=True)
class Cost:
    """What the compiler predicts of the spec's strategy: bytes beyond the data, and work in training runs."""

    memory: float
    work: float


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


def forecast(session: Session, hypers: Values, cost: Cost | None, *, timed: bool) -> Forecast:
    """Look at a module before it runs; `timed` measures the pace of training, which compiles it once."""
    module = session.module
    with session.precision():
        shapes = jax.eval_shape(module["init"], session.cast(hypers), 0)
    training = cost is not None and timed
    return Forecast(
        name=module["NAME"],
        hyperparameters={name: int(np.size(value)) for name, value in hypers.items()},
        parameters=sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes)),
        steps=module["STEPS"],
        outer_steps=module["TUNE_STEPS"],
        data=module["DATA"].text if "DATA" in module else "",
        strategy=module["LINES"]["strategy"],
        precision=module["DTYPE"],
        device=jax.devices()[0].device_kind,
        pace=session.pace(session.cast(hypers)) if training else None,
        work=None if cost is None else cost.work * module["STEPS"] * module.get("SEEDS", 1),
        memory=None if cost is None else cost.memory,
    )
