"""The sheet that every figure is drawn on: as wide as a phone, its text as large there as the page's own."""

import io
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

WIDTH, HEIGHT = 3.58, 2.6  # inches of 96 CSS pixels: 344 wide, what a phone of 390 leaves beside the margins
CSS = 96
DENSITY = 2  # pixels of the file for one of the page
TEXT, SMALL = 10, 9  # points; 9 are 12 CSS pixels
LINES = ("-", "--", "-.", ":")
COLOURS = ("black", "#0072b2", "#d55e00", "#009e73")  # of Okabe and Ito: told apart without colour vision, too
FEWEST = 6.5  # ratio of the ends of a logarithmic axis that has two ticks of 1, 2, 5 at least


class Look(NamedTuple):
    """Line style and colour, each enough to tell lines apart."""

    line: str
    colour: str


def sheet(height: float = HEIGHT, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of the common width with `rows` axes below each other; they share x."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    found = list(figure.subplots(rows, sharex=True, squeeze=False)[:, 0])
    for axes in found:
        axes.xaxis.label.set_size(TEXT)
        axes.yaxis.label.set_size(TEXT)
        axes.tick_params(labelsize=SMALL)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, found


def look(number: int) -> Look:
    """Of the n-th line in a figure."""
    return Look(LINES[number % len(LINES)], COLOURS[number % len(COLOURS)] if number < 4 else COLOURS[number // 4 % 4])


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only: of outer steps, of training steps."""
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def logarithmic(axes: Axes, which: str, low: float, high: float) -> None:
    """A logarithmic x or y axis around positive values from `low` to `high`, its ticks as plain numbers."""
    if high < FEWEST * low:
        middle = np.sqrt(low * high)
        low, high = middle / np.sqrt(FEWEST), middle * np.sqrt(FEWEST)
    else:
        margin = (high / low) ** 0.05
        low, high = low / margin, high * margin
    if which == "x":
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axis: Axis = axes.xaxis
    else:
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axis = axes.yaxis
    decimal_ticks(axis, low, high)


def decimal_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis from `low` to `high`: about six, written as in 0.02 or 1e-05."""
    decades = np.log10(high / low)
    few = (1.0, 2.0, 5.0) if decades < 2 else (1.0, 3.0) if decades < 3 else (1.0,)
    axis.set_major_locator(LogLocator(base=10, subs=few, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def png(figure: Figure) -> bytes:
    """The figure as a file, drawn at twice the size of the page; nothing in it depends on time or place."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=CSS * DENSITY, metadata={"Software": None})
    return file.getvalue()
