"""A comparison as text, CSV or JSON."""

import csv
import io
import json
import math
from collections.abc import Sequence
from itertools import groupby

from drmadc.tools.comparison.comparison import Comparison, Row
from drmadc.tools.comparison.statistics import CONFIDENCE, Estimate

CSV_COLUMNS = (
    *("number", "setting", "runs", "mean", "low", "high"),
    *("baseline", "pairs", "difference", "difference_low", "difference_high"),
)


def text(compared: Comparison) -> str:
    """Columns for a person: one table for a single setting, otherwise a block for each number."""
    lines = [f"{_seeds(compared)}; mean and {CONFIDENCE:.0%} t interval over seeds"]
    if len(compared.seeds) == 1:
        found = [(row.number, _mean(row.found), _reach(row.found)) for row in compared.rows]
        lines += ["", *aligned([("", "mean", "interval"), *found])]
    else:
        lines[0] += f"\ndifferences to {compared.baseline}, paired by seed"
        cells = aligned([("", "mean", "interval", "difference", "interval"), *map(_cells, compared.rows)])
        blocks = groupby(zip(compared.rows, cells[1:], strict=True), lambda pair: pair[0].number)
        lines += ["", cells[0]]
        lines += [line for number, block in blocks for line in (number, *(cell for _, cell in block))]
    if compared.notes:
        lines += ["", *compared.notes]
    return "\n".join(lines) + "\n"


def csv_text(compared: Comparison) -> str:
    """A line for each number and setting, with every digit; an interval that is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in compared.rows:
        found, other = row.found, row.difference
        line: list[object] = [row.number, row.setting, found.count, found.mean, found.low, found.high]
        line += [compared.baseline, 0, None, None, None] if other is None else [
            compared.baseline, other.count, other.mean, other.low, other.high
        ]  # fmt: skip
        writer.writerow(line)
    return file.getvalue()


def json_text(compared: Comparison) -> str:
    """One object; numbers that are not finite are null."""
    rows = [
        {
            "number": row.number,
            "setting": row.setting,
            **_record(row.found),
            "difference": None if row.difference is None else _record(row.difference),
        }
        for row in compared.rows
    ]
    whole = {
        "confidence": CONFIDENCE,
        "baseline": compared.baseline,
        "seeds": compared.seeds,
        "numbers": rows,
        "notes": compared.notes,
    }
    return json.dumps(whole, indent=2) + "\n"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(f"{cell:{'>' if i else '<'}{widths[i]}}" for i, cell in enumerate(row)).rstrip() for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    found = (f"  {row.setting}", _mean(row.found), _reach(row.found))
    if row.difference is None:
        return *found, "", ""
    return *found, f"{row.difference.mean:+.3g}", _reach(row.difference, sign="+")


def _mean(found: Estimate) -> str:
    return f"{found.mean:.4g}"


def _reach(found: Estimate, sign: str = "") -> str:
    if found.low is None or found.high is None:
        return "one run" if not sign else "one pair"
    return f"{found.low:{sign}.4g} to {found.high:{sign}.4g}"


def _seeds(compared: Comparison) -> str:
    """How many runs and seeds there are."""
    counts = {len(seeds) for seeds in compared.seeds.values()}
    total = sum(len(seeds) for seeds in compared.seeds.values())
    each = f"{counts.pop()}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    settings = "1 setting" if len(compared.seeds) == 1 else f"{len(compared.seeds)} settings"
    return f"{total} runs: {settings}, {each} seeds each" if total > 1 else "1 run"


def _record(found: Estimate) -> dict[str, float | int | None]:
    ends = {"mean": found.mean, "low": found.low, "high": found.high}
    return {"count": found.count, **{key: x if x is not None and math.isfinite(x) else None for key, x in ends.items()}}
