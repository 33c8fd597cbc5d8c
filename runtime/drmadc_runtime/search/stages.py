"""Searchers one after another, each from where the one before ended; together they are a searcher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.search.base import Measurement, Proposal, Searcher, SearchState, Trial, prefixed, under


@dataclass(frozen=True, slots=True)
class Planned:
    """A searcher to come.

    Attributes:
        start: from the hyperparameters and the number of its first outer step.
        growing: end the whole search when the hypergradient's norm has grown this many times in a row; 0 for never.
    """

    start: Callable[[Arrays, int], Searcher]
    growing: int = 0


class Stages:
    """A sequence of searchers.

    Args:
        plan: the searchers, in order.
        hypers: where the first one starts.
    """

    def __init__(self, plan: Sequence[Planned], hypers: Arrays) -> None:
        self._plan = plan
        self._index = 0
        self._number = 0
        self._begin(hypers, 0)
        self._pass_on()

    def _begin(self, hypers: Arrays, number: int) -> None:
        """Start the searcher whose turn it is."""
        self._start = hypers
        self._first = self._number = number
        self._norms: list[float] = []
        self._current = self._plan[self._index].start(hypers, number) if self._index < len(self._plan) else None

    def _pass_on(self) -> None:
        """Start the next searcher where one is done, unless the search has ended."""
        while self._current is not None and self._current.done and not self._stopped:
            self._index += 1
            self._begin(self._current.hypers, self._number)

    @property
    def _stopped(self) -> bool:
        return growing(self._norms, self._plan[self._index].growing) if self._index < len(self._plan) else False

    @property
    def hypers(self) -> Arrays:
        """Those of the searcher whose turn it is."""
        return self._start if self._current is None else self._current.hypers

    @property
    def done(self) -> bool:
        """Whether all searchers are done, or the hypergradient grows."""
        return self._current is None or self._stopped

    def ask(self) -> Proposal:
        """What the searcher whose turn it is asks."""
        assert self._current is not None
        return self._current.ask()

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Pass a measurement on; outer steps are counted over all stages, points of a sweep are not."""
        assert self._current is not None
        trials = self._current.tell(measurement)
        steps = [trial for trial in trials if not trial.at]
        self._number += len(steps)
        self._norms += [step.gradient_norm for step in steps]
        self._pass_on()
        return trials

    def state(self) -> SearchState:
        """The state of the searcher whose turn it is, and where it started."""
        start = prefixed("start", self._start)
        data = {"index": self._index, "first": self._first, "number": self._number, "norms": self._norms}
        if self._current is None:
            return SearchState(start, data)
        inner = self._current.state()
        return SearchState({**start, **prefixed("inner", inner.arrays)}, {**data, "inner": inner.data})

    def restore(self, state: SearchState) -> None:
        """Go on with the searcher whose turn it was."""
        data = state.data
        self._index = data["index"]
        self._begin(under("start", state.arrays), data["first"])
        self._number, self._norms = data["number"], list(data["norms"])
        if self._current is not None:
            self._current.restore(SearchState(under("inner", state.arrays), data["inner"]))


def growing(norms: Sequence[float], times: int) -> bool:
    """Whether the last `times` norms each exceed the one before (Maclaurin et al. 2015, section 4)."""
    last = norms[-times - 1 :]
    return times > 0 and len(last) > times and all(a < b for a, b in pairwise(last))
