"""Figures of what was recorded by outer step, of curves along training, and of a sweep; as PNG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator

from drmadc_runtime.run.reporting.drawing import COLOURS, HEIGHT, SMALL, logarithmic, look, png, sheet, whole_numbers

Array = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Line:
    """Something recorded at each outer step, in one run or in several of the same spec.

    Attributes:
        name: in the legend; "" for none.
        runs: for each run, values by outer step; runs may be of different lengths.
        marks: for each run, the outer step that is marked as its best; empty where none is.
    """

    name: str
    runs: tuple[Array, ...]
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """A value that does not depend on the outer step, such as a baseline's; of each run."""

    name: str
    values: tuple[float, ...]


def line(records: Sequence[Mapping[str, Any]], key: str, best: int | None = None) -> Line:
    """What one run recorded under a key; `best` is the outer step that is marked."""
    values = np.array([record.get(key, np.nan) for record in records], float)
    return Line(key, (values,), () if best is None else (best,))


def series(lines: Sequence[Line], label: str, levels: Sequence[Level] = (), *, log: bool = False) -> bytes:
    """Lines by outer step, the best step of each run as a dot, levels across.

    Several runs of a line are their mean, and a band from the lowest to the highest.
    """
    figure, (axes,) = sheet()
    for number, each in enumerate(lines):
        banded(axes, each, number)
    for number, level in enumerate(levels):
        _across(axes, level, number)
    shown = np.concatenate([values for each in lines for values in each.runs])
    positive = shown[np.isfinite(shown) & (shown > 0)]
    if log and positive.size:
        logarithmic(axes, "y", positive.min(), positive.max())
    axes.set_xlabel("outer step")
    axes.set_ylabel(label)
    whole_numbers(axes.xaxis)
    legend(figure, axes)
    return png(figure)


def banded(axes: Axes, each: Line, number: int) -> None:
    """A line by outer step: the mean of its runs, the band that they span, and their best steps."""
    longest = max(len(values) for values in each.runs)
    padded = np.full((len(each.runs), longest), np.nan)
    for row, values in zip(padded, each.runs, strict=True):
        row[: len(values)] = values
    there = np.isfinite(padded).any(0)
    x, padded = np.flatnonzero(there), padded[:, there]
    style, colour = look(number)
    dots = "." if longest <= 30 else ""
    mean = np.nanmean(padded, 0)
    axes.plot(x, mean, style, color=colour, label=each.name or None, marker=dots, markersize=4, linewidth=1.3)
    if len(each.runs) > 1:
        axes.fill_between(x, np.nanmin(padded, 0), np.nanmax(padded, 0), color=colour, alpha=0.18, linewidth=0)
    for run, (values, best) in enumerate(zip(each.runs, each.marks, strict=False)):
        name = ("best steps" if len(each.runs) > 1 else f"best, step {best}") if run == 0 and number == 0 else None
        axes.plot(best, values[best], "o", color=colour, markersize=7, fillstyle="none", label=name)


def _across(axes: Axes, level: Level, number: int) -> None:
    """A horizontal line, with a band where runs differ."""
    colour = ("0.45", *COLOURS[1:])[number % len(COLOURS)]
    mean = float(np.mean(level.values))
    axes.axhline(mean, linestyle=":" if number == 0 else "--", color=colour, linewidth=1.3, label=level.name)
    if len(level.values) > 1:
        axes.axhspan(min(level.values), max(level.values), color=colour, alpha=0.1, linewidth=0)


def curves(
    x: Array | npt.NDArray[np.integer], lines: Sequence[Array], names: Sequence[str], label: str, unit: str
) -> bytes:
    """Curves over whole numbers x, told apart by line and colour."""
    figure, (axes,) = sheet()
    for number, (values, name) in enumerate(zip(lines, names, strict=True)):
        style, colour = look(number)
        axes.plot(x, values, style, color=colour, label=name, linewidth=1.3)
    axes.set_xlabel(label)
    axes.set_ylabel(unit)
    whole_numbers(axes.xaxis)
    legend(figure, axes)
    return png(figure)


def legend(figure: Figure, axes: Axes) -> None:
    """Below the axes, where it covers nothing; none where nothing has a name."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        columns = 2 if len(names) > 1 and max(map(len, names)) < 24 else 1
        figure.set_figheight(HEIGHT + 0.17 * -(-len(names) // columns))
        figure.legend(handles, names, loc="outside lower center", frameon=False, fontsize=SMALL, ncols=columns)


def sweep(records: Sequence[Mapping[str, float]], name: str) -> bytes:
    """Objective and derivative over the values of one axis of a sweep."""
    figure, (above, below) = sheet(4.4, 2)
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
        logarithmic(above, "x", min(values), max(values))
    below.set_xlabel(name)
    return png(figure)
