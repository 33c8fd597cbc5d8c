"""The outer loop: evaluate objective and hypergradient, record, move the hyperparameters."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from drmadc_runtime.audit import Slope, probe
from drmadc_runtime.failure import NotFinite, locate
from drmadc_runtime.session import Arrays, Session, Values

GROWTH_LIMIT = 10.0


@dataclass(frozen=True)
class OuterStep:
    """One outer step: what was measured with `hypers`, and the hyperparameters that follow from it."""

    outer: int
    objective: float
    seconds: float
    growth: float
    reports: dict[str, float]
    hypers: Arrays
    following: Arrays
    switched: int = -1
    unsettled: float = 0.0
    probe: Slope | None = None

    def record(self) -> dict[str, float]:
        """The step as a line of `metrics.jsonl`."""
        return {
            "outer": self.outer,
            "objective": self.objective,
            "seconds": self.seconds,
            "growth": self.growth,
            **({"switched": self.switched} if self.switched >= 0 else {}),
            **self.reports,
        }


def tune(session: Session, hypers: Values, steps: int) -> Iterator[OuterStep]:
    """Run the outer loop, one item for each step.

    Raises:
        NotFinite: when a value, a gradient or a hyperparameter is NaN or infinite.
    """
    state = session.start_tuning(session.unconstrain(hypers))
    current = session.cast(hypers)
    if "online" in session.module:
        yield from _online(session, state, current, steps)
        return
    for outer in range(steps):
        start = time.perf_counter()
        result = session.evaluate(current, outer)
        if not result.finite:
            raise locate(session, current, outer, result)
        reports = session.report(result.params, current, outer)
        keep = session.module["KEEP"]
        probed = probe(session, current, outer, result) if outer == 0 and not keep.exact else None
        state = session.tune_step(state, result.unconstrained, outer)
        following = session.constrain(dict(state["w"]))
        arrays = {name: np.asarray(value) for name, value in following.items()}
        before = {name: np.asarray(value) for name, value in current.items()}
        healthy = all(np.isfinite(value).all() for value in arrays.values())
        yield OuterStep(
            outer,
            result.value,
            time.perf_counter() - start,
            result.growth,
            reports,
            before,
            arrays if healthy else before,
            result.switched,
            result.unsettled,
            probed,
        )
        if not healthy:
            line = session.module["LINES"]["tune"]
            raise NotFinite(outer, None, line, "the outer update left a hyperparameter that is not finite")
        current = following


def _online(session: Session, state: Any, current: Values, steps: int) -> Iterator[OuterStep]:
    """Outer steps of a strategy that moves the hyperparameters inside each training run."""
    for outer in range(steps):
        start = time.perf_counter()
        trained, state, value = session.online(state, outer)
        following = session.constrain(dict(state["w"]))
        before = {name: np.asarray(x) for name, x in current.items()}
        arrays = {name: np.asarray(x) for name, x in following.items()}
        if not (np.isfinite(value) and all(np.isfinite(x).all() for x in arrays.values())):
            line = session.module["LINES"]["update"]
            raise NotFinite(outer, None, line, "training or the hyperparameters diverged", "a smaller outer rate")
        reports = session.report(trained["w"], following, outer)
        yield OuterStep(outer, value, time.perf_counter() - start, 1.0, reports, before, arrays)
        current = following
