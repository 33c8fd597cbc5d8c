"""Hyperparameters that move inside each training run, by the update rule: outer steps of `reverse = one_step`."""

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.contract import Stage
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.search.base import Measurement, Proposal, SearchState, Trial, prefixed, under
from drmadc_runtime.search.rule import UpdateRule


class Online:
    """Training runs one after another; each begins with the hyperparameters that the one before ended with.

    Args:
        stage: its update rule, and the number of runs.
        hypers: where the first run starts, before ties.
    """

    def __init__(self, executor: Executor, stage: Stage, hypers: Arrays) -> None:
        self._rule = UpdateRule(executor, stage)
        self._steps = stage.steps
        self._outer = 0
        self._state = self._rule.start(hypers)
        self._hypers = hypers

    @property
    def hypers(self) -> Arrays:
        """Those with which the last run ended."""
        return self._hypers

    @property
    def done(self) -> bool:
        """Whether all runs are done."""
        return self._outer >= self._steps

    def ask(self) -> Proposal:
        """A training run from the state of the last one's end."""
        return Proposal(self._hypers, self._outer, gradient=False, online=self._state)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Take over the state that training ended with."""
        assert measurement.online is not None
        self._state = measurement.online
        self._hypers = self._rule.hypers(self._state)
        trial = Trial(
            self._outer,
            measurement.objective,
            measurement.seconds,
            measurement.growth,
            measurement.gradient_norm,
            measurement.reports,
            self._hypers,
            self._hypers,
        )
        self._outer += 1
        return (trial,)

    def state(self) -> SearchState:
        """Hyperparameters, and the arrays of the update rule's state."""
        arrays = {**prefixed("hyper", self._hypers), **self._rule.arrays(self._state)}
        return SearchState(arrays, {"outer": self._outer})

    def restore(self, state: SearchState) -> None:
        """Go on with the next run."""
        self._state = self._rule.restored(state.arrays, self._state)
        self._hypers = under("hyper", state.arrays)
        self._outer = state.data["outer"]
