"""Which figures a page shows of its groups of runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from drmadc.compiler.load import load_module
from drmadc.ir.program import HyperParameter
from drmadc.tools.report.html import figure, paragraph
from drmadc.tools.report.records import Group

if TYPE_CHECKING:
    from drmadc_runtime.run.reporting.hyper_figures import Found


def _spread(count: int) -> str:
    """What a band is."""
    return f" Mean of {count} runs; the band is from the lowest to the highest." if count > 1 else ""


def recorded(groups: tuple[Group, ...]) -> Iterator[str]:
    """A figure for each reported value: by outer step, the best step marked, start and baselines across."""
    from drmadc_runtime.run.best import GUARD

    first = groups[0]
    keys = [report.key for report in first.compilation.require().reports if report.shape is None]
    yield _by_outer(groups, ["objective"], "objective", "The outer objective.")
    if GUARD in first.first.metrics[0]:
        yield _by_outer(groups, [GUARD], GUARD, "The objective on the guard split, which decides what is best.")
    for key in keys:
        if key != GUARD:
            yield _by_outer(groups, [key], key, f"{key}.")
    rows = [row for run in first.runs for row in run.metrics]
    if len({row["growth"] for row in rows}) > 1:
        about = "Norm of the hypergradient, and growth of the adjoint on its way back through training."
        yield _by_outer(groups, ["hypergradient", "growth"], "", about, log=True)


def _by_outer(groups: tuple[Group, ...], keys: list[str], label: str, about: str, *, log: bool = False) -> str:
    from drmadc_runtime.run.reporting.figures import Level, Line, series

    lines = []
    for group in groups:
        for key in keys:
            values = tuple(np.array([row.get(key, np.nan) for row in run.metrics], float) for run in group.runs)
            name = " ".join(word for word in (group.name, key if len(keys) > 1 or not group.name else "") if word)
            lines.append(Line(name, values, () if log else tuple(run.best for run in group.runs)))
    levels = []
    if len(groups) == 1 and not log:
        runs, (key,) = groups[0].runs, keys
        start = tuple(float(run.metrics[0].get(key, np.nan)) for run in runs)
        levels.append(Level(f"start, {np.mean(start):.4g}", start))
        for arm in runs[0].arms:
            found = tuple(run.arms[arm][key] for run in runs if key in run.arms.get(arm, {}))
            if found:
                levels.append(Level(f"retrained, {arm}: {np.mean(found):.4g}", found))
    png = series(lines, label, levels, log=log)
    return figure(png, about + _spread(max(len(group.runs) for group in groups)))


def learning_curves(group: Group) -> str:
    """Training losses with the first and the best hyperparameters of a run, on the same fresh draws; trains twice."""
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.program.executor import Executor
    from drmadc_runtime.program.training_runs import learning_curve
    from drmadc_runtime.run.reporting.figures import curves

    run, program = group.first, load_module(group.compilation.text, group.compilation.require().name)
    executor = Executor(program)
    try:
        first = learning_curve(executor, group.hypers[0][0], program.fresh_outer)
        final = learning_curve(executor, group.hypers[0][run.best], program.fresh_outer)
    except DataError as error:
        return paragraph(f"No learning curves: {error}")
    lines = [np.asarray(first[1]), np.asarray(final[1])]
    png = curves(np.asarray(first[0]), lines, ["start", f"best, step {run.best}"], "training step", "training loss")
    return figure(png, "Minibatch loss of one training run, with the first and with the best hyperparameters.")


def hyperparameters(group: Group) -> Iterator[str]:
    """A figure for each hyperparameter of a group of runs."""
    from drmadc_runtime.run.reporting.hyper_figures import caption, hyperparameter

    for hyper in group.compilation.require().hypers:
        shape = str(hyper.type)[4:] if hyper.type.axes else ""
        found = _found(hyper, group)
        yield figure(hyperparameter(found), f"{hyper.name}: {hyper.domain}{shape}. {caption(found)}".rstrip())


def _found(hyper: HyperParameter, group: Group) -> "Found":
    from drmadc_runtime.run.reporting.hyper_figures import MOST_LINES, Found

    program = group.compilation.require()
    axes = hyper.type.axes
    labels = group.entries.of_axis(axes[-1], hyper) if axes and axes[-1].length <= MOST_LINES else ()
    return Found(
        hyper.name,
        hyper.domain,
        tuple("bin" if axis.bins else axis.kind for axis in hyper.type.axes),
        program.steps,
        labels if all(labels) else (),
        tuple([arrays[hyper.name] for arrays in steps] for steps in group.hypers),
        tuple(run.best for run in group.runs),
    )


def pictures(group: Group) -> Iterator[str]:
    """What the runs have drawn themselves, of the first run."""
    for path in sorted(group.first.path.glob("*.png")):
        yield figure(path.read_bytes(), path.stem)
