"""What a program asks for: its sweep, then the stages of its outer loop, each by the searcher that suits it."""

from functools import partial

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.contract import Stage
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.search.base import Searcher
from drmadc_runtime.search.gradient import Gradient
from drmadc_runtime.search.grid import Along, Grid, axes_of
from drmadc_runtime.search.online import Online
from drmadc_runtime.search.scipy import Scipy
from drmadc_runtime.search.stages import Planned, Stages


def searcher_of(executor: Executor, hypers: Arrays) -> Stages:
    """The search of a program.

    Args:
        executor: compiles and calls the program.
        hypers: where it starts, in their own domains.
    """
    program = executor.program
    plan = []
    if axes := axes_of(executor):
        plan.append(Planned(lambda hypers, first: _sweep(executor, axes, hypers)))
    plan += [_stage(executor, stage) for stage in program.stages]
    return Stages(plan, hypers)


def _stage(executor: Executor, stage: Stage) -> Planned:
    if executor.program.online is not None:
        return Planned(lambda hypers, first: Online(executor, stage, hypers))
    if stage.optimizer:
        return Planned(partial(Scipy, executor, stage))
    return Planned(partial(Gradient, executor, stage), executor.program.stop)


def _sweep(executor: Executor, axes: Arrays, hypers: Arrays) -> Searcher:
    return Along(executor, axes, hypers) if "along" in axes else Grid(axes, hypers)
