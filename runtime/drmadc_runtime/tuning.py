"""The outer loop: evaluate objective and hypergradient, record, move the hyperparameters."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from drmadc_runtime.audit import Slope, probe
from drmadc_runtime.failure import NotFinite, locate
from drmadc_runtime.session import Arrays, Session, Values

GROWTH_LIMIT = 10.0


@dataclass(frozen=True)
class OuterStep:
    """One outer step: what was measured with `hypers`, and the hyperparameters that follow from it.

    `gradient` is the norm of the hypergradient in what the outer loop moves; `stage` is "" where there is one only.
    """

    outer: int
    objective: float
    seconds: float
    growth: float
    gradient: float
    reports: dict[str, float]
    hypers: Arrays
    following: Arrays
    switched: int = -1
    unsettled: float = 0.0
    probe: Slope | None = None
    stage: str = ""

    def record(self) -> dict[str, Any]:
        """The step as a line of `metrics.jsonl`."""
        return {
            "outer": self.outer,
            **({"stage": self.stage} if self.stage else {}),
            "objective": self.objective,
            "seconds": self.seconds,
            "growth": self.growth,
            "hypergradient": self.gradient,
            **({"switched": self.switched} if self.switched >= 0 else {}),
            **self.reports,
        }


def tune(session: Session, hypers: Values) -> Iterator[OuterStep]:
    """Run the outer loop, stage after stage; one item for each outer step.

    Raises:
        NotFinite: when a value, a gradient or a hyperparameter is NaN or infinite.
    """
    current = session.cast(hypers)
    if "online" in session.module:
        yield from _online(session, session.start_tuning(session.unconstrain(hypers)), current)
        return
    outer = 0
    for number, stage in enumerate(session.stages):
        state = session.start_tuning(session.unconstrain(current), number)
        current = session.constrain(dict(state["w"]))
        norms: list[float] = []
        for t in range(stage.steps):
            step, state = _outer_step(session, state, current, outer, number, t)
            yield step
            if step.following is step.hypers:
                line = session.module["LINES"]["tune"]
                raise NotFinite(outer, None, line, "the outer update left a hyperparameter that is not finite")
            current = session.cast(step.following)
            outer += 1
            norms.append(step.gradient)
            if _growing(norms, session.module.get("STOP", 0)):
                return


def _growing(norms: list[float], times: int) -> bool:
    """Whether the last `times` norms each exceed the one before (Maclaurin et al. 2015, section 4)."""
    last = norms[-times - 1 :]
    return times > 0 and len(last) > times and all(a < b for a, b in pairwise(last))


def _outer_step(session: Session, state: Any, current: Values, outer: int, stage: int, t: int) -> tuple[OuterStep, Any]:
    """Objective and hypergradient, averaged over the draws that the spec asks for; and the outer update's new state."""
    start = time.perf_counter()
    seeds = session.module.get("SEEDS", 1)
    reports: dict[str, float] = {}
    gradient: Arrays = {}
    value = 0.0
    for draw in range(outer * seeds, (outer + 1) * seeds):
        result = session.evaluate(current, draw)
        if not result.finite:
            raise locate(session, current, draw, result)
        value += result.value / seeds
        for name, found in result.unconstrained.items():
            gradient[name] = gradient.get(name, 0.0) + found / seeds
        for name, number in session.report(result.params, current, draw).items():
            reports[name] = reports.get(name, 0.0) + number / seeds
    keep = session.module["KEEP"]
    probed = probe(session, current, outer * seeds, result) if outer == 0 and not keep.exact else None
    state = session.tune_step(state, gradient, t, stage)
    following = session.constrain(dict(state["w"]))
    arrays = {name: np.asarray(value) for name, value in following.items()}
    before = {name: np.asarray(value) for name, value in current.items()}
    healthy = all(np.isfinite(value).all() for value in arrays.values())
    step = OuterStep(
        outer,
        value,
        time.perf_counter() - start,
        result.growth,
        float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradient.values()))),
        reports,
        before,
        arrays if healthy else before,
        result.switched,
        result.unsettled,
        probed,
        session.stages[stage].name,
    )
    return step, state


def _online(session: Session, state: Any, current: Values) -> Iterator[OuterStep]:
    """Outer steps of a strategy that moves the hyperparameters inside each training run."""
    for outer in range(session.module["TUNE_STEPS"]):
        start = time.perf_counter()
        trained, state, value = session.online(state, outer)
        following = session.constrain(dict(state["w"]))
        before = {name: np.asarray(x) for name, x in current.items()}
        arrays = {name: np.asarray(x) for name, x in following.items()}
        if not (np.isfinite(value) and all(np.isfinite(x).all() for x in arrays.values())):
            line = session.module["LINES"]["update"]
            raise NotFinite(outer, None, line, "training or the hyperparameters diverged", "a smaller outer rate")
        reports = session.report(trained["w"], following, outer)
        yield OuterStep(outer, value, time.perf_counter() - start, 1.0, 0.0, reports, before, arrays)
        current = following
