"""The word at a place of a text, and the block that surrounds it."""

import re
from dataclasses import dataclass

from drmadc.common.source import SourceFile
from drmadc.syntax.ast import KEYWORDS
from drmadc.syntax.chunks import cut

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A dotted name [start, end) and the name in it that the place is in: `mlp.h1`, at `h1`."""

    path: str
    name: str
    start: int
    end: int


def word_at(text: str, offset: int) -> Word | None:
    """The word that an offset touches; None in comments and elsewhere."""
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[start : len(text) if end < 0 else end]
    code = line.partition("#")[0]
    for match in _PATH.finditer(code):
        if start + match.start() <= offset <= start + match.end():
            upto = offset - start - match.start()
            behind = match.group().find(".", upto)
            path = match.group() if behind < 0 else match.group()[:behind]
            name = path.rpartition(".")[2]
            return Word(path, name, start + match.start(), start + match.start() + len(path))
    return None


def block_at(text: str, offset: int) -> str:
    """The keyword of the declaration that an offset is in; "" between declarations."""
    chunks, _ = cut(SourceFile("", text))
    inside = [chunk for chunk in chunks if chunk.span.start <= offset]
    if not inside:
        return ""
    last = inside[-1]
    if last.keyword not in KEYWORDS:
        return ""
    if offset <= last.span.end or _open(text[last.span.start : offset]):
        return last.keyword
    return ""


def _open(text: str) -> bool:
    code = re.sub(r"#[^\n]*", "", text)
    return sum(code.count(c) for c in "([{") > sum(code.count(c) for c in ")]}")
