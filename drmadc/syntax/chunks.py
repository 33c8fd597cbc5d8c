"""Cuts a file into declarations before parsing, so that a mistake in one cannot hide those in the next."""

import re
from dataclasses import dataclass

from drmadc.common.source import SourceFile, Span
from drmadc.syntax.ast import KEYWORDS, Comment

_TOKEN = re.compile(
    r"(?P<comment>#[^\n]*)|(?P<name>[A-Za-z_][A-Za-z0-9_]*'?)|(?P<number>[0-9.][0-9A-Za-z_.]*)|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)
_FOLLOWS = re.compile(r"""\s*([A-Za-z_{("]|[^\x00-\x7f]|$)""")
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One declaration's text: its keyword, the span of the keyword, and the span of all of it."""

    keyword: str
    keyword_span: Span
    span: Span
    unclosed: Span | None = None
    stray: Span | None = None


def cut(file: SourceFile) -> tuple[list[Chunk], list[Comment]]:
    """Find where declarations start.

    A declaration keyword starts one outside all brackets, or at the first column of a line wherever it stands
    (so that an unclosed brace costs one declaration only). Any other name that stands there in the first column
    after a finished declaration is taken for a misspelt keyword.
    """
    text = file.text
    starts: list[tuple[str, int, int]] = []
    ends: dict[int, int] = {}
    comments: list[Comment] = []
    open_brackets: list[tuple[str, int]] = []
    unclosed: dict[int, Span] = {}
    strays: dict[int, Span] = {}
    previous, last_end, line_start = "", 0, True
    for match in _TOKEN.finditer(text):
        kind, word, at = match.lastgroup, match.group(), match.start()
        if kind == "space":
            line_start = line_start or "\n" in word
            continue
        if kind == "comment":
            span = Span(file, at, match.end())
            comments.append(Comment(word.rstrip(), line_start, span=span))
            continue
        first_column = at == 0 or text[at - 1] == "\n"
        follows = _FOLLOWS.match(text, match.end())
        if kind == "name" and _starts(word, open_brackets, previous, first_column, bool(follows)):
            if open_brackets and starts:
                bracket = open_brackets[0][1]
                unclosed[len(starts) - 1] = Span(file, bracket, bracket + 1)
            open_brackets.clear()
            if starts:
                ends[len(starts) - 1] = last_end
            starts.append((word, at, match.end()))
        elif not starts:
            starts.append(("", at, at))
        if word in _OPEN:
            open_brackets.append((word, at))
        elif word in _CLOSE:
            if open_brackets and _OPEN.index(open_brackets[-1][0]) == _CLOSE.index(word):
                open_brackets.pop()
            else:
                strays.setdefault(len(starts) - 1, Span(file, at, match.end()))
        previous, last_end, line_start = word, match.end(), False
    if starts:
        ends[len(starts) - 1] = last_end
        if open_brackets:
            bracket = open_brackets[0][1]
            unclosed[len(starts) - 1] = Span(file, bracket, bracket + 1)
    chunks = [
        Chunk(
            word,
            Span(file, at, after),
            Span(file, at, ends[i]),
            unclosed.get(i),
            strays.get(i),
        )
        for i, (word, at, after) in enumerate(starts)
    ]
    return chunks, comments


def _starts(
    word: str,
    open_brackets: list[tuple[str, int]],
    previous: str,
    first_column: bool,
    follows: bool,
) -> bool:
    """Whether a name starts a declaration here (`follows`: a name or a bracket comes after it)."""
    finished = previous == "" or previous[-1] in "}])'" or previous[-1].isalnum() or previous[-1] == "_"
    if previous in KEYWORDS and not first_column:
        return False
    if word in KEYWORDS:
        return follows and (first_column or (not open_brackets and finished))
    return first_column and not open_brackets and finished and follows
