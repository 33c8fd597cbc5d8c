"""What a person sees of a run: a table that grows above a progress bar, or plain lines where there is no terminal."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from drmadc_runtime.tuning import GROWTH_LIMIT, OuterStep


class Display:
    """Prints a run; `quiet` prints nothing but warnings."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self._progress: Progress | None = None
        self._task: Any = None
        self._warned = False

    def say(self, text: str) -> None:
        """A line, unless quiet."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def running(self, steps: int) -> AbstractContextManager[Any]:
        """The progress bar of a run, on a terminal."""
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
        self._task = self._progress.add_task("tuning", total=steps)
        return self._progress

    def step(self, step: OuterStep) -> None:
        """One row of the table; before the first, its head."""
        row = {"objective": step.objective, **step.reports, "growth": step.growth, "seconds": step.seconds}
        widths = {name: max(len(name), 10) for name in row}
        if step.outer == 0:
            self.say("outer  " + "  ".join(f"{name:>{widths[name]}}" for name in row))
        self.say(f"{step.outer:>5}  " + "  ".join(f"{value:>{widths[name]}.5g}" for name, value in row.items()))
        if self._progress is not None:
            self._progress.advance(self._task)

    def warn_growth(self, step: OuterStep, line: str) -> None:
        """Explain, once, that the adjoint grows."""
        if step.growth <= GROWTH_LIMIT or self._warned:
            return
        self._warned = True
        self.errors.print(
            f"warning: at outer step {step.outer} the adjoint grew {step.growth:.3g} times on its way back through "
            f"training ({line}). Above {GROWTH_LIMIT:g} the hypergradient of an approximate path is not to be "
            "trusted: the path crosses negative curvature that training itself avoids. Take more knots, fewer "
            "steps, or `reverse = exact(store)`; with an exact path it means that training is near chaos.",
            markup=False,
        )
