"""Ask and tell: the interface of every searcher of hyperparameters, and what passes through it.

The loop asks a searcher what to evaluate, evaluates it, and tells it what was measured. What a searcher then knows is
its state, and its state is the checkpoint. Optuna's `Study.ask` and `Study.tell` are the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.types import Arrays, UpdateState
from drmadc_runtime.program.audit.prediction import Change
from drmadc_runtime.program.executor import Evaluation

Data: TypeAlias = Mapping[str, Any]
"""What JSON can hold: numbers, strings, and lists and mappings of them."""

Record: TypeAlias = dict[str, Any]
"""A line of metrics.jsonl or of sweep.jsonl: numbers and strings by name."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to evaluate next. Made by a searcher, read by `averaging.measure`.

    Attributes:
        hypers: by name, each of its declared shape, in its own domain.
        outer: the outer step whose draws are read, `seeds` of them: outer * seeds, ..., (outer + 1) * seeds - 1.
        gradient: whether the hypergradient is wanted, or the objective alone.
        finite: whether a NaN or an infinity stops the run; otherwise the searcher is told of it.
        online: for strategies that move the hyperparameters inside training, the state of the outer update rule that
            training begins with; None for all others.
    """

    hypers: Arrays
    outer: int
    gradient: bool = True
    finite: bool = True
    online: UpdateState | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of a proposal. Made by `averaging.measure`, read by the searcher that is told.

    A searcher that proposes several points before it is told of the first knows them by `proposal`.

    Attributes:
        proposal: what was evaluated.
        objective: mean over the draws.
        gradient: mean over the draws, with respect to the unconstrained hyperparameters, by name, each of its declared
            shape; empty where it was not asked for.
        reports: means over the draws, by key, in the spec's order.
        growth: |adjoint at the first step| / |adjoint at the last|, of the last draw; 1 without a gradient.
        stats: what the strategy measured of itself on the last draw, by name.
        seconds: of all draws together.
        draw: the number of the last draw.
        evaluation: of the last draw, for the probe of its slope; None without a gradient.
        online: the state of the outer update rule after training, where the proposal had one.
    """

    proposal: Proposal
    objective: float
    gradient: Arrays
    reports: Mapping[str, float]
    seconds: float
    draw: int
    growth: float = 1.0
    stats: Mapping[str, float] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    online: UpdateState | None = None

    @property
    def gradient_norm(self) -> float:
        """Length of the hypergradient, over all hyperparameters; 0 without one."""
        return float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in self.gradient.values())))


@dataclass(frozen=True, slots=True)
class Trial:
    """What the run records: an outer step, or a point of a sweep. Made by searchers, read by the run and its displays.

    Attributes:
        number: of the outer step over all stages, or of the point of the sweep; from 0.
        objective: mean over the draws.
        seconds: that it took.
        growth: see `Measurement`.
        gradient_norm: length of the hypergradient in the unconstrained hyperparameters.
        reports: means over the draws, by key, in the spec's order.
        hypers: at which this was measured; by name, in their own domains.
        following: with which the search goes on.
        stats: see `Measurement`.
        stage: its name; "" where there is one only.
        at: for a point of a sweep, its coordinates by axis; empty for an outer step.
        slopes: for a point of a sweep, the objective's derivative along each axis, unconstrained.
        probe: measures what the outer step changes and what was predicted, a training or two; where that is advisable.
    """

    number: int
    objective: float
    seconds: float
    growth: float
    gradient_norm: float
    reports: Mapping[str, float]
    hypers: Arrays
    following: Arrays
    stats: Mapping[str, float] = field(default_factory=dict)
    stage: str = ""
    at: Mapping[str, float] = field(default_factory=dict)
    slopes: Mapping[str, float] = field(default_factory=dict)
    probe: Callable[[], tuple[Change, ...]] | None = None

    def record(self) -> Record:
        """The trial as a line of metrics.jsonl, or of sweep.jsonl for a point of a sweep."""
        if self.at:
            slopes = {f"d_{name}": slope for name, slope in self.slopes.items()}
            return {
                **self.at,
                "objective": self.objective,
                "hypergradient": self.gradient_norm,
                **self.reports,
                **slopes,
            }
        return {
            "outer": self.number,
            **({"stage": self.stage} if self.stage else {}),
            "objective": self.objective,
            "seconds": self.seconds,
            "growth": self.growth,
            "hypergradient": self.gradient_norm,
            **self.stats,
            **self.reports,
        }


@dataclass(frozen=True, slots=True)
class SearchState:
    """All that a searcher knows, for a checkpoint.

    Attributes:
        arrays: by name, of any shape and type; they are restored bit for bit.
        data: small, as JSON; floating-point numbers are restored bit for bit too.
    """

    arrays: Mapping[str, npt.NDArray[np.generic]]
    data: Data


class Searcher(Protocol):
    """Chooses the hyperparameters that are evaluated: a gradient rule, a grid, SciPy's BFGS, random search.

    Laws, which the loop and the checkpoint rely on:
      * `ask` is called while not `done`. What it returns is a function of the state.
      * `tell` is called once for each proposal. A searcher that can propose ahead may be told in any order.
      * After `other.restore(searcher.state())`, where `other` was made as `searcher` was, both propose the same bits.
    """

    @property
    def hypers(self) -> Arrays:
        """Where the search stands: what the next stage starts with, and after the last one the result."""
        ...

    @property
    def done(self) -> bool:
        """Whether there is nothing left to ask."""
        ...

    def ask(self) -> Proposal:
        """What to evaluate next.

        Raises:
            NotFinite: the search itself has left the finite numbers.
        """
        ...

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Take a measurement in; the trials that it completes, none while a line search is under way."""
        ...

    def state(self) -> SearchState:
        """All that `restore` needs, beside what the searcher was made of."""
        ...

    def restore(self, state: SearchState) -> None:
        """Go on where another searcher, made of the same, stood.

        Raises:
            KeyError, IndexError, ValueError: the state is of another searcher.
        """
        ...


def prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays under `PREFIX NAME`, so that those of several searchers fit into one state."""
    return {f"{prefix} {name}": values for name, values in arrays.items()}


def under(prefix: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Any]:
    """The inverse of `prefixed`."""
    return {name[len(prefix) + 1 :]: values for name, values in arrays.items() if name.startswith(f"{prefix} ")}
