"""Objective, hypergradient and reports of a proposal, averaged over the draws of its outer step."""

import time

import numpy as np

from drmadc_runtime.program.executor import Arrays, Session
from drmadc_runtime.program.failure import NotFinite, locate
from drmadc_runtime.search.base import Measurement, Proposal


def measure(session: Session, proposal: Proposal) -> Measurement:
    """Evaluate a proposal on each draw of its outer step; what every searcher is told.

    Raises:
        NotFinite: a value or a gradient is NaN or infinite, where the proposal asks for finite ones.
    """
    if proposal.online is not None:
        return _online(session, proposal)
    return _hypergradient(session, proposal) if proposal.gradient else _objective(session, proposal)


def _draws(session: Session, outer: int) -> range:
    """The draws of an outer step."""
    seeds = session.module.get("SEEDS", 1)
    return range(outer * seeds, (outer + 1) * seeds)


def _hypergradient(session: Session, proposal: Proposal) -> Measurement:
    start = time.perf_counter()
    hypers = session.cast(proposal.hypers)
    draws = _draws(session, proposal.outer)
    reports: dict[str, float] = {}
    gradient: Arrays = {}
    value = 0.0
    for draw in draws:
        result = session.evaluate(hypers, draw)
        if proposal.finite and not result.finite:
            raise locate(session, hypers, draw, result)
        value += result.value / len(draws)
        for name, found in result.unconstrained.items():
            gradient[name] = gradient.get(name, 0.0) + found / len(draws)
        for name, number in session.report(result.params, hypers, draw).items():
            reports[name] = reports.get(name, 0.0) + number / len(draws)
    stats = {"switched": float(result.switched), "residual": result.residual, "lost": result.lost}
    seconds = time.perf_counter() - start
    return Measurement(proposal, value, gradient, reports, seconds, draw, result.growth, stats, result)


def _objective(session: Session, proposal: Proposal) -> Measurement:
    """The objective alone: one training a draw, of which nothing is kept and nothing reported."""
    start = time.perf_counter()
    hypers = session.cast(proposal.hypers)
    draws = _draws(session, proposal.outer)
    value = 0.0
    for draw in draws:
        found = session.objective(hypers, draw)
        if proposal.finite and not np.isfinite(found):
            raise locate(session, hypers, draw, session.evaluate(hypers, draw))
        value += found / len(draws)
    return Measurement(proposal, value, {}, {}, time.perf_counter() - start, draws[-1])


def _online(session: Session, proposal: Proposal) -> Measurement:
    """A training run that moves the hyperparameters itself; on the draw of its outer step."""
    start = time.perf_counter()
    outer = proposal.outer
    trained, state, value = session.online(proposal.online, outer)
    hypers = session.constrain(dict(state["w"]))
    if not (np.isfinite(value) and all(np.isfinite(x).all() for x in hypers.values())):
        line = session.module["LINES"]["update"]
        raise NotFinite(outer, None, line, "training or the hyperparameters diverged", "a smaller outer rate")
    reports = session.report(trained["w"], hypers, outer)
    return Measurement(proposal, value, {}, reports, time.perf_counter() - start, outer, online=state)
