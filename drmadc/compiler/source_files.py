"""Files to sources."""

import sys
from pathlib import Path

from drmadc.common.diagnostics.model import SpecError
from drmadc.common.diagnostics.render import render
from drmadc.common.source import SourceFile, Span
from drmadc.syntax.errors import NotText


def read_source(path: Path) -> SourceFile:
    """The text of a file (`-` is standard input).

    Raises:
        SpecError: it is not UTF-8 text.
        OSError: it cannot be read.
    """
    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    name = "standard input" if str(path) == "-" else path.as_posix()
    try:
        text = data.decode("utf-8-sig")
        offset = text.find("\0")
    except UnicodeDecodeError as error:
        text, offset = "", error.start
    if offset >= 0:
        problem = NotText(Span(SourceFile(name, ""), 0, 0), offset)
        raise SpecError((problem,), render((problem,)))
    return SourceFile(name, text)
