"""Follows the hypergradient by an update rule: the outer steps of one stage."""

import time
from functools import partial

import numpy as np

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.audit.prediction import Change, probe
from drmadc_runtime.program.contract import Stage
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.failure import NotFinite
from drmadc_runtime.search.base import Measurement, Proposal, SearchState, Trial, prefixed, under
from drmadc_runtime.search.rule import UpdateRule

GROWTH_LIMIT = 10.0
"""Of the adjoint, above which an outer step is looked at: by itself it says nothing of the gradient's use."""


class Gradient:
    """A stage whose update rule moves the hyperparameters; outer step `first + t` on draws of its own.

    Args:
        stage: its update rule and its number of steps.
        hypers: where it starts, before ties.
        first: the number of its first outer step.
    """

    def __init__(self, executor: Executor, stage: Stage, hypers: Arrays, first: int) -> None:
        self._executor = executor
        self._stage = stage
        self._rule = UpdateRule(executor, stage)
        self._first = first
        self._t = 0
        self._state = self._rule.start(hypers)
        self._hypers = self._rule.hypers(self._state)
        self._lost = False
        self._grown = GROWTH_LIMIT

    @property
    def hypers(self) -> Arrays:
        """Those of the last outer step."""
        return self._hypers

    @property
    def done(self) -> bool:
        """Whether all steps are done; not where the last one led nowhere, which `ask` then says."""
        return self._t >= self._stage.steps and not self._lost

    def ask(self) -> Proposal:
        """The hypergradient where the last step led.

        Raises:
            NotFinite: the last step led nowhere.
        """
        number = self._first + self._t
        if self._lost:
            raise NotFinite(
                number - 1, None, self._stage.origin, "the outer update produced a hyperparameter that is not finite"
            )
        return Proposal(self._hypers, number)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Take one step."""
        start = time.perf_counter()
        number = measurement.proposal.outer
        self._state = self._rule.step(self._state, measurement.gradient, self._t)
        self._t += 1
        moved = self._rule.hypers(self._state)
        before = self._hypers
        self._lost = not _finite(moved)
        if not self._lost:
            self._hypers = moved
        watched = number == 0 or measurement.growth > self._grown
        if watched:
            self._grown = max(self._grown, 10 * measurement.growth)
        trial = Trial(
            number,
            measurement.objective,
            measurement.seconds + time.perf_counter() - start,
            measurement.growth,
            measurement.gradient_norm,
            measurement.reports,
            before,
            self._hypers,
            measurement.stats,
            self._stage.name,
            probe=partial(_probed, self._executor, measurement, self._hypers) if watched else None,
        )
        return (trial,)

    def state(self) -> SearchState:
        """Hyperparameters, and the arrays of the update rule's state."""
        arrays = {**prefixed("hyper", self._hypers), **self._rule.arrays(self._state)}
        return SearchState(arrays, {"t": self._t})

    def restore(self, state: SearchState) -> None:
        """Go on after step t."""
        self._state = self._rule.restored(state.arrays, self._state)
        self._lost = not _finite(self._rule.hypers(self._state))
        self._hypers = under("hyper", state.arrays)
        self._t = state.data["t"]


def _finite(arrays: Arrays) -> bool:
    return all(np.isfinite(values).all() for values in arrays.values())


def _probed(executor: Executor, measurement: Measurement, following: Arrays) -> tuple[Change, ...]:
    """What the outer step changes, predicted and measured, on the draw that was evaluated last."""
    assert measurement.evaluation is not None
    executor.status("checking what the outer step changes")
    return probe(executor, measurement.proposal.hypers, following, measurement.draw, measurement.evaluation)
