"""What a person sees of a run: a table that grows above a progress bar, or plain lines where there is no terminal."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from statistics import mean
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from drmadc_runtime.tuning import GROWTH_LIMIT, OuterStep

WINDOW, RISE = 5, 1.05


class Display:
    """Prints a run; `quiet` prints nothing but warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(highlight=False)
        self.errors = Console(stderr=True, highlight=False)
        self.quiet = quiet
        self._progress: Progress | None = None
        self._task: Any = None
        self._said: set[str] = set()
        self._stage = ""
        self._headed = False

    def say(self, text: str) -> None:
        """A line, unless quiet."""
        if not self.quiet:
            self._print(self.console, text)

    def _print(self, console: Console, text: str) -> None:
        """Words wrap at the width of a terminal; in a pipe a line stays a line."""
        console.print(text, markup=False, soft_wrap=not console.is_terminal)

    def running(self, steps: int, done: int = 0) -> AbstractContextManager[Any]:
        """The progress bar of a run of so many outer steps, on a terminal."""
        if self.quiet or not self.console.is_terminal:
            return nullcontext()
        self._progress = Progress(
            TextColumn("tuning"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._progress.add_task("tuning", total=steps, completed=done)
        return self._progress

    def step(self, step: OuterStep) -> None:
        """One row of the table; before the first, its head."""
        if step.stage != self._stage:
            self._stage = step.stage
            self.say(f"stage {step.stage}")
        row = {
            "objective": step.objective,
            **step.reports,
            **({"lost": step.lost} if step.lost >= 0 else {}),
            "growth": step.growth,
            "seconds": step.seconds,
        }
        widths = {name: max(len(name), 10) for name in row}
        if not self._headed:
            self._headed = True
            self.say("outer  " + "  ".join(f"{name:>{widths[name]}}" for name in row))
        self.say(f"{step.outer:>5}  " + "  ".join(f"{value:>{widths[name]}.5g}" for name, value in row.items()))
        if self._progress is not None:
            self._progress.advance(self._task)

    def warn(self, step: OuterStep, exact: bool, lines: Mapping[str, str]) -> None:
        """Everything that a person should know about the way back, each once."""
        line = lines["reverse"]
        self.warn_growth(step, exact, line)
        if step.switched >= 0:
            self._once(
                "switched",
                f"note: at outer step {step.outer} the adjoint grew too far; below training step {step.switched} "
                "the Gauss-Newton matrix took the Hessian's place",
            )
        if step.unsettled > 0.1:
            self._once(
                "unsettled",
                f"warning: training has not come to rest: its last step is still {step.unsettled:.2g} times as long as "
                f"its first, and {lines['strategy']} is right at rest only. Take more steps, or `exact()`.",
            )
        if step.probe is not None and not 0.5 <= step.probe.ratio <= 2:
            self._once(
                "probe",
                f"warning: along its own direction the hypergradient predicts a slope of {step.probe.predicted:.3g}, "
                f"measured is {step.probe.measured:.3g} ({line}). `drmadc audit` says more.",
            )

    def warn_overfitting(self, steps: Sequence[OuterStep], on_test: Sequence[str]) -> None:
        """Say, once, that the objective falls on the valid split while what is reported on test rises."""
        if len(steps) < 2 * WINDOW or any(name not in steps[0].reports for name in on_test):
            return
        before, last = steps[-2 * WINDOW : -WINDOW], steps[-WINDOW:]
        fell = [mean(step.objective for step in part) for part in (before, last)]
        for name in on_test:
            rose = [mean(step.reports[name] for step in part) for part in (before, last)]
            if fell[1] < fell[0] and rose[1] > RISE * rose[0] > 0:
                text = (
                    f"warning: over the last {WINDOW} outer steps the objective on valid fell from {fell[0]:.4g} to "
                    f"{fell[1]:.4g}, but {name} rose from {rose[0]:.4g} to {rose[1]:.4g}: the hyperparameters are "
                    "fitting the valid split. Make it larger, draw it anew (`resample = each outer`), tie "
                    f"hyperparameters, or stop near outer step {min(steps, key=lambda s: s.reports[name]).outer}."
                )
                self._once("overfitting", text)

    def _once(self, key: str, text: str) -> None:
        if key in self._said:
            return
        self._said.add(key)
        self._print(self.errors if self._progress is None else self.console, text)

    def warn_growth(self, step: OuterStep, exact: bool, line: str) -> None:
        """Explain, once, that the adjoint grows; `exact` says whether the path was."""
        if step.growth <= GROWTH_LIMIT:
            return
        grew = f"warning: at outer step {step.outer} the adjoint grew {step.growth:.3g} times on its way back through"
        self._once("growth", f"{grew} training ({line}). {_EXACT if exact else _APPROXIMATE}")


_EXACT = (
    "The gradient is exact, but above 10 training amplifies small changes of the parameters, and the objective is "
    "rugged: take fewer steps, a smaller rate, or a smoother model."
)
_APPROXIMATE = (
    "Above 10 the hypergradient of an approximate path is not to be trusted: the path may cross negative curvature "
    "that training itself avoids. Take more knots, `curvature: auto`, or "
    "`reverse = exact()`; `drmadc audit` measures it."
)
