"""Figures of a hyperparameter as its axes ask for, at the start and at the best step; as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from drmadc_common.amounts import count_text
from drmadc_runtime.run.folder import tiles
from drmadc_runtime.run.reporting.drawing import (
    HEIGHT,
    SMALL,
    decimal_ticks,
    logarithmic,
    look,
    png,
    sheet,
    whole_numbers,
)
from drmadc_runtime.run.reporting.figures import Line, banded, legend

Array = npt.NDArray[np.floating]
MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a hyperparameter, in one run or in several of the same spec.

    Attributes:
        name: as in the spec.
        domain: `positive` values are drawn on a logarithmic axis.
        kinds: of its axes; `bin` where training steps share entries.
        steps: training steps of a run.
        labels: of the entries of a group axis; empty where they have none.
        by_outer: for each run, the values at each outer step.
        best: for each run, the number of its best outer step.
    """

    name: str
    domain: str
    kinds: tuple[str, ...]
    steps: int
    labels: tuple[str, ...]
    by_outer: tuple[Sequence[Array], ...]
    best: tuple[int, ...]

    @property
    def initial(self) -> list[Array]:
        """Of each run."""
        return [values[0] for values in self.by_outer]

    @property
    def final(self) -> list[Array]:
        """Of each run, at its best step."""
        return [values[best] for values, best in zip(self.by_outer, self.best, strict=True)]

    @property
    def log(self) -> bool:
        """Whether the values stand on a logarithmic axis."""
        return self.domain == "positive" and all(x.min() > 0 for values in self.by_outer for x in values)


def form(found: Found) -> Literal["along", "map", "picture", "lines", "histograms"]:
    """How a hyperparameter is drawn: a step axis is a curve over the training steps, with bins a staircase, and beside
    another axis a map; two sizes, or tasks, are a picture; few numbers are lines over the outer steps; many are
    histograms.
    """
    match found.kinds:
        case ("step" | "bin",):
            return "along"
        case ("step" | "bin", _):
            return "map"
        case ("task", "task") | ("size", "size") | ("size", "size", "size"):
            return "picture"
        case _:
            return "lines" if found.by_outer[0][0].size <= MOST_LINES else "histograms"


def caption(found: Found) -> str:
    """How several runs are shown together; "" for one."""
    runs = count_text(len(found.by_outer), "run")
    if len(found.by_outer) == 1:
        return ""
    match form(found):
        case "along" | "lines":
            return f"Mean of {runs}; the band is from the lowest to the highest."
        case "map" | "picture":
            return f"Mean of {runs}."
        case "histograms":
            return f"Entries of {runs} together."


def hyperparameter(found: Found) -> bytes:
    """The figure, in its form."""
    last = np.mean(found.final, 0)
    match form(found):
        case "along":
            return _along(found)
        case "map":
            return _map(found, last.T, "training step", found.kinds[1])
        case "picture":
            return _map(found, tiles(last) if last.ndim == 3 else last, "", "")
        case "lines":
            return _by_outer(found)
        case "histograms":
            return _histograms(found)


def _unit(found: Found) -> str:
    return f"{found.name} ({found.domain})"


def _scaled(axes: Axes, found: Found, values: Sequence[Array]) -> None:
    if found.log:
        logarithmic(axes, "y", min(float(x.min()) for x in values), max(float(x.max()) for x in values))


def _along(found: Found) -> bytes:
    """At the start and at the best step, over the training steps; bins are a staircase."""
    figure, (axes,) = sheet()
    count = len(found.final[0])
    stairs = found.kinds[0] == "bin"
    # bin b holds the training steps t with t * bins // steps = b
    edges = np.ceil(np.arange(count + 1) * found.steps / count) if stairs else np.arange(count)
    several = len(found.by_outer) > 1
    best = "best, mean of the runs" if several else f"best, step {found.best[0]}"
    for number, (name, values) in enumerate(((best, found.final), ("start", found.initial))):
        style, colour = look(number)
        middle = np.mean(values, 0)
        if stairs:
            axes.stairs(middle, edges, baseline=None, label=name, linewidth=1.5, linestyle=style, color=colour)
        else:
            axes.plot(edges, middle, style, color=colour, label=name, linewidth=1.3)
        if several and number == 0:
            low, high = np.min(values, 0), np.max(values, 0)
            if stairs:
                axes.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.18)
            else:
                axes.fill_between(edges, low, high, color=colour, alpha=0.18, linewidth=0)
    _scaled(axes, found, [*found.initial, *found.final])
    axes.set_xlabel("training step")
    axes.set_ylabel(_unit(found))
    whole_numbers(axes.xaxis)
    legend(figure, axes)
    return png(figure)


def _by_outer(found: Found) -> bytes:
    """A line for each entry, over the outer steps; where there is one entry only, also its initial value, across."""
    figure, (axes,) = sheet()
    flat = [np.stack([x.ravel() for x in values]) for values in found.by_outer]
    count = flat[0].shape[1]
    names = list(found.labels) if len(found.labels) == count else [str(i) for i in range(count)]
    for entry in range(count):
        runs = tuple(values[:, entry] for values in flat)
        banded(axes, Line(names[entry] if count > 1 else found.name, runs, found.best), entry)
    if count == 1:
        value = float(flat[0][0, 0])
        axes.axhline(value, linestyle=":", color="0.45", linewidth=1.3, label=f"start, {value:.3g}")
    _scaled(axes, found, flat)
    axes.set_xlabel("outer step")
    axes.set_ylabel(_unit(found))
    whole_numbers(axes.xaxis)
    legend(figure, axes)
    return png(figure)


def _map(found: Found, values: Array, across: str, down: str) -> bytes:
    """Values [rows, columns] at the best step, the mean of several runs; grey, with a bar."""
    height, width = values.shape
    figure, (axes,) = sheet(min(4.5, HEIGHT + 0.4) if across else max(2.0, min(4.5, 3.0 * height / width)))
    shown = values[np.isfinite(values)]
    log = found.log and shown.max() > shown.min()
    norm = LogNorm(shown.min(), shown.max()) if log else Normalize(shown.min(), shown.max())
    extent = (0, found.steps, height - 0.5, -0.5) if across else None
    drawn = axes.imshow(
        values, cmap="gray", norm=norm, extent=extent, aspect="auto" if across else "equal", interpolation="nearest"
    )
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    if across:
        whole_numbers(axes.xaxis)
    if len(found.labels) == height and height <= MOST_LINES:
        axes.set_yticks(range(height), found.labels)
    elif across:
        whole_numbers(axes.yaxis)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
    bar = figure.colorbar(drawn, ax=axes, label=_unit(found), location="bottom" if across else "right")
    bar.ax.tick_params(labelsize=SMALL)
    if log:
        decimal_ticks(bar.ax.xaxis if across else bar.ax.yaxis, float(shown.min()), float(shown.max()))
    return png(figure)


def _histograms(found: Found) -> bytes:
    """The entries of all runs, at the start and at the best step."""
    figure, (axes,) = sheet()
    first, last = (np.concatenate([x.ravel() for x in values]) for values in (found.initial, found.final))
    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    if high <= low:
        low, high = (low / 1.5, high * 1.5) if found.log else (low - 0.5, high + 0.5)
    edges = (np.geomspace(low, high, 41) if found.log else np.linspace(low, high, 41)).tolist()
    axes.hist(last, edges, histtype="stepfilled", color="#0072b2", alpha=0.6, label="best")
    if first.max() > first.min():
        axes.hist(first, edges, histtype="step", color="black", linestyle="--", linewidth=1.3, label="start")
    else:
        axes.axvline(first[0], color="black", linestyle="--", linewidth=1.3, label=f"start, {first[0]:.3g}")
    if found.log:
        logarithmic(axes, "x", low, high)
    axes.set_xlabel(_unit(found))
    axes.set_ylabel("entries")
    whole_numbers(axes.yaxis)
    legend(figure, axes)
    return png(figure)
