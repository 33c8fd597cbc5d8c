"""What is said of a run, as plain lines: what it will be, a table, warnings.

`live` adds a view of what is under way, `json_lines` is for programs, `choose` decides.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from rich.console import Console

from drmadc_common.amounts import bytes_text, count_text, duration_text
from drmadc_runtime.program.audit.prediction import Change
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.program.contract import Program
from drmadc_runtime.run.best import GUARD
from drmadc_runtime.run.confirm import Comparison
from drmadc_runtime.run.expectations import Outcome
from drmadc_runtime.run.reporting.forecast import Forecast
from drmadc_runtime.search.base import Trial

WINDOW, RISE = 5, 1.05


class Progress(NamedTuple):
    """How many of something are done, of how many."""

    done: int
    total: int


class Terminal(Console):
    """A console that lets a reader who has gone end the run as any other writer would be ended."""

    def on_broken_pipe(self) -> None:
        """Not rich's exit with code 1."""
        raise BrokenPipeError


class Display:
    """Prints a run; `quiet` prints nothing but warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Terminal(highlight=False)
        self.errors = Terminal(stderr=True, highlight=False)
        self.quiet = quiet
        self._said: set[str] = set()
        self._stage = ""
        self._headed = False
        self._columns: tuple[str, ...] = ()

    def info(self, text: str) -> None:
        """A line, unless quiet."""
        if not self.quiet:
            self._print(self.console, text)

    def warning(self, text: str) -> None:
        """A warning."""
        self._print(self.errors, text)

    def _print(self, console: Console, text: str) -> None:
        """Words wrap at the width of a terminal; in a pipe a line stays a line."""
        console.print(text, markup=False, soft_wrap=not console.is_terminal)

    def begin(self, found: Forecast) -> None:
        """What the run will be."""
        self.info(found.text)

    def compiled(self, found: Compiled) -> None:
        """The hypergradient is compiled; before the first outer step is told."""
        memory = "" if found.memory is None else f"; it needs {bytes_text(found.memory)} beyond the data"
        self.info(f"the hypergradient was compiled in {duration_text(found.seconds)}{memory}")

    def folder(self, path: Path) -> None:
        """Where the run is recorded."""
        self.info(f"run folder: {path}")

    def end(self, path: Path, steps: int, best: int | None, verdict: str) -> None:
        """The run is done: how many outer steps, which is the best, and what fresh draws say of it."""
        parts = [f"{path}: done"]
        if steps:
            parts.append(count_text(steps, "outer step"))
        if best is not None:
            parts.append(f"the best is step {best}")
        self.info(", ".join(parts))
        if verdict.startswith("warning: "):
            self.warning(verdict)
        elif verdict:
            self.info(verdict)

    def running(self, points: Progress, steps: Progress) -> AbstractContextManager[None]:
        """Lasts as long as the search: a sweep's points, then outer steps, some of them done before."""
        return nullcontext()

    @property
    def alive(self) -> bool:
        """Whether progress inside a training run is shown."""
        return False

    def report(self, way: str, t: int, value: float) -> None:
        """Training, or its way back, has come to step t; see `progress.Watcher`."""

    def step(self, trial: Trial) -> None:
        """One row of the table; before the first, its head."""
        if trial.stage != self._stage:
            self._stage = trial.stage
            self.info(f"stage {trial.stage}")
        row = {
            "objective": trial.objective,
            **trial.reports,
            **trial.stats,
            "growth": trial.growth,
            "seconds": trial.seconds,
        }
        if not self._headed:
            self._headed = True
            self._columns = self._fitting(tuple(row))
            left = [name for name in row if name not in self._columns]
            self.info("outer  " + "  ".join(f"{name:>10}" for name in self._columns))
            if left:
                self.info(f"(no room for {', '.join(left)}; they are in metrics.jsonl)")
        told = {name: f"{value:.5g}" for name, value in row.items()}
        cells = (f"{told.get(name, ''):>{max(len(name), 10)}}" for name in self._columns)
        self.info(f"{trial.number:>5}  " + "  ".join(cells))

    def _fitting(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The columns that a terminal has room for: the first ones, and the seconds; all of them in a pipe."""
        if not self.console.is_terminal:
            return names
        room = self.console.width - 5 - 2 - max(len(names[-1]), 10)
        shown = []
        for name in names[:-1]:
            room -= 2 + max(len(name), 10)
            if room < 0:
                break
            shown.append(name)
        return (*shown, names[-1])

    def sweep(self, trial: Trial) -> None:
        """A point of a sweep; before the first, the table's head."""
        record = trial.record()
        widths = {name: max(len(name), 11) for name in record}
        if not trial.number:
            self.info("sweep  " + "  ".join(f"{name:>{widths[name]}}" for name in record))
        self.info(f"{trial.number:>5}  " + "  ".join(f"{value:>{widths[name]}.5g}" for name, value in record.items()))

    def arm(self, name: str, reports: Mapping[str, float]) -> None:
        """What the final training of an arm reports."""
        self.info(f"  {name}: " + "  ".join(f"{key} {value:.5g}" for key, value in reports.items()))

    def compared(self, found: Comparison) -> None:
        """Start against best on fresh draws, with the standard error of their difference."""
        means = f"start {mean(found.start):.5g}  best {mean(found.best):.5g}"
        self.info(f"  {found.key:<20} {means}  difference {found.difference:+.3g} ± {found.spread:.2g}")

    def outcome(self, found: Outcome) -> None:
        """Whether an expectation of the spec holds; also when quiet."""
        word = "as expected" if found.holds else "UNEXPECTED"
        self._print(self.console, f"{word:<11}  {found.text}  found {found.found}")

    def picture(self, path: Path) -> None:
        """A picture has been written."""
        self.info(f"picture: {path}")

    def warn_reverse(self, trial: Trial, program: Program) -> None:
        """Everything that a person should know about the way back, each once."""
        for stat in program.policy.stats:
            if stat.name in trial.stats and (text := stat.alarm_of(trial.stats[stat.name], trial.number)):
                self._once(stat.name, f"warning: {program.origins.reverse}: {text}")

    def warn_prediction(self, number: int, changes: Sequence[Change], program: Program) -> None:
        """Say, once, that the objective over an outer step does not change as the hypergradient predicts.

        `changes` are those of the whole step and, where that is not as predicted, of a tenth of it.
        """
        if not changes or changes[0].holds:
            return
        whole, short = changes[0], changes[-1]
        what = (
            f"warning: at outer step {number} the hypergradient predicts a change of the objective by "
            f"{whole.predicted:.3g}, measured is {whole.measured:.3g}"
        )
        if not short.holds:
            nor = f"nor does it hold over a tenth of the step ({program.origins.reverse})"
            self._once("useless", f"{what}; {nor}. {_CHAOTIC if program.policy.exact else _APPROXIMATE}")
        elif not whole.measured < 0:
            self._once("overshoot", f"{what}; it holds over a tenth of the step. Use a smaller rate in `tune`.")

    def warn_overfitting(self, trials: Sequence[Trial], on_test: Sequence[str]) -> None:
        """Say, once, that the objective falls on valid while it rises on the guard split.

        Without a guard, what is reported on test is looked at: only to warn, never to choose a step.
        """
        judges = (GUARD,) if trials and GUARD in trials[0].reports else on_test
        if len(trials) < 2 * WINDOW or any(name not in trials[0].reports for name in judges):
            return
        before, last = trials[-2 * WINDOW : -WINDOW], trials[-WINDOW:]
        fell = [mean(trial.objective for trial in part) for part in (before, last)]
        for name in judges:
            rose = [mean(trial.reports[name] for trial in part) for part in (before, last)]
            if fell[1] < fell[0] and rose[1] > RISE * rose[0] > 0:
                text = (
                    f"warning: over the last {WINDOW} outer steps the objective on valid fell from {fell[0]:.4g} to "
                    f"{fell[1]:.4g}, but {name} rose from {rose[0]:.4g} to {rose[1]:.4g}: the hyperparameters are "
                    "overfitting the valid split. Enlarge it, redraw it (`resample = each outer`), tie "
                    "hyperparameters, or choose the best step by a part of its own: split = { ..., guard: 0.1 }."
                )
                self._once("overfitting", text)

    def _once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self.warning(text)


_CHAOTIC = (
    "The gradient is exact, but training amplifies small changes: use fewer `steps`, a smaller rate, a larger `batch`, "
    "`clip(norm: 1, RULE)`, a larger `eps` of adam, or a smoother activation than relu. `drmadc audit` says more."
)
_APPROXIMATE = (
    "Use more knots, `curvature: auto`, or `reverse = exact()`; `drmadc audit` says whether the approximation is at "
    "fault, or training itself."
)
