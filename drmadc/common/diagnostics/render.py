"""Draws diagnostics as text with carets, and as JSON: the only place that does."""

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span


def render(diagnostics: tuple[Diagnostic, ...]) -> str:
    """All diagnostics as text, a blank line between two, with a closing count."""
    parts = [_render_one(item) for item in diagnostics]
    errors = sum(item.severity == "error" for item in diagnostics)
    warnings = len(diagnostics) - errors
    counts = [_count(errors, "error"), _count(warnings, "warning")]
    parts.append(", ".join(c for c in counts if c))
    return "\n\n".join(parts) + "\n"


def as_json(item: Diagnostic) -> dict[str, object]:
    """A diagnostic as JSON data; lines and columns count from 1, `end_column` is exclusive."""
    return {
        "code": item.code,
        "severity": item.severity,
        "message": item.message(),
        "label": item.label(),
        **_place(item.span),
        "others": [{"label": text, **_place(span)} for span, text in item.others()],
        "note": item.note(),
        "help": item.help(),
    }


def _count(n: int, word: str) -> str:
    return f"{n} {word}{'s' if n > 1 else ''}" if n else ""


def _place(span: Span) -> dict[str, object]:
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    return {
        "file": span.file.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _render_one(item: Diagnostic) -> str:
    line, column = item.span.file.position(item.span.start)
    out = [f"{item.severity}[{item.code}]: {item.message()}"]
    out.append(f"  --> {item.span.file.name}:{line}:{column}")
    places = [(item.span, item.label(), "^"), *((s, t, "-") for s, t in item.others())]
    width = max(len(str(span.line)) for span, _, _ in places)
    previous: tuple[str, int] | None = None
    for span, text, mark in sorted(places, key=lambda p: (p[0].file.name, p[0].start)):
        number = span.line
        if span.file.name != item.span.file.name:
            out.append(f"  ::: {span.file.name}:{number}")
        elif previous and number > previous[1] + 1:
            out.append(" " * width + " ...")
        if previous != (span.file.name, number):
            out.append(f"{number:>{width}} | {_visible(span.file.line(number))}")
        out.append(f"{'':>{width}} | {_carets(span, mark)} {text}".rstrip())
        previous = (span.file.name, number)
    if note := item.note():
        out.append(f"{'':>{width}} = note: {note}")
    if advice := item.help():
        out.append(f"{'':>{width}} = help: {advice}")
    return "\n".join(out)


def _carets(span: Span, mark: str) -> str:
    _, column = span.file.position(span.start)
    line = span.file.line(span.line)
    length = max(1, min(span.end - span.start, len(line) - column + 1))
    return " " * (column - 1) + mark * length


def _visible(line: str) -> str:
    """The line with tabs and control characters as single spaces or signs, so carets align."""
    return "".join(c if c.isprintable() else (" " if c == "\t" else "?") for c in line)
