"""Figures of a run, as PNG: what was recorded by outer step, and each hyperparameter as its axes ask for."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

from drmadc_runtime.run.folder import tiles

Array = npt.NDArray[np.floating]
LINES = ("-", "--", ":", "-.")
SHADES = ("black", "0.35", "0.6")
MOST_LINES = 12
ALONG = {"step": "training step", "bin": "bin of training steps"}


def series(
    records: Sequence[Mapping[str, Any]], names: Sequence[str], label: str, *, logarithmic: bool = False
) -> bytes:
    """Recorded values by outer step, told apart by line and shade, so that they can be in black and white."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    outer = [record["outer"] for record in records]
    for number, name in enumerate(names):
        values = [record.get(name, np.nan) for record in records]
        line, shade = LINES[number % 4], SHADES[number // 4 % 3]
        axes.plot(outer, values, linestyle=line, color=shade, marker=".", label=name)
    if logarithmic:
        axes.set_yscale("log")
    axes.set_xlabel("outer step")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def sweep(records: Sequence[Mapping[str, float]], name: str) -> bytes:
    """Objective and derivative over the values of one axis of a sweep."""
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
    return _png(figure, dpi=120)


def hyperparameter(
    name: str, kinds: Sequence[str], domain: str, by_outer: Sequence[Array], labels: Sequence[str]
) -> bytes:
    """A hyperparameter whose axes are of these kinds, after each outer step; `labels` are the entries of a group axis.

    Few numbers are curves over the outer steps; a step axis (`bin` where steps share entries) is a curve over the
    training steps, first and last, or with another axis a map; two sizes, or tasks, are a picture; many numbers are
    histograms, first and last.
    """
    first, last = by_outer[0], by_outer[-1]
    unit = f"{name} ({domain})"
    match tuple(kinds):
        case (("step" | "bin") as along,):
            names = ["after outer step 0", "last"]
            return curves(np.arange(len(last)), [first, last], names, ALONG[along], unit)
        case (("step" | "bin") as along, _):
            return _map(last.T, name, ALONG[along], kinds[1], labels)
        case ("task", "task") | ("size", "size"):
            return _map(last, name, "", "", ())
        case ("size", "size", "size"):
            return _map(tiles(last), name, "", "", ())
        case _ if last.size <= MOST_LINES:
            values = np.stack([x.ravel() for x in by_outer])
            names = [str(label) for label in labels] if len(labels) == last.size else [str(i) for i in range(last.size)]
            return curves(
                np.arange(len(by_outer)), list(values.T), names if last.size > 1 else [name], "outer step", unit
            )
        case _:
            return _histograms(first.ravel(), last.ravel(), unit, positive=domain == "positive")


def curves(
    x: Array | npt.NDArray[np.integer], lines: Sequence[Array], names: Sequence[str], label: str, unit: str
) -> bytes:
    """Curves over x, told apart by line and shade."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for number, (values, name) in enumerate(zip(lines, names, strict=True)):
        axes.plot(x, values, linestyle=LINES[number % 4], color=SHADES[number // 4 % 3], label=name)
    axes.set_xlabel(label)
    axes.set_ylabel(unit)
    axes.legend(frameon=False, fontsize=8, ncols=2)
    return _png(figure)


def _map(values: Array, name: str, across: str, down: str, labels: Sequence[str]) -> bytes:
    height, width = values.shape
    figure = Figure(figsize=(6.4, max(2.0, min(6.4, 6.0 * height / width))), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.imshow(values, cmap="gray", aspect="auto" if across else "equal", interpolation="nearest")
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    axes.set_title(f"{name}, last")
    if len(labels) == height and height <= MOST_LINES:
        axes.set_yticks(range(height), labels)
    elif not across:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(drawn, ax=axes, label=name)
    return _png(figure)


def _histograms(first: Array, last: Array, unit: str, *, positive: bool) -> bytes:
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    low, high = min(first.min(), last.min()), max(first.max(), last.max())
    logarithmic = positive and low > 0 and high > 30 * low
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = (np.geomspace(low, high, 41) if logarithmic else np.linspace(low, high, 41)).tolist()
    axes.hist(first, edges, histtype="step", color="0.5", linestyle="--", label="after outer step 0")
    axes.hist(last, edges, histtype="stepfilled", color="0.2", alpha=0.7, label="last")
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel("entries")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def _png(figure: Figure, dpi: int = 110) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()
