"""Objective, hypergradient and reports of a proposal, averaged over the draws of its outer step."""

import time

import numpy as np

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.failure import NotFinite, locate
from drmadc_runtime.search.base import Measurement, Proposal


def measure(executor: Executor, proposal: Proposal) -> Measurement:
    """Evaluate a proposal on each draw of its outer step; what every searcher is told.

    Raises:
        NotFinite: a value or a gradient is NaN or infinite, where the proposal asks for finite ones.
    """
    if proposal.online is not None:
        return _online(executor, proposal)
    if not proposal.gradient:
        return _objective(executor, proposal)
    start = time.perf_counter()
    hypers = executor.cast(proposal.hypers)
    draws = _draws(executor, proposal.outer)
    reports: dict[str, float] = {}
    gradient: Arrays = {}
    value = 0.0
    for draw in draws:
        result = executor.evaluate(hypers, draw)
        if proposal.finite and not result.finite:
            raise locate(executor, hypers, draw, result)
        value += result.value / len(draws)
        for name, found in result.unconstrained.items():
            gradient[name] = gradient.get(name, 0.0) + found / len(draws)
        for name, number in executor.report(result.params, hypers, draw).items():
            reports[name] = reports.get(name, 0.0) + number / len(draws)
    seconds = time.perf_counter() - start
    return Measurement(proposal, value, gradient, reports, seconds, draw, result.growth, result.stats, result)


def _draws(executor: Executor, outer: int) -> range:
    """The draws of an outer step."""
    seeds = executor.program.seeds
    return range(outer * seeds, (outer + 1) * seeds)


def _objective(executor: Executor, proposal: Proposal) -> Measurement:
    """The objective alone: one training a draw, of which nothing is kept and nothing reported."""
    start = time.perf_counter()
    hypers = executor.cast(proposal.hypers)
    draws = _draws(executor, proposal.outer)
    value = 0.0
    for draw in draws:
        found = executor.objective(hypers, draw)
        if proposal.finite and not np.isfinite(found):
            raise locate(executor, hypers, draw, executor.evaluate(hypers, draw))
        value += found / len(draws)
    return Measurement(proposal, value, {}, {}, time.perf_counter() - start, draws[-1])


def _online(executor: Executor, proposal: Proposal) -> Measurement:
    """A training run that moves the hyperparameters itself; on the draw of its outer step."""
    start = time.perf_counter()
    outer = proposal.outer
    assert proposal.online is not None
    trained, state, value = executor.online(proposal.online, outer)
    hypers = executor.constrain(dict(state["w"]))
    if not (np.isfinite(value) and all(np.isfinite(x).all() for x in hypers.values())):
        line = executor.program.origins.step
        raise NotFinite(outer, None, line, "training or the hyperparameters diverged", "use a smaller outer rate")
    reports = executor.report(trained["w"], hypers, outer)
    return Measurement(proposal, value, {}, reports, time.perf_counter() - start, outer, online=state)
