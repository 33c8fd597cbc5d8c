"""Confirms what a run found: the start and the best are trained again on fresh draws, side by side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_common.run_folder import RunFiles, number, string
from drmadc_runtime.adjoints.base import forward_pass
from drmadc_runtime.core.types import Hypers, Splits, Values
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.run.best import GUARD

CONFIRMED = "confirm.json"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value of the start and of the best on the same fresh draws.

    Attributes:
        key: `objective`, or that of a report.
        start: of each draw.
        best: of each draw, in the same order.
    """

    key: str
    start: tuple[float, ...]
    best: tuple[float, ...]

    @property
    def difference(self) -> float:
        """Mean of best minus start."""
        return float(np.mean(np.subtract(self.best, self.start)))

    @property
    def spread(self) -> float:
        """Standard error of the mean difference, paired by draw; 0 for one draw."""
        count = len(self.start)
        return float(np.std(np.subtract(self.best, self.start), ddof=1) / math.sqrt(count)) if count > 1 else 0.0

    def record(self) -> dict[str, object]:
        """As JSON."""
        return {
            "key": self.key,
            "start": list(self.start),
            "best": list(self.best),
            "difference": self.difference,
            "standard_error": self.spread,
        }


def confirm(executor: Executor, start: Values, best: Values) -> tuple[Comparison, ...]:
    """Train with the first and with the best hyperparameters on draws that no outer step has used.

    Returns:
        objective, then each report; empty where the program asks for no confirmation.

    Raises:
        DataError: the data cannot be read.
    """
    program = executor.program
    objective_at = program.objective_at
    if not program.confirm or objective_at is None:
        return ()
    keys: list[str] = []

    @jax.jit
    def run(hypers: Hypers, outer: jax.Array, *data: Splits) -> list[jax.Array]:
        first, forward_step = program.training(hypers, outer, *data)
        params = forward_pass(forward_step, first, program.steps, None)[0]["w"]
        reports = {} if program.report is None else program.report(params, hypers, *data)
        keys[:] = ("objective", *reports)
        return [objective_at(params, hypers, *data), *reports.values()]

    found: list[tuple[list[float], list[float]]] = []
    with executor.precision():
        for draw in range(program.fresh_outer + 1, program.fresh_outer + 1 + program.confirm):
            data = executor.data(draw)
            pair = [run(executor.cast(hypers), jnp.int32(draw), *data) for hypers in (start, best)]
            found.append(([float(x) for x in pair[0]], [float(x) for x in pair[1]]))
    columns = [(tuple(a[i] for a, _ in found), tuple(b[i] for _, b in found)) for i in range(len(keys))]
    return tuple(Comparison(key, *column) for key, column in zip(keys, columns, strict=True))


def read_confirmed(folder: Path) -> dict[str, Comparison]:
    """What a run folder holds of it, by key; empty where nothing was confirmed.

    Raises:
        DamagedRun: confirm.json is damaged.
    """
    return RunFiles(folder).parsed(CONFIRMED, _comparisons) if (folder / CONFIRMED).exists() else {}


def _comparisons(value: object) -> dict[str, Comparison]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    found = {}
    for row in value:
        start, best = (tuple(float(number(x)) for x in row[word]) for word in ("start", "best"))
        if not start or len(start) != len(best):
            raise TypeError("`start` and `best` are not as many")
        found[string(row["key"])] = Comparison(row["key"], start, best)
    return found


def verdict(found: Mapping[str, Comparison], best: int) -> str:
    """What a run has come to, in one sentence; "" where nothing was confirmed.

    `found` is by key. The guard decides where there is one: the objective on valid is what the search has fitted.
    """
    judge = found.get(GUARD) or found.get("objective")
    if judge is None:
        return ""
    if best == 0:
        return "no outer step is better than the start: the best values are the initial ones"
    mean = f"{np.mean(judge.start):.4g} to {np.mean(judge.best):.4g}"
    if judge.difference > 0:
        return f"warning: worse than the start on fresh draws: {judge.key} went from {mean}; keep the initial values"
    if judge.difference > -2 * judge.spread:
        return f"not better than the start beyond noise on fresh draws: {judge.key} went from {mean}"
    return f"better than the start on fresh draws: {judge.key} went from {mean}"
