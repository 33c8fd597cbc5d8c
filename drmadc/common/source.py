"""Text with a name, and places in it."""

from bisect import bisect_right
from dataclasses import dataclass, field

from drmadc_common.printable import printable


@dataclass(frozen=True)
class SourceFile:
    """A named text; `name` is how diagnostics call it (a path, or `command line`)."""

    name: str
    text: str = field(repr=False)

    @property
    def short_name(self) -> str:
        """The name without its folders; what is not printable is written as an escape."""
        name = self.name.replace("\\", "/").rsplit("/", 1)[-1]
        return printable(name)

    def line_starts(self) -> list[int]:
        """Offsets at which lines start."""
        return [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        starts = self.line_starts()
        line = bisect_right(starts, offset) - 1
        return line + 1, offset - starts[line] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its end."""
        return self.text.split("\n")[number - 1].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open range [start, end) of a file's characters."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, counted from 1."""
        return self.file.position(self.start)[0]

    @property
    def text(self) -> str:
        """What stands there."""
        return self.file.text[self.start : self.end]

    @property
    def origin(self) -> str:
        """`file.drm:12` for a file, the override's own text for the command line."""
        if self.file.name == COMMAND_LINE:
            return self.file.text
        return f"{self.file.short_name}:{self.line}"


COMMAND_LINE = "command line"
NOWHERE = Span(SourceFile("", ""), 0, 0)
