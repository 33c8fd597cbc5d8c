"""Does the hypergradient predict what a step of the outer loop changes? Predicted against measured.

A derivative can be right and useless: where training is chaotic the objective is rugged at every scale that a step
has, and its slope at a point says nothing of the objective a step away.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drmadc_runtime.core.types import Arrays, Values
from drmadc_runtime.program.audit.agreement import Vector, flat
from drmadc_runtime.program.executor import Evaluation, Executor

VISIBLE = {"float32": 2e-5, "float64": 1e-9}
SHORT = (0.1, 0.01)
FARTHEST = 3.0
GOOD, POOR = 0.25, 0.6


@dataclass(frozen=True, slots=True)
class Change:
    """What the objective does over a step.

    Attributes:
        length: 1 for the whole step, or one of `SHORT`.
        predicted: by the hypergradient, to first order.
        measured: from the start to its end; of a short step, half the difference of its two ends.
        visible: the least change that rounding leaves visible.
    """

    length: float
    predicted: float
    measured: float
    visible: float

    @property
    def judged(self) -> bool:
        """Whether there is a change to speak of, predicted or measured."""
        return not max(abs(self.predicted), abs(self.measured)) <= self.visible

    @property
    def error(self) -> float:
        """|measured - predicted| over the larger of both; 2 where they are opposite or not finite."""
        return error((self,))

    @property
    def holds(self) -> bool:
        """Whether one is at most about twice the other, and of its sign."""
        return not self.judged or self.error <= POOR


@dataclass(frozen=True, slots=True)
class Prediction:
    """Changes along one direction: of the program's own hypergradient, and of the exact one.

    Short steps are parts of a step `scale` times as long as that of the outer loop: where this would leave the region
    in which the objective is finite, and moves an entry by more than `FARTHEST`, they are shorter.
    """

    direction: str
    scale: float
    own: tuple[Change, ...]
    exact: tuple[Change, ...]


def error(changes: Sequence[Change]) -> float:
    """Of several changes together, as vectors: |measured - predicted| over the longer of both; at most 2."""
    predicted = np.array([change.predicted for change in changes])
    measured = np.array([change.measured for change in changes])
    size = float(np.abs([predicted, measured]).max())
    if not np.isfinite(size):
        return 2.0
    predicted, measured = predicted / size, measured / size  # their squares might overflow
    return float(np.linalg.norm(measured - predicted)) / max(
        float(np.linalg.norm(predicted)), float(np.linalg.norm(measured))
    )


class Line:
    """The trained objective along a direction of the unconstrained hyperparameters."""

    def __init__(self, executor: Executor, hypers: Values, outer: int, direction: Vector) -> None:
        self._free = {name: np.asarray(value, np.float64) for name, value in executor.unconstrain(hypers).items()}
        names = sorted(self._free)
        ends = np.cumsum([self._free[name].size for name in names])
        self._chunks = dict(zip(names, np.split(direction, ends[:-1]), strict=True))
        self._executor, self._outer = executor, outer

    def __call__(self, distance: float) -> float:
        """The objective at a distance."""
        moved = {n: x + distance * np.reshape(self._chunks[n], x.shape) for n, x in self._free.items()}
        return self._executor.objective(self._executor.constrain(moved), self._outer)


def visible(executor: Executor, value: float) -> float:
    """The least change of an objective of this value that rounding leaves visible."""
    return VISIBLE[executor.program.dtype] * abs(value)


def predictions(
    executor: Executor, hypers: Values, outer: int, step: Vector, found: Evaluation, exact: Evaluation
) -> tuple[Prediction, ...]:
    """Changes along the outer loop's own step at full length, and along it and three other directions at short ones.

    Of the same length as the step are the exact gradient, and two random directions that lean towards it.
    """
    own, true = flat(found.unconstrained), flat(exact.unconstrained)
    scale = min(1.0, FARTHEST / float(np.abs(step).max()))
    short = scale * step
    length = float(np.linalg.norm(short))
    directions = {"the outer step": short}
    random = np.random.default_rng(outer)
    size = float(np.linalg.norm(true))
    if size and np.isfinite(size):
        directions["down the exact gradient"] = -length * true / size
        for i in range(2):
            draw = random.normal(size=true.size)
            draw += np.sign(draw @ true) * np.linalg.norm(draw) * true / size
            directions[f"random direction {i + 1}"] = length * draw / np.linalg.norm(draw)
    least = visible(executor, exact.value)
    rows = []
    for name, direction in directions.items():
        line = Line(executor, hypers, outer, direction)
        measured = {s: (line(s) - line(-s)) / 2 for s in SHORT}
        if name == "the outer step":
            measured = {1.0: Line(executor, hypers, outer, step)(1.0) - line(0.0), **measured}
        along = {s: step if s == 1.0 else s * direction for s in measured}
        rows.append(
            Prediction(
                name,
                scale,
                tuple(Change(s, float(own @ along[s]), m, least) for s, m in measured.items()),
                tuple(Change(s, float(true @ along[s]), m, least) for s, m in measured.items()),
            )
        )
    return tuple(rows)


def fallback_step(evaluation: Evaluation) -> Vector:
    """A step down the gradient that lowers the objective by a hundredth and moves no entry by more than .3.

    For programs whose outer loop has no rule of its own. Where the gradient is zero, .01 in each entry.
    """
    gradient = flat(evaluation.unconstrained)
    size, most = float(np.linalg.norm(gradient)), float(np.abs(gradient).max(initial=0))
    if not size or not np.isfinite(size):
        return np.full(gradient.shape, 0.01)
    return -gradient * min(0.01 * max(abs(evaluation.value), 1e-8) / size**2, 0.3 / most)


def draw_cosine(gradients: Sequence[Vector]) -> float:
    """Mean cosine between the hypergradients of different draws; 1 where there is only one."""
    sizes = [float(np.linalg.norm(g)) for g in gradients]
    pairs = [(i, j) for i in range(len(sizes)) for j in range(i) if sizes[i] and sizes[j]]
    if not pairs:
        return 1.0
    return float(np.mean([(gradients[i] / sizes[i]) @ (gradients[j] / sizes[j]) for i, j in pairs]))


def probe(
    executor: Executor, hypers: Arrays, following: Arrays, outer: int, evaluation: Evaluation
) -> tuple[Change, ...]:
    """The cheap audit of a run: one more training, at the end of the outer step.

    Where its change is not as predicted a second training, over a tenth of the step, tells a step that is too long from
    a gradient that is useless. Nothing where the step is zero, or its end is outside its domain.
    """
    before, after = (flat(executor.unconstrain(values)) for values in (hypers, following))
    step = after - before
    if not np.isfinite(step).all() or not step.any():
        return ()
    predicted = float(flat(evaluation.unconstrained) @ step)
    line = Line(executor, hypers, outer, step)
    least = visible(executor, evaluation.value)
    whole = Change(1.0, predicted, line(1.0) - evaluation.value, least)
    if whole.holds:
        return (whole,)
    return whole, Change(0.1, 0.1 * predicted, line(0.1) - evaluation.value, least)
