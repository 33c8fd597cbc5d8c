"""What a program asks for: its sweep, then the stages of its outer loop, each by the searcher that suits it."""

from functools import partial

from drmadc_runtime.program.executor import Arrays, Session
from drmadc_runtime.search.base import Searcher
from drmadc_runtime.search.gradient import Gradient
from drmadc_runtime.search.grid import Along, Grid, axes_of
from drmadc_runtime.search.online import Online
from drmadc_runtime.search.scipy import Scipy
from drmadc_runtime.search.stages import Planned, Stages


def searcher_of(session: Session, hypers: Arrays) -> Stages:
    """The search of a program.

    Args:
        session: compiles and calls the program.
        hypers: where it starts, in their own domains.
    """
    module = session.module
    plan = []
    if axes := axes_of(session):
        plan.append(Planned(lambda hypers, first: _sweep(session, axes, hypers)))
    if "online" in module:
        plan.append(Planned(lambda hypers, first: Online(session, hypers, module["TUNE_STEPS"])))
    else:
        for number, stage in enumerate(session.stages):
            kind, stop = (Gradient, module.get("STOP", 0)) if stage.library is None else (Scipy, 0)
            plan.append(Planned(partial(kind, session, number), stop))
    return Stages(plan, hypers)


def _sweep(session: Session, axes: Arrays, hypers: Arrays) -> Searcher:
    return Along(session, axes, hypers) if "along" in axes else Grid(axes, hypers)
