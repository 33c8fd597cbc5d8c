"""Objective, hypergradient and reports averaged over the draws of an outer step."""

from dataclasses import dataclass

import numpy as np

from drmadc_runtime.program.executor import Arrays, Evaluation, Session, Values


@dataclass(frozen=True)
class Average:
    """Means over the draws (`seeds` of the spec); `last` is the evaluation of the last one, whose number is `draw`.

    `gradient` is with respect to what the outer loop moves.
    """

    value: float
    gradient: Arrays
    reports: dict[str, float]
    last: Evaluation
    draw: int

    @property
    def norm(self) -> float:
        """Length of the hypergradient."""
        return float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in self.gradient.values())))


def average(session: Session, hypers: Values, outer: int, *, finite: bool) -> Average:
    """Evaluate on each draw of an outer step; with `finite`, stop at the first that is not."""
    seeds = session.module.get("SEEDS", 1)
    reports: dict[str, float] = {}
    gradient: Arrays = {}
    value = 0.0
    for draw in range(outer * seeds, (outer + 1) * seeds):
        result = session.evaluate(hypers, draw)
        if finite and not result.finite:
            break
        value += result.value / seeds
        for name, found in result.unconstrained.items():
            gradient[name] = gradient.get(name, 0.0) + found / seeds
        for name, number in session.report(result.params, hypers, draw).items():
            reports[name] = reports.get(name, 0.0) + number / seeds
    return Average(value, gradient, reports, result, draw)
