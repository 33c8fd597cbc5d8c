"""What the comparisons at equal compute share: one training run as a search sees it, TPE, and the table.

The unit is one training run with its evaluation. A hypergradient counts as many as it takes here, measured in the same
process. A search is told the objective on valid; the candidate with the lowest loss on the guard split, where there is
one, is taken; test is read when everything is decided, from trainings on draws that no search has used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean, median, stdev
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np
import optuna

import drmadc
from drmadc_runtime.adjoints.base import forward_pass
from drmadc_runtime.core.types import Splits
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.statistics import chunks_of

FRESH = 100_000
optuna.logging.set_verbosity(optuna.logging.WARNING)

Hypers = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """Hyperparameters and the loss that decides whether they are taken."""

    score: float
    hypers: Hypers


class Setting:
    """A compiled spec, trained once for a vector of hyperparameters on a draw of initial weights and minibatches."""

    def __init__(self, text: str, *overrides: str) -> None:
        self.program = drmadc.compile_text(text, overrides=overrides)
        self.start = self.program.hypers
        emitted = self.program.emitted
        assert emitted.objective_at is not None
        assert emitted.report is not None
        at, report = emitted.objective_at, emitted.report
        self._keys: list[str] = []

        @jax.jit
        def run(hypers: Hypers, outer: jax.Array, *data: Splits) -> list[jax.Array]:
            state, step = emitted.training(hypers, outer, *data)
            params = forward_pass(step, state, emitted.steps, None)[0]["w"]
            reports = report(params, hypers, *data)
            self._keys[:] = ("objective", *reports)
            return [at(params, hypers, *data), *reports.values()]

        self._run = run

    def measure(self, hypers: Hypers, draw: int) -> dict[str, float]:
        """Train once: objective, guard and what the spec reports."""
        executor = self.program.executor
        with executor.precision():
            values = self._run(executor.cast(hypers), jnp.int32(draw), *executor.data(draw))
            return {key: float(value) for key, value in zip(self._keys, values, strict=True)}

    def fresh(self, hypers: Hypers, draws: int = 5) -> dict[str, float]:
        """Means over trainings on draws that no search has used."""
        rows = [self.measure(hypers, FRESH + draw) for draw in range(draws)]
        return {key: mean(row[key] for row in rows) for key in rows[0]}

    def pooled(self, hypers: Hypers, splits: tuple[str, ...], draws: int = 5) -> dict[str, float]:
        """As `fresh`, trained on several splits together."""
        executor, data = self.program.executor, self.program.emitted.data
        assert isinstance(data, Data)
        parts = data.splits(0)
        joined = {field: np.concatenate([parts[name][field] for name in splits]) for field in parts[splits[0]]}
        rows = []
        with executor.precision():
            ready = executor.outer_data.prepared({**parts, "train": joined}, partial(chunks_of, joined))
            for draw in range(draws):
                values = self._run(executor.cast(hypers), jnp.int32(FRESH + draw), ready)
                rows.append({key: float(value) for key, value in zip(self._keys, values, strict=True)})
        return {key: mean(row[key] for row in rows) for key in self._keys if key != "objective"}

    def factor(self, repeats: int = 9) -> float:
        """What a hypergradient takes, in training runs: the median over pairs, one after the other."""
        ratios = []
        for _ in range(repeats + 1):  # the first pair compiles
            start = perf_counter()
            self.program.objective(self.start)
            between = perf_counter()
            self.program.executor.evaluate(self.start, 0)
            ratios.append((perf_counter() - between) / (between - start))
        return median(ratios[1:])


def tpe(
    hypers_of: Callable[[optuna.Trial], Hypers],
    measure: Callable[[Hypers, int], tuple[float, float]],
    trials: int,
    seed: int,
    start: dict[str, float],
) -> list[Candidate]:
    """Optuna's TPE, the first trial at `start`; `measure` gives what it is told and what decides, of a trial."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(start)
    found: list[Candidate] = []

    def objective(trial: optuna.Trial) -> float:
        hypers = hypers_of(trial)
        told, decides = measure(hypers, trial.number)
        found.append(Candidate(finite(decides), hypers))
        return finite(told)

    study.optimize(objective, n_trials=trials)
    return found


def finite(value: float) -> float:
    """A diverged training as a large number, which TPE can rank."""
    return value if np.isfinite(value) else 1e3


def chosen(candidates: Sequence[Candidate]) -> Hypers:
    """The hyperparameters with the lowest score."""
    return min(candidates, key=lambda candidate: candidate.score).hypers


def table(results: Mapping[str, Sequence[Mapping[str, float]]], runs: Mapping[str, float], ours: str) -> str:
    """Mean and standard deviation over seeds of the fresh trainings, and the paired difference from `ours`."""
    lines = [
        "| search | runs | test cross-entropy | test error | cross-entropy above ours, paired | ours is better in |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in results.items():
        losses, errors = ([row[key] for row in rows] for key in ("test", "error/test"))
        cells = [name, f"{runs[name]:.0f}", spread(losses, ".4f"), spread([100 * e for e in errors], ".2f") + " %"]
        above = [loss - row["test"] for loss, row in zip(losses, results[ours], strict=True)]
        same = name == ours
        cells += ["" if same else spread(above, "+.4f"), "" if same else f"{sum(a > 0 for a in above)} of {len(above)}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], form: str) -> str:
    """Mean ± standard deviation."""
    return f"{mean(values):{form}} ± {stdev(values):{form.lstrip('+')}}" if len(values) > 1 else f"{values[0]:{form}}"
