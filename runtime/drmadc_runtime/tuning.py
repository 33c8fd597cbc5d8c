"""The outer loop: evaluate objective and hypergradient, record, move the hyperparameters."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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

    def record(self) -> dict[str, float]:
        """The step as a line of `metrics.jsonl`."""
        return {
            "outer": self.outer,
            "objective": self.objective,
            "seconds": self.seconds,
            "growth": self.growth,
            **self.reports,
        }


def tune(session: Session, hypers: Values, steps: int) -> Iterator[OuterStep]:
    """Run the outer loop, one item for each step.

    Raises:
        NotFinite: when a value, a gradient or a hyperparameter is NaN or infinite.
    """
    state = session.start_tuning(session.unconstrain(hypers))
    current = session.cast(hypers)
    for outer in range(steps):
        start = time.perf_counter()
        result = session.evaluate(current, outer)
        if not result.finite:
            raise locate(session, current, outer, result)
        reports = session.report(result.params, current, outer)
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
        )
        if not healthy:
            line = session.module["LINES"]["tune"]
            raise NotFinite(outer, None, line, "the outer update left a hyperparameter that is not finite")
        current = following
