"""The outer loop: evaluate objective and hypergradient, record, move the hyperparameters."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from drmadc_runtime.program.audit import Slope, flat, probe
from drmadc_runtime.program.executor import Arrays, Session, Stage, Values
from drmadc_runtime.program.failure import NotFinite, locate
from drmadc_runtime.search import scipy as library
from drmadc_runtime.search.averaging import Average, average
from drmadc_runtime.search.checkpoint import Point

GROWTH_LIMIT = 10.0


@dataclass(frozen=True)
class OuterStep:
    """One outer step: what was measured with `hypers`, and the hyperparameters that follow from it.

    `gradient` is the norm of the hypergradient in what the outer loop moves; `stage` is "" where there is one only;
    `point` is where to go on after the step; `probe`, of the first with an approximate strategy, measures its slope.
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
    residual: float = 0.0
    probe: Callable[[], Slope | None] | None = None
    stage: str = ""
    lost: float = -1.0
    point: Point | None = None

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
            **({"lost": self.lost} if self.lost >= 0 else {}),
            **self.reports,
        }


def tune(session: Session, point: Point) -> Iterator[OuterStep]:
    """Run the outer loop from a point on, stage after stage; one item for each outer step.

    Raises:
        NotFinite: when a value, a gradient or a hyperparameter is NaN or infinite.
    """
    current: Values = session.cast(point.hypers)
    if "online" in session.module:
        yield from _online(session, point)
        return
    outer = point.outer
    for number, stage in enumerate(session.stages):
        if number < point.stage:
            continue
        here = point if number == point.stage else Point(_arrays(current), number, 0, outer)
        if stage.library is not None:
            for step in _library(session, stage, current, outer):
                yield replace(step, point=here)
                current = session.cast(step.following)
                outer += 1
            continue
        if here.leaves is None:
            state = session.start_tuning(session.unconstrain(current), number)
            current = session.constrain(dict(state["w"]))
        else:
            state = session.restore(here.leaves, current, number)
        norms = list(here.norms)
        for t in range(here.step, stage.steps):
            if _growing(norms, session.module.get("STOP", 0)):
                return
            step, state = _outer_step(session, state, current, outer, number, t)
            outer += 1
            norms.append(step.gradient)
            following = Point(step.following, number, t + 1, outer, session.leaves(state), tuple(norms))
            yield replace(step, point=following)
            if step.following is step.hypers:
                line = session.module["LINES"]["tune"]
                text = "the outer update left a hyperparameter that is not finite"
                raise NotFinite(outer - 1, None, line, text)
            current = session.cast(step.following)
        if _growing(norms, session.module.get("STOP", 0)):
            return


def _arrays(hypers: Values) -> Arrays:
    return {name: np.asarray(value) for name, value in hypers.items()}


def _library(session: Session, stage: Stage, current: Values, outer: int) -> Iterator[OuterStep]:
    """A stage in which a library's optimiser moves the hyperparameters, on the draws of its first outer step."""
    assert stage.library is not None
    _, frozen = stage.library
    free = {name: np.asarray(value, np.float64) for name, value in session.unconstrain(current).items()}
    names = tuple(name for name in free if name not in frozen)
    seen: dict[bytes, tuple[OuterStep, library.Vector]] = {}

    def value(point: library.Vector) -> tuple[float, library.Vector]:
        key = point.tobytes()
        if key not in seen:
            hypers = session.constrain(library.unflatten(point, free, names))
            step, found = _measured(session, session.cast(hypers), outer, stage.name)
            seen[key] = step, flat({name: found.gradient[name] for name in names})
        step, gradient = seen[key]
        return step.objective, gradient

    previous: OuterStep | None = None
    with closing(library.bfgs(value, flat({name: free[name] for name in names}), stage.steps)) as points:
        for number, point in enumerate(points):
            step = replace(seen[point.tobytes()][0], outer=outer + number)
            if previous is not None:
                yield replace(previous, following=step.hypers)
            previous = step
    if previous is not None:
        yield replace(previous, following=previous.hypers)


def _growing(norms: list[float], times: int) -> bool:
    """Whether the last `times` norms each exceed the one before (Maclaurin et al. 2015, section 4)."""
    last = norms[-times - 1 :]
    return times > 0 and len(last) > times and all(a < b for a, b in pairwise(last))


def _outer_step(session: Session, state: Any, current: Values, outer: int, stage: int, t: int) -> tuple[OuterStep, Any]:
    """Objective and hypergradient, and the outer update's new state."""
    start = time.perf_counter()
    step, found = _measured(session, current, outer, session.stages[stage].name)
    approximate = outer == 0 and not session.module["SAVE_POLICY"].exact
    probing = partial(_probed, session, current, found) if approximate else None
    state = session.tune_step(state, found.gradient, t, stage)
    following = session.constrain(dict(state["w"]))
    arrays = {name: np.asarray(value) for name, value in following.items()}
    healthy = all(np.isfinite(value).all() for value in arrays.values())
    moved = arrays if healthy else step.hypers
    return replace(step, following=moved, probe=probing, seconds=time.perf_counter() - start), state


def _probed(session: Session, current: Values, found: Average) -> Slope | None:
    """The objective's slope along the hypergradient, predicted and measured."""
    session.tell("checking the gradient along its own direction")
    return probe(session, current, found.draw, found.last)


def _measured(session: Session, current: Values, outer: int, stage: str) -> tuple[OuterStep, Average]:
    """Objective and unconstrained hypergradient, averaged over the draws that the spec asks for."""
    start = time.perf_counter()
    found = average(session, current, outer, finite=True)
    if not found.last.finite:
        raise locate(session, current, found.draw, found.last)
    hypers = {name: np.asarray(value) for name, value in current.items()}
    step = OuterStep(
        outer,
        found.value,
        time.perf_counter() - start,
        found.last.growth,
        found.norm,
        found.reports,
        hypers,
        hypers,
        found.last.switched,
        found.last.residual,
        stage=stage,
        lost=found.last.lost,
    )
    return step, found


def _online(session: Session, point: Point) -> Iterator[OuterStep]:
    """Outer steps of a strategy that moves the hyperparameters inside each training run."""
    current: Values = session.cast(point.hypers)
    if point.leaves is None:
        state = session.start_tuning(session.unconstrain(current))
    else:
        state = session.restore(point.leaves, current)
    for outer in range(point.outer, session.module["TUNE_STEPS"]):
        start = time.perf_counter()
        trained, state, value = session.online(state, outer)
        following = session.constrain(dict(state["w"]))
        before, arrays = _arrays(current), _arrays(following)
        if not (np.isfinite(value) and all(np.isfinite(x).all() for x in arrays.values())):
            line = session.module["LINES"]["update"]
            raise NotFinite(outer, None, line, "training or the hyperparameters diverged", "a smaller outer rate")
        reports = session.report(trained["w"], following, outer)
        after = Point(arrays, 0, 0, outer + 1, session.leaves(state))
        seconds = time.perf_counter() - start
        yield OuterStep(outer, value, seconds, 1.0, 0.0, reports, before, arrays, point=after)
        current = following
