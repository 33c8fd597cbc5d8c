"""Diagnostics as immutable records, and the bag that collects them."""

from typing import ClassVar, Literal

from drmadc.common.record import Record
from drmadc.common.source import Span

Severity = Literal["error", "warning"]


class Diagnostic(Record):
    """One mistake: what, where, why, and what to do.

    A subclass gives `code` and overrides the texts that it needs; its fields carry the meaning.
    """

    span: Span
    code: ClassVar[str] = ""
    severity: ClassVar[Severity] = "error"

    def message(self) -> str:
        """What is wrong, in one line."""
        return ""

    def label(self) -> str:
        """What stands beside the caret."""
        return ""

    def others(self) -> tuple[tuple[Span, str], ...]:
        """Further places that take part in the mistake, each with its label."""
        return ()

    def note(self) -> str:
        """A fact that explains the mistake."""
        return ""

    def help(self) -> str:
        """What to do."""
        return ""


class Bag:
    """Collects diagnostics; a mistake at one place is kept once."""

    def __init__(self) -> None:
        self._items: list[Diagnostic] = []
        self._seen: set[tuple[str, str, int, str]] = set()

    def add(self, item: Diagnostic) -> None:
        """Keep a diagnostic unless the same one is already there."""
        key = (item.code, item.span.file.name, item.span.start, item.message())
        if key not in self._seen:
            self._seen.add(key)
            self._items.append(item)

    @property
    def failed(self) -> bool:
        """Whether an error was added (warnings do not count)."""
        return any(item.severity == "error" for item in self._items)

    @property
    def errors(self) -> int:
        """How many errors were added."""
        return sum(item.severity == "error" for item in self._items)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All diagnostics in reading order."""
        return tuple(sorted(self._items, key=lambda d: (d.span.file.name, d.span.start, d.code)))


class SpecError(Exception):
    """A spec is wrong. `diagnostics` holds every mistake; the text renders them."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], text: str) -> None:
        super().__init__(text)
        self.diagnostics = diagnostics
