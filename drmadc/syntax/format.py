"""Syntax tree to canonical text; comments stay where a reader would look for them."""

from collections.abc import Sequence
from typing import assert_never

from drmadc.common.source import Span
from drmadc.syntax import ast

_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "^": 4}
_ON, _NEG, _POSTFIX = 0, 3, 5


def format_spec(spec: ast.Spec) -> str:
    """The canonical text of a spec: two spaces of indent, aligned `=`, one blank line between blocks."""
    writer = _Writer(spec.comments)
    for imported in spec.imports:
        writer.comments_before(imported.span)
        writer.item(imported.span, f'import "{imported.path}"')
    if spec.imports:
        writer.blank()
    previous: ast.Decl | None = None
    for decl in spec.decls:
        if previous is not None and not (_one_line(previous) and type(previous) is type(decl)):
            writer.blank()
        writer.comments_before(decl.span)
        _write_decl(writer, decl)
        previous = decl
    writer.rest()
    return "\n".join(writer.lines) + "\n"


def format_expr(expr: ast.Expr) -> str:
    """The canonical text of an expression, with no more brackets than it needs."""
    return _expr(expr, _ON)


def format_type(type_: ast.TypeExpr) -> str:
    """The canonical text of a type."""
    if not type_.axes:
        return type_.name
    return f"{type_.name}[{', '.join(format_expr(axis) for axis in type_.axes)}]"


class _Writer:
    """Lines written so far, and the comments still to be placed, by file: a spec may be made of several."""

    def __init__(self, comments: Sequence[ast.Comment]) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self._pending: dict[str, list[ast.Comment]] = {}
        for comment in comments:
            self.pending(comment.span).append(comment)

    def pending(self, span: Span) -> list[ast.Comment]:
        """The comments still to be placed of a place's file."""
        return self._pending.setdefault(span.file.name, [])

    def line(self, text: str, trailing: str = "") -> None:
        self.lines.append("  " * self.depth + text + (f"  {trailing}" if trailing else ""))

    def blank(self) -> None:
        if self.lines:
            self.lines.append("")

    def comments_before(self, span: Span) -> None:
        """Place every pending comment that stands before `span`."""
        last: int | None = None
        pending = self.pending(span)
        while pending and pending[0].span.start < span.start:
            comment = pending.pop(0)
            if last is not None and comment.span.line > last + 1 and self.depth == 0:
                self.lines.append("")
            self.line(comment.text)
            last = comment.span.line
        if last is not None and span.line > last + 1 and self.depth == 0:
            self.lines.append("")

    def comments_within(self, span: Span, limit: int | None = None) -> list[str]:
        """Take the comments inside `span` and one that follows it on its last line, before offset `limit`."""
        last_line = span.file.position(max(span.start, span.end - 1))[0]
        taken: list[str] = []
        pending = self.pending(span)
        while pending:
            comment = pending[0]
            inside = comment.span.start < span.end
            if not inside and limit is not None and comment.span.start > limit:
                break
            if not inside and (comment.own_line or comment.span.line != last_line):
                break
            taken.append(pending.pop(0).text)
        return taken

    def item(self, span: Span, text: str, limit: int | None = None) -> None:
        """One line for an item, its own comments above it or behind it; the next item starts at `limit`."""
        self.comments_before(span)
        inner = self.comments_within(span, limit)
        for comment in inner[:-1]:
            self.line(comment)
        self.line(text, inner[-1] if inner else "")

    def rest(self) -> None:
        """Place what is left at the end."""
        left = [comment for pending in self._pending.values() for comment in pending]
        if left:
            self.blank()
        for comment in left:
            self.line(comment.text)
        self._pending = {}


def _one_line(decl: ast.Decl) -> bool:
    return isinstance(decl, ast.HyperDecl | ast.ParamsDecl | ast.LetDecl)


def _write_decl(writer: _Writer, decl: ast.Decl) -> None:
    match decl:
        case ast.HyperDecl(name, type_, value):
            writer.item(decl.span, f"hyper {name}: {format_type(type_)} = {format_expr(value)}")
        case ast.ParamsDecl(name, type_, value):
            writer.item(decl.span, f"params {name}: {format_type(type_)} = {format_expr(value)}")
        case ast.LetDecl(name, value):
            writer.item(decl.span, f"let {name} = {format_expr(value)}")
        case ast.DataDecl(name, items):
            _write_block(writer, decl.span, f"data {name}", _settings(items))
        case ast.TrainDecl(settings):
            _write_block(writer, decl.span, "train", _settings(settings))
        case ast.TuneDecl(settings, name, after):
            head = "tune" + (f" {name}" if name else "") + (f" after {after}" if after else "")
            _write_block(writer, decl.span, head, _settings(settings))
        case ast.SweepDecl(settings):
            _write_block(writer, decl.span, "sweep", _settings(settings))
        case ast.RetrainDecl(settings):
            _write_block(writer, decl.span, "retrain", _settings(settings))
        case ast.ReportDecl(items):
            rows = [(item.span, _report_text(item)) for item in items]
            _write_block(writer, decl.span, "report", rows)
        case ast.UpdateDecl(name, params, equations):
            head = f"update {name}({', '.join(_rule_param(p) for p in params)})"
            _write_block(writer, decl.span, head, _bindings(equations))
        case ast.ModelDecl(name, inputs, result, body, returned, axis):
            takes = ", ".join(f"{i.name}: {format_type(i.type)}" for i in inputs)
            head = f"model {name}{f'[{axis}]' if axis else ''}({takes}) -> {format_type(result)}"
            rows = [*_bindings(body), (returned.span, f"return {format_expr(returned)}")]
            _write_block(writer, decl.span, head, rows)
        case _ as never:
            assert_never(never)


def _write_block(writer: _Writer, span: Span, head: str, rows: list[tuple[Span, str]]) -> None:
    own = [row for row, _ in rows if row.file == span.file]  # the others are overrides, and have no place among these
    first = own[0] if own else Span(span.file, span.end, span.end)
    opening = Span(span.file, span.start, span.start + 1)
    head_comments: list[str] = []
    pending = writer.pending(opening)
    while pending and (comment := pending[0]).span.start < first.start:
        if comment.own_line or comment.span.line != opening.line:
            break
        head_comments.append(pending.pop(0).text)
    writer.line(head + " {", "  ".join(head_comments))
    writer.depth += 1
    for place, (row_span, text) in enumerate(rows):
        behind = (row.start for row, _ in rows[place + 1 :] if row.file == row_span.file)
        writer.item(row_span, text, next(behind, None))
    writer.comments_before(Span(span.file, span.end - 1, span.end))
    writer.depth -= 1
    end = Span(span.file, span.end - 1, span.end)
    trailing = writer.comments_within(end)
    writer.line("}", trailing[0] if trailing else "")
    for text in trailing[1:]:
        writer.line(text)


def _settings(items: tuple[ast.Setting | ast.Feature, ...]) -> list[tuple[Span, str]]:
    width = max((len(i.name) for i in items if isinstance(i, ast.Setting)), default=0)
    rows: list[tuple[Span, str]] = []
    for item in items:
        match item:
            case ast.Setting(name, value):
                rows.append((item.span, f"{name:<{width}} = {format_expr(value)}"))
            case ast.Feature(name, type_, value):
                rows.append((item.span, f"{name}: {format_type(type_)} = {format_expr(value)}"))
            case _ as never:
                assert_never(never)
    return rows


def _bindings(bindings: tuple[ast.Binding, ...]) -> list[tuple[Span, str]]:
    return [(b.span, f"{b.name}{chr(39) if b.primed else ''} = {format_expr(b.value)}") for b in bindings]


def _rule_param(param: ast.RuleParam) -> str:
    text = param.name
    if param.annotation is not None:
        text += f": {format_expr(param.annotation)}"
    if param.default is not None:
        text += f" = {format_expr(param.default)}"
    return text


def _report_text(item: ast.ReportItem | ast.Expectation) -> str:
    if isinstance(item, ast.Expectation):
        return expectation_text(item)
    return f"{item.name} = {format_expr(item.value)}" if item.name else format_expr(item.value)


def expectation_text(item: ast.Expectation) -> str:
    """The canonical text of an expectation."""
    margin = "" if item.within is None else f" within {_expr(item.within, 1)}"
    return f"expect {_expr(item.left, 1)} {item.compare} {_expr(item.right, 1)}{margin}"


def _expr(expr: ast.Expr, strength: int) -> str:
    text, own = _expr_and_strength(expr)
    return f"({text})" if own < strength else text


def _expr_and_strength(expr: ast.Expr) -> tuple[str, int]:
    match expr:
        case ast.Name(text) | ast.Number(text):
            return text, _POSTFIX
        case ast.Primed(text):
            return f"{text}'", _POSTFIX
        case ast.Quantity(text, unit):
            return f"{text} {unit}", _POSTFIX
        case ast.Text(text):
            return f'"{text}"', _POSTFIX
        case ast.Member(base, name):
            return f"{_expr(base, _POSTFIX)}.{name}", _POSTFIX
        case ast.Call(function, args):
            inside = ", ".join((f"{a.name}: " if a.name else "") + _expr(a.value, _ON) for a in args)
            return f"{_expr(function, _POSTFIX)}({inside})", _POSTFIX
        case ast.Index(base, items):
            return f"{_expr(base, _POSTFIX)}[{', '.join(_expr(i, _ON) for i in items)}]", _POSTFIX
        case ast.Neg(operand):
            return f"-{_expr(operand, _NEG)}", _NEG
        case ast.Binary("^", left, right):
            return f"{_expr(left, _POSTFIX)} ^ {_expr(right, _NEG)}", 4
        case ast.Binary(op, left, right):
            own = _STRENGTH[op]
            return f"{_expr(left, own)} {op} {_expr(right, own + 1)}", own
        case ast.On(value, split):
            return f"{_expr(value, 1)} on {split}", _ON
        case ast.Of(value, path):
            return f"{_expr(value, _POSTFIX)} of {path}", _POSTFIX
        case ast.Each(scope):
            return f"each {scope}", _POSTFIX
        case ast.List(items):
            return f"[{', '.join(_expr(i, _ON) for i in items)}]", _POSTFIX
        case ast.With(value, entries):
            return f"{_expr(value, _POSTFIX)} with {_record(entries)}", _POSTFIX
        case ast.Record(entries):
            return _record(entries), _POSTFIX
        case _ as never:
            assert_never(never)


def _record(entries: tuple[ast.Entry, ...]) -> str:
    inside = ", ".join(f"{e.path}: {_expr(e.value, _ON)}" for e in entries)
    return f"{{ {inside} }}" if inside else "{}"
