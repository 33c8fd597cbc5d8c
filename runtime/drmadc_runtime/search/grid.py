"""Sweeps: objective and hypergradient on a grid of hyperparameters, or along the hypergradient itself."""

from collections.abc import Mapping
from math import prod

import numpy as np

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.search.base import Measurement, Proposal, SearchState, Trial, prefixed, under


def axes_of(executor: Executor) -> Arrays:
    """The values of each axis of a program's sweep; under `along` steps down the hypergradient; empty without one."""
    if executor.program.sweep is None:
        return {}
    with executor.precision():
        return {name: np.asarray(values) for name, values in executor.program.sweep().items()}


def size_of(axes: Arrays) -> int:
    """The number of points of a sweep."""
    return prod(values.size for values in axes.values()) if axes else 0


class Grid:
    """Every combination of the axes' values, each for all entries of its hyperparameter; the last axis moves fastest.

    Read on the draws of the first outer step; what diverges is recorded as NaN. A slope is the derivative of the
    objective when all entries of the hyperparameter move together, unconstrained.

    Args:
        axes: values by hyperparameter.
        hypers: of those that have no axis; the search goes on with these after the sweep.
    """

    def __init__(self, axes: Arrays, hypers: Arrays) -> None:
        self._axes = axes
        self._number = 0
        self.hypers = hypers

    @property
    def done(self) -> bool:
        """Whether every point is measured."""
        return self._number >= size_of(self._axes)

    def _at(self) -> dict[str, np.floating]:
        """The coordinates of the next point."""
        place = np.unravel_index(self._number, [values.size for values in self._axes.values()])
        return {name: values[i] for (name, values), i in zip(self._axes.items(), place, strict=True)}

    def ask(self) -> Proposal:
        """The next point."""
        changed = {name: np.full_like(self.hypers[name], value) for name, value in self._at().items()}
        return Proposal({**self.hypers, **changed}, 0, finite=False)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Record the point."""
        at = {name: float(value) for name, value in self._at().items()}
        slopes = {name: float(np.sum(measurement.gradient[name])) for name in at}
        trial = _point(self._number, measurement, self.hypers, at, slopes)
        self._number += 1
        return (trial,)

    def state(self) -> SearchState:
        """How many points are measured."""
        return SearchState({}, {"number": self._number})

    def restore(self, state: SearchState) -> None:
        """Go on with the next point."""
        self._number = state.data["number"]


class Along:
    """Steps down the hypergradient: unconstrained hyperparameters minus a step times their gradient.

    Everything is read on the draws of the first outer step; what diverges is recorded as NaN, but the start must not.
    The slope is the derivative in the step.

    Args:
        steps: how far to go, each from `hypers`.
        hypers: where the gradient is taken; the search goes on with these after the sweep.
    """

    def __init__(self, executor: Executor, steps: Arrays, hypers: Arrays) -> None:
        self._executor = executor
        self._steps = steps["along"]
        self._free = {name: np.asarray(value) for name, value in executor.unconstrain(hypers).items()}
        self._direction: Arrays = {}
        self._number = 0
        self.hypers = hypers

    @property
    def done(self) -> bool:
        """Whether every point is measured."""
        return bool(self._direction) and self._number >= self._steps.size

    def ask(self) -> Proposal:
        """First the hypergradient, then the next step down."""
        if not self._direction:
            return Proposal(self.hypers, 0)
        step, direction = self._steps[self._number], self._direction
        moved = self._executor.constrain({name: x - step * direction[name] for name, x in self._free.items()})
        return Proposal({name: np.asarray(value) for name, value in moved.items()}, 0, finite=False)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Take the direction, or record the point."""
        gradient = measurement.gradient
        if not self._direction:
            self._direction = gradient
            return ()
        slope = -sum(float(np.sum(gradient[name] * self._direction[name])) for name in gradient)
        at = {"along": float(self._steps[self._number])}
        trial = _point(self._number, measurement, self.hypers, at, {"along": slope})
        self._number += 1
        return (trial,)

    def state(self) -> SearchState:
        """The direction, and how many points are measured."""
        return SearchState(prefixed("direction", self._direction), {"number": self._number})

    def restore(self, state: SearchState) -> None:
        """Go on with the next point."""
        self._direction = under("direction", state.arrays)
        self._number = state.data["number"]


def _point(
    number: int, measurement: Measurement, following: Arrays, at: Mapping[str, float], slopes: Mapping[str, float]
) -> Trial:
    """A point of a sweep as what is recorded."""
    return Trial(
        number,
        measurement.objective,
        measurement.seconds,
        measurement.growth,
        measurement.gradient_norm,
        measurement.reports,
        measurement.proposal.hypers,
        following,
        measurement.stats,
        at=at,
        slopes=slopes,
    )
