"""A run as JSON lines on standard output, one event a line, for programs that watch it."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drmadc_common.run_folder import json_line
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.run.confirm import Comparison
from drmadc_runtime.run.expectations import Outcome
from drmadc_runtime.run.reporting.forecast import Forecast
from drmadc_runtime.run.reporting.plain import Display
from drmadc_runtime.search.base import Trial


class JsonDisplay(Display):
    """Events: begin, folder, progress, compiled, step, sweep, arm, picture, note, warning, end, expectation."""

    alive = True

    def _event(self, kind: str, **fields: Any) -> None:
        sys.stdout.write(json_line({"event": kind, **fields}) + "\n")
        sys.stdout.flush()

    def info(self, text: str) -> None:
        """A note."""
        self._event("note", text=text)

    def warning(self, text: str) -> None:
        """A warning."""
        self._event("warning", text=text)

    def begin(self, found: Forecast) -> None:
        """Sizes, predicted bytes and seconds."""
        self._event("begin", **asdict(found), seconds=found.seconds, running=found.running)

    def folder(self, path: Path) -> None:
        """Where the run is recorded."""
        self._event("folder", path=str(path))

    def compiled(self, found: Compiled) -> None:
        """The hypergradient is compiled: seconds, bytes beyond the data."""
        self._event("compiled", seconds=found.seconds, memory=found.memory)

    def end(self, path: Path, steps: int, best: int | None, verdict: str) -> None:
        """The run is done."""
        self._event("end", path=str(path), steps=steps, best=best, verdict=verdict)

    def report(self, way: str, t: int, value: float) -> None:
        """Progress inside a training run."""
        self._event("progress", way=way, step=t, value=value)

    def step(self, trial: Trial) -> None:
        """An outer step, as in metrics.jsonl."""
        self._event("step", **trial.record())

    def sweep(self, trial: Trial) -> None:
        """A point of a sweep."""
        self._event("sweep", number=trial.number, **trial.record())

    def arm(self, name: str, reports: Mapping[str, float]) -> None:
        """A final training."""
        self._event("arm", name=name, **reports)

    def compared(self, found: Comparison) -> None:
        """Start against best on fresh draws."""
        self._event("confirmed", **found.record())

    def outcome(self, found: Outcome) -> None:
        """Whether an expectation of the spec holds."""
        self._event("expectation", text=found.text, holds=found.holds, found=str(found.found))

    def picture(self, path: Path) -> None:
        """A picture has been written."""
        self._event("picture", path=str(path))
