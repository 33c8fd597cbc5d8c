"""The live view of a run on a terminal: a table that grows above a few lines that are always up to date."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rich import progress
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from drmadc_common.amounts import bytes_text, duration_text
from drmadc_runtime.core.device import holder, used_memory
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.run.reporting.forecast import Forecast
from drmadc_runtime.run.reporting.plain import Display, Progress
from drmadc_runtime.search.base import Trial

BARS = "▁▂▃▄▅▆▇█"
BARRED = 24  # values in a row of bars


class LiveDisplay(Display):
    """Outer steps done and time left, where training is, values with their change, speed and memory."""

    alive = True

    def __init__(self) -> None:
        super().__init__()
        self._bar = progress.Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self.console,
            expand=True,
        )
        self._points = self._bar.add_task("sweep", visible=False)
        self._steps = self._bar.add_task("outer step", total=None)
        self._forecast: Forecast | None = None
        self._history: dict[str, list[float]] = {}
        self._losses: list[float] = []
        self._way, self._at = "", 0
        self._marks: dict[str, tuple[int, float]] = {}
        self._speeds: dict[str, float] = {}
        self._seconds: float | None = None
        self._compiled: Compiled | None = None

    def begin(self, found: Forecast) -> None:
        """Say what the run will be, and remember it."""
        super().begin(found)
        self._forecast = found

    def compiled(self, found: Compiled) -> None:
        """Remember what the hypergradient needs."""
        super().compiled(found)
        self._compiled = found

    def warning(self, text: str) -> None:
        """A warning, above the view."""
        self._print(self.console, text)

    def running(self, points: Progress, steps: Progress) -> AbstractContextManager[None]:
        """Show the view; a bar for the sweep and one for the outer steps, where there are any."""
        for task, (done, total) in ((self._points, points), (self._steps, steps)):
            self._bar.update(task, total=total, completed=done, visible=total > 0)
        return self._shown()

    @contextmanager
    def _shown(self) -> Iterator[None]:
        with Live(get_renderable=self._view, console=self.console, transient=True, refresh_per_second=4):
            yield

    def report(self, way: str, t: int, value: float) -> None:
        """Where training is; called from another thread."""
        now = time.perf_counter()
        if way == "forward" and self._way == "reverse" and t > 0:
            return  # a way back that recomputes
        if way != self._way:
            self._marks[way] = t, now
            if way == "forward":
                self._losses = []
        self._way, self._at = way, t
        if way == "forward" and math.isfinite(value):
            self._losses.append(value)
        first, since = self._marks[way]
        if now > since and t != first:
            self._speeds[way] = abs(t - first) / (now - since)

    def step(self, trial: Trial) -> None:
        """A row above the view, and new values in it."""
        super().step(trial)
        values = {"objective": trial.objective, **trial.reports}
        sizes = {"hypergradient": trial.gradient_norm, "growth": trial.growth}
        for name, value in {**values, **sizes}.items():
            self._history.setdefault(name, []).append(value)
        self._seconds = trial.seconds
        self._way, self._at = "", 0
        self._bar.advance(self._steps)

    def sweep(self, trial: Trial) -> None:
        """A row above the view."""
        super().sweep(trial)
        self._way, self._at = "", 0
        self._bar.advance(self._points)

    def _view(self) -> Group:
        width = self.console.width
        return Group(self._bar, *(Text(line, no_wrap=True, overflow="ellipsis") for line in self._lines(width)))

    def _lines(self, width: int) -> list[str]:
        """What is under way, values with their change, sizes, speed and memory; no line is wider than the terminal."""
        lines = []
        if self._way not in ("", "forward", "reverse"):
            lines.append(self._way)
        elif not self._way and not self._history:
            lines.append(self._compiling())
        elif self._way and self._forecast is not None:
            word = "training" if self._way == "forward" else "way back"
            at = f"{word} {self._at:,} of {self._forecast.steps:,}"
            loss = f"   loss {self._losses[-1]:.4g} " if self._losses else ""
            lines.append(f"{at}{loss}{sparkline(self._losses, min(BARRED, width - len(at) - len(loss)))}")
        shown = [name for name in self._history if name not in ("hypergradient", "growth")][:3]
        names = max(map(len, shown), default=0)
        lines += [_changed(name, names, self._history[name], width) for name in shown]
        parts = [f"{name} {self._history[name][-1]:.3g}" for name in ("hypergradient", "growth") if self._history]
        if parts or self._speed():
            lines += _filled([*parts, self._speed(), *self._memory()], width)
        return lines

    def _compiling(self) -> str:
        """Said until the first outer step is done, or training is heard of."""
        seconds = None if self._forecast is None else self._forecast.compiling
        return "compiling" if seconds is None else f"compiling, about {duration_text(seconds)}"

    def _memory(self) -> list[str]:
        """XLA's account of the hypergradient beside what was predicted of it; and that of the device or the process."""
        out = []
        if self._compiled is not None and self._compiled.memory is not None:
            predicted = None if self._forecast is None else self._forecast.memory
            beside = "" if predicted is None else f" ({bytes_text(predicted)} predicted)"
            out.append(f"memory {bytes_text(self._compiled.memory)}{beside}")
        used = used_memory()
        return [*out, *([] if used is None else [f"{holder()} {bytes_text(used)}"])]

    def _speed(self) -> str:
        """Steps a second, forward and on the way back: as heard from within training, else from the pace measured."""
        speeds = dict(self._speeds)
        found = self._forecast
        if not speeds and found is not None and found.pace is not None and self._seconds is not None:
            back = self._seconds - found.steps * found.pace
            speeds = {"forward": 1 / found.pace, **({"reverse": found.steps / back} if back > 0 else {})}
        return "steps/s " + ", ".join(f"{speed:,.0f} {way}" for way, speed in speeds.items()) if speeds else ""


def sparkline(values: list[float], width: int = BARRED) -> str:
    """Values as bars of eight heights, the last `width` of them."""
    shown = [value for value in values[-width:] if abs(value) < float("inf")] if width > 0 else []
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in shown)


def _changed(name: str, names: int, values: list[float], width: int) -> str:
    """A value, its change, and how it went; the name is cut where there is no room for all of it."""
    change = f" ({values[-1] - values[-2]:+.2g})" if len(values) > 1 else ""
    told = f"{values[-1]:.5g}{change:<12}"
    room = max(8, min(max(names, 13), width - len(told) - 1))
    head = name if len(name) <= room else f"{name[: room - 1]}…"
    text = f"{head:<{room}} {told}"
    return f"{text} {sparkline(values, min(BARRED, width - len(text) - 1))}".rstrip()


def _filled(parts: Sequence[str], width: int) -> list[str]:
    """Parts in lines, as many to a line as fit."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f"   {part}"
        else:
            lines.append(part)
    return lines
