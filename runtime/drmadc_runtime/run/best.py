"""Which outer step is the best: that with the lowest objective on the guard split, or on valid without one."""

import math
from collections.abc import Mapping, Sequence

GUARD = "guard"


def judged_by(record: Mapping[str, object]) -> str:
    """The key of a line of metrics.jsonl that decides."""
    return GUARD if GUARD in record else "objective"


def score(record: Mapping[str, object]) -> float:
    """What decides, of a line of metrics.jsonl; infinite where it is not a number."""
    value = record[judged_by(record)]
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.inf


def best_step(records: Sequence[Mapping[str, object]]) -> int:
    """The number of the best outer step, the first of equals; its values are in hypers/NUMBER.npz.

    Raises:
        ValueError: no outer step is recorded.
    """
    return min(range(len(records)), key=lambda number: score(records[number]))


def stalled(records: Sequence[Mapping[str, object]], patience: int) -> bool:
    """Whether so many outer steps in a row have brought no new best; never with a patience of 0."""
    return patience > 0 and bool(records) and len(records) - 1 - best_step(records) >= patience
