"""What a run must show: comparisons of its records with numbers, for `drmadc run --check`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drmadc_runtime.program.contract import Expectation, Program, Series


@dataclass(frozen=True)
class Outcome:
    """An expectation, what was found, and whether it holds."""

    text: str
    found: str
    holds: bool


def outcomes(
    program: Program,
    records: Sequence[Mapping[str, str | float]],
    arms: Mapping[str, Mapping[str, float]],
    swept: Sequence[Mapping[str, str | float]],
) -> list[Outcome]:
    """Each expectation of a program against the records of a finished run, its final training's arms, and its sweep."""
    run = {
        name: np.array([record.get(name, np.nan) for record in records])
        for name in (records[0] if records else {})
        if not isinstance(records[0][name], str)
    }
    run.update({f"{arm}.{key}": np.asarray(value) for arm, found in arms.items() for key, value in found.items()})
    run.update(
        {
            f"sweep.{name}": np.array([point.get(name, np.nan) for point in swept])
            for name in (swept[0] if swept else {})
        }
    )
    return [_outcome(expected, run) for expected in program.expectations]


def _outcome(expected: Expectation, run: Series) -> Outcome:
    try:
        left, right = np.asarray(expected.left(run)), np.asarray(expected.right(run))
    except (KeyError, IndexError) as error:
        return Outcome(expected.text, f"not recorded: {error}", False)
    if left.shape != right.shape:
        return Outcome(expected.text, f"{_text(left)}: {left.size} outer steps, not {right.size}", False)
    match expected.compare:
        case "<":
            holds = left < right + expected.within
        case ">":
            holds = left > right - expected.within
        case _:
            holds = np.abs(left - right) <= expected.within
    both = "" if _is_constant(expected.right) else f" against {_text(right)}"
    return Outcome(expected.text, _text(left) + both, bool(np.all(holds)))


def _is_constant(side: Callable[[Series], npt.ArrayLike]) -> bool:
    """Whether a side reads no record."""
    try:
        side({})
    except KeyError:
        return False
    return True


def _text(value: npt.NDArray[np.generic]) -> str:
    if value.ndim:
        return "[" + ", ".join(f"{x:.7g}" for x in value) + "]"
    return f"{value:.5g}"
