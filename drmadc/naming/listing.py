"""Hyperparameters whose entries have names, as a page shows them: all of a few entries, or the lowest and highest."""

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from drmadc.naming.components import Names
from drmadc.naming.entries import Entries

if TYPE_CHECKING:
    from drmadc_runtime.data.names import Columns

MOST, EACH = 12, 5
WEIGHTS = 200_000
GAP = "..."


def listed(entries: Entries, hypers: Mapping[str, npt.ArrayLike]) -> dict[str, list[list[str]]]:
    """For each hyperparameter of several named entries a table by value, its head first; over steps they are curves."""
    out: dict[str, list[list[str]]] = {}
    for hyper in entries.program.hypers:
        kinds = {axis.kind for axis in hyper.type.axes}
        count = prod(hyper.shape)
        long = count > WEIGHTS and "weight" in kinds  # a name for each of millions of weights takes long
        if count > 1 and "step" not in kinds and not long and entries.named(hyper.name):
            out[hyper.name] = _rows(entries.by_value(hyper.name, hypers[hyper.name]))
    return out


def padded(rows: list[list[str]]) -> list[str]:
    """Rows as lines of aligned text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(table: "Columns") -> list[list[str]]:
    count = len(table["value"])
    places = list(range(count)) if count <= MOST else [*range(EACH), *range(count - EACH, count)]
    rows = [[_cell(column[place]) for column in table.values()] for place in places]
    if count > MOST:
        rows.insert(EACH, [GAP for _ in table])
    return [list(table), *rows]


def _cell(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, np.floating) else str(value)


def source_names(entries: Entries) -> dict[str, Names]:
    """What the data name, in order: the classes of fields, the entries of features, the tasks."""
    out = dict(entries.classes)
    data = entries.program.data
    for let in data.features if data is not None else ():
        found = entries.components.of_feature(let.name)
        if len(found) > 1 and not all(name.endswith("]") for name in found):  # pixels have no names but their places
            out[let.name] = found
    tasks = entries.tasks()
    return {**out, "task": tasks} if tasks else out


def numbered(names: Names, most: int = MOST) -> str:
    """Names with their numbers on one line, the first ones where they are many."""
    shown = ", ".join(f"{number} {name}" for number, name in enumerate(names[:most]))
    return shown if len(names) <= most else f"{shown}, ... ({len(names):,} in all)"
