"""Sweeps: objective and hypergradient on a grid of hyperparameters, or along the hypergradient itself."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import numpy as np

from drmadc_runtime.program.executor import Arrays, Session, Values
from drmadc_runtime.program.failure import locate
from drmadc_runtime.search.averaging import average


def sweep(session: Session, hypers: Values) -> Iterator[dict[str, float]]:
    """A record for each point of the grid, on the draws of the first outer step; what diverges is recorded as NaN.

    `d_NAME` is the derivative of the objective when all entries of a hyperparameter move together, in what the outer
    loop moves (its logarithm, its logit); along the hypergradient, `d_along` is the derivative in the step.
    """
    grid = session.grid()
    if "along" in grid:
        free = {name: np.asarray(value) for name, value in session.unconstrain(hypers).items()}
        here = average(session, hypers, 0, finite=True)
        if not here.last.finite:
            raise locate(session, hypers, here.draw, here.last)
        direction = here.gradient
        for step in grid["along"]:
            moved = session.constrain({name: value - step * direction[name] for name, value in free.items()})
            record, gradient = _point(session, moved)
            slope = -sum(float(np.sum(gradient[name] * direction[name])) for name in gradient)
            yield {"along": float(step), **record, "d_along": slope}
        return
    for values in product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        changed = {name: np.full_like(np.asarray(hypers[name]), value) for name, value in point.items()}
        record, gradient = _point(session, {**hypers, **changed})
        slopes = {f"d_{name}": float(np.sum(gradient[name])) for name in point}
        yield {**{name: float(value) for name, value in point.items()}, **record, **slopes}


def _point(session: Session, hypers: Values) -> tuple[dict[str, float], Arrays]:
    found = average(session, hypers, 0, finite=False)
    return {"objective": found.value, "hypergradient": found.norm, **found.reports}, found.gradient


def draw_sweep(path: Path, records: list[Mapping[str, float]], name: str) -> None:
    """Objective and derivative over the values of one axis of the grid."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import SymmetricalLogLocator

    figure = Figure(figsize=(6.0, 5.0), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    values = [record[name] for record in records]
    for axes, key, label in ((above, "objective", "objective"), (below, f"d_{name}", f"derivative in {name}")):
        axes.plot(values, [record[key] for record in records], "k.-", linewidth=0.8, markersize=3)
        axes.set_ylabel(label)
        shown = [abs(record[key]) for record in records if record[key] and np.isfinite(record[key])]
        if shown and max(shown) > 100 * min(shown):
            signed = key != "objective"
            axes.set_yscale("symlog" if signed else "log")
            if signed:
                axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1, subs=[1]))
                axes.locator_params(axis="y", numticks=7)
    if min(values) > 0 and max(values) > 5 * min(values):
        above.set_xscale("log")
    below.set_xlabel(name)
    figure.savefig(path, dpi=120, metadata={"Software": None})
