"""Mistakes in `data` blocks: sources, splits, labels, learned examples (E0302, E05)."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span


@dataclass(frozen=True, slots=True)
class SecondSource(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    first: Span

    def message(self) -> str:
        return f"`data {self.name}` is a second data source"

    def label(self) -> str:
        return "a spec has one source"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.first, "the first source"),)

    def help(self) -> str:
        return "to train on learned data, make one block of hyperparameters and name it by `data` in `train`"
