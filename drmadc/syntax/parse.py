"""Text to syntax tree: Lark parses one declaration at a time, this file names what came out."""

import math
import re
from collections.abc import Sequence

from lark import Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from drmadc.common.diagnostics.model import Bag, Diagnostic
from drmadc.common.source import SourceFile, Span
from drmadc.syntax import ast, errors
from drmadc.syntax.chunks import Chunk, cut
from drmadc.syntax.grammar import parser

MAX_DEPTH = 100
MAX_NAME = 100
_FIRST = re.compile(r"^\w+\s+([A-Za-z_][A-Za-z0-9_]*)")
_LAST_WORD = re.compile(r"[A-Za-z_]\w*\s*\Z")
_DECLARES = re.compile(r"\s*[:=](?!=)")
_DECLARED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:[:={(]|$)")

_Tree = Tree[Token]
_Node = _Tree | Token | None

_WORDS = {
    "NAME": "a name",
    "PRIMED": "a primed name",
    "NUMBER": "a number",
    "TEXT": "a text in quotes",
    "UNIT": "a unit",
    "EQUAL": "`=`",
    "COLON": "`:`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "COMMA": "`,`",
    "RETURN": "`return`",
    "ON": "`on`",
    "OF": "`of`",
    "WITH": "`with`",
    "AFTER": "`after`",
    "ARROW": "`->`",
    "EXPECT": "`expect`",
    "COMPARE": "`<`, `>` or `==`",
    "WITHIN": "`within`",
    "EACH": "`each`",
    "DOT": "`.`",
    "SEMICOLON": "`;`",
    "$END": "the end of the declaration",
}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "CIRCUMFLEX", "AT", "ON", "OF", "WITH", "DOT", "SEMICOLON", "UNIT"}


def parse(file: SourceFile, bag: Bag) -> ast.Spec:
    """The tree of every declaration that could be read; the others are reported in `bag`."""
    chunks, comments = cut(file)
    whole = Span(file, 0, len(file.text))
    if not chunks:
        bag.add(errors.EmptySpec(Span(file, 0, 0)))
    decls: list[ast.Decl] = []
    imports: list[ast.Import] = []
    lost: set[str] = set()
    for chunk in chunks:
        decl = _declaration(chunk, bag)
        if isinstance(decl, ast.Import):
            imports.append(decl)
        elif decl is not None:
            decls.append(decl)
        else:
            lost.update(_DECLARED.findall(chunk.span.text))
            lost.update(_FIRST.findall(chunk.span.text))
    return ast.Spec(tuple(decls), tuple(imports), comments=tuple(comments), lost=frozenset(lost), span=whole)


def parse_expression(file: SourceFile, start: int, bag: Bag) -> ast.Expr | None:
    """The expression that a file holds from `start` on (used for overrides)."""
    span = Span(file, start, len(file.text))
    tree = _tree("expr", span, bag, None)
    return _Builder(file, start).expr(tree) if tree is not None else None


def _declaration(chunk: Chunk, bag: Bag) -> ast.Decl | ast.Import | None:
    if chunk.keyword not in ast.KEYWORDS:
        if chunk.keyword:
            bag.add(errors.UnknownDeclaration(chunk.keyword_span, chunk.keyword))
        else:
            _report_opening(chunk, bag)
        return None
    body = Span(chunk.span.file, chunk.keyword_span.end, chunk.span.end)
    tree = _tree(f"{chunk.keyword}_decl", body, bag, chunk)
    if not isinstance(tree, Tree):
        return None
    return _Builder(chunk.span.file, body.start).decl(tree, chunk.span)


def _report_opening(chunk: Chunk, bag: Bag) -> None:
    first = chunk.span.text[:1]
    place = Span(chunk.span.file, chunk.span.start, chunk.span.start + 1)
    if first and (not first.isascii() or not first.isprintable()):
        bag.add(errors.ForeignCharacter(place, first))
    else:
        bag.add(errors.UnexpectedText(place, f"`{first}`", ("a declaration such as `data` or `train`",)))


def _tree(start: str, span: Span, bag: Bag, chunk: Chunk | None) -> _Tree | Token | None:
    try:
        tree = parser().parse(span.text, start=start)
    except UnexpectedInput as error:
        bag.add(_explain(error, span, chunk))
        return None
    if (wrong := _beyond_limits(tree, span)) is not None:
        bag.add(wrong)
        return None
    return tree


def _explain(error: UnexpectedInput, span: Span, chunk: Chunk | None) -> Diagnostic:
    file = span.file
    at = span.start + (error.pos_in_stream or 0)
    if isinstance(error, UnexpectedCharacters):
        return _explain_character(file, at, error.allowed or set())
    assert isinstance(error, UnexpectedToken)
    if (word := _reserved(error.token, span, at)) is not None:
        return errors.ReservedWord(word, word.text)
    expected = _expected(error.accepts or error.expected or set())
    if error.token.type == "$END":
        end = Span(file, max(span.start, span.end - 1), span.end)
        if chunk and chunk.unclosed:
            return errors.Unclosed(chunk.unclosed, chunk.unclosed.text, end)
        return errors.UnexpectedText(end, "end of the declaration", expected)
    if chunk and chunk.stray and chunk.stray.start == at:
        return errors.StrayBracket(chunk.stray, chunk.stray.text)
    text = str(error.token)
    return errors.UnexpectedText(Span(file, at, at + max(1, len(text))), f"`{text}`", expected)


def _reserved(token: Token, span: Span, at: int) -> Span | None:
    """The reserved word that stands where a name is declared: before the `:` or `=` at a token, or the token itself."""
    before = _LAST_WORD.search(span.file.text, span.start, at) if token.type in ("COLON", "EQUAL") else None
    start = before.start() if before is not None else at
    word = before[0].rstrip() if before is not None else str(token)
    declared = before is not None or _DECLARES.match(span.file.text, at + len(word)) is not None
    return Span(span.file, start, start + len(word)) if word in ast.RESERVED and declared else None


def _explain_character(file: SourceFile, at: int, allowed: set[str]) -> Diagnostic:
    character = file.text[at]
    place = Span(file, at, at + 1)
    if character.isascii() and character.isprintable() and character not in "\"$%&?\\`~!|'":
        return errors.UnexpectedText(place, f"`{character}`", _expected(allowed))
    return errors.ForeignCharacter(place, character)


def _expected(terminals: Sequence[str] | set[str]) -> tuple[str, ...]:
    names = set(terminals) - _OPERATORS
    if "NUMBER" in names:
        return ("a value",)
    if "EQUAL" in names and len(names) > 1:
        names -= {"NAME"}
    return tuple(sorted(_WORDS.get(name, name.lower()) for name in names))


def _beyond_limits(tree: _Tree | Token, span: Span) -> Diagnostic | None:
    """What is nested too deeply, too long or too large, found without recursion."""
    stack: list[tuple[_Tree | Token, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if not isinstance(node, Token):
            stack.extend((child, depth + 1) for child in reversed(node.children) if child is not None)
            continue
        at = span.start + (node.start_pos or 0)
        place = Span(span.file, at, at + 1)
        if depth > MAX_DEPTH:
            return errors.TooDeep(place, MAX_DEPTH)
        if node.type in ("NAME", "PRIMED") and len(node) > MAX_NAME:
            return errors.TooLong(place, MAX_NAME)
        if node.type == "NUMBER" and math.isinf(float(node)):
            return errors.TooLarge(place)
    return None


class _Builder:
    """Turns Lark's trees into syntax nodes; offsets are shifted to the whole file."""

    def __init__(self, file: SourceFile, offset: int) -> None:
        self.file = file
        self.offset = offset

    def span(self, node: _Node) -> Span:
        if isinstance(node, Token):
            start, end = node.start_pos or 0, node.end_pos or 0
        elif node is None or node.meta.empty:
            start = end = 0
        else:
            start, end = node.meta.start_pos, node.meta.end_pos
        return Span(self.file, self.offset + start, self.offset + end)

    def decl(self, tree: _Tree, span: Span) -> ast.Decl | ast.Import:
        kids = tree.children
        name, name_span = "", span
        if kids and isinstance(kids[0], Token):
            name, name_span = str(kids[0]), self.span(kids[0])
        match tree.data:
            case "import_decl":
                return ast.Import(name[1:-1], name_span, span=span)
            case "data_decl":
                return ast.DataDecl(
                    name, tuple(self.data_item(k) for k in _trees(kids)), name_span=name_span, span=span
                )
            case "model_decl":
                inputs = tuple(self.typed(k) for k in _trees(kids) if k.data == "typed")
                result = next(self.type(k) for k in _trees(kids) if k.data == "type")
                body = tuple(self.binding(k) for k in _trees(kids) if k.data == "binding")
                returned = self.expr(kids[-1])
                axis = kids[1] if isinstance(kids[1], Token) else None
                letters, place = ("", span) if axis is None else (str(axis), self.span(axis))
                return ast.ModelDecl(
                    name, inputs, result, body, returned, letters, axis_span=place, name_span=name_span, span=span
                )
            case "hyper_decl":
                return ast.HyperDecl(name, self.type(kids[1]), self.expr(kids[2]), name_span=name_span, span=span)
            case "params_decl":
                return ast.ParamsDecl(name, self.type(kids[1]), self.expr(kids[2]), name_span=name_span, span=span)
            case "let_decl":
                return ast.LetDecl(name, self.expr(kids[1]), name_span=name_span, span=span)
            case "update_decl":
                params = tuple(self.rule_param(k) for k in _trees(kids) if k.data == "rule_param")
                equations = tuple(self.binding(k) for k in _trees(kids) if k.data == "equation")
                return ast.UpdateDecl(name, params, equations, name_span=name_span, span=span)
            case "train_decl":
                return ast.TrainDecl(tuple(self.setting(k) for k in _trees(kids)), span=span)
            case "tune_decl":
                settings = tuple(self.setting(k) for k in _trees(kids))
                after = kids[1] if isinstance(kids[1], Token) else None
                place = self.span(after) if after is not None else span
                word = None if after is None else str(after)
                return ast.TuneDecl(settings, name, word, name_span=name_span, after_span=place, span=span)
            case "sweep_decl":
                return ast.SweepDecl(tuple(self.setting(k) for k in _trees(kids)), span=span)
            case "retrain_decl":
                return ast.RetrainDecl(tuple(self.setting(k) for k in _trees(kids)), span=span)
            case "report_decl":
                return ast.ReportDecl(tuple(self.report_item(k) for k in _trees(kids)), span=span)
            case other:
                raise AssertionError(f"grammar rule without a node: {other}")

    def data_item(self, tree: _Tree) -> ast.Setting | ast.Feature:
        return self.setting(tree) if tree.data == "setting" else self.feature(tree)

    def setting(self, tree: _Tree) -> ast.Setting:
        name, value = tree.children
        return ast.Setting(str(name), self.expr(value), name_span=self.span(name), span=self.span(tree))

    def feature(self, tree: _Tree) -> ast.Feature:
        name, type_, value = tree.children
        return ast.Feature(
            str(name),
            self.type(type_),
            self.expr(value),
            name_span=self.span(name),
            span=self.span(tree),
        )

    def typed(self, tree: _Tree) -> ast.Typed:
        return ast.Typed(str(tree.children[0]), self.type(tree.children[1]), span=self.span(tree))

    def binding(self, tree: _Tree) -> ast.Binding:
        name, value = tree.children
        assert isinstance(name, Token)
        return ast.Binding(
            str(name).rstrip("'"),
            self.expr(value),
            name.type == "PRIMED",
            name_span=self.span(name),
            span=self.span(tree),
        )

    def rule_param(self, tree: _Tree) -> ast.RuleParam:
        name, annotation, default = tree.children
        return ast.RuleParam(
            str(name),
            None if annotation is None else self.expr(annotation),
            None if default is None else self.expr(default),
            span=self.span(tree),
        )

    def report_item(self, tree: _Tree) -> ast.ReportItem | ast.Expectation:
        if tree.data == "expectation":
            left, compare, right, within = tree.children
            margin = None if within is None else self.expr(within)
            return ast.Expectation(self.expr(left), str(compare), self.expr(right), margin, span=self.span(tree))
        name, value = tree.children
        return ast.ReportItem(None if name is None else str(name), self.expr(value), span=self.span(tree))

    def type(self, tree: _Node) -> ast.TypeExpr:
        assert isinstance(tree, Tree)
        name, *axes = tree.children
        kept = tuple(self.expr(axis) for axis in axes if axis is not None)
        return ast.TypeExpr(str(name), kept, span=self.span(tree))

    def path(self, node: _Node) -> tuple[str, Span]:
        assert isinstance(node, Tree)
        return ".".join(str(part) for part in node.children), self.span(node)

    def expr(self, node: _Node) -> ast.Expr:
        assert isinstance(node, Tree)
        kids, span = node.children, self.span(node)
        match node.data:
            case "name":
                return ast.Name(str(kids[0]), span=span)
            case "primed":
                return ast.Primed(str(kids[0])[:-1], span=span)
            case "number":
                return ast.Number(str(kids[0]), span=span)
            case "quantity":
                return ast.Quantity(str(kids[0]), str(kids[1]), span=span)
            case "text":
                return ast.Text(str(kids[0])[1:-1], span=span)
            case "member":
                return ast.Member(self.expr(kids[0]), str(kids[1]), span=span)
            case "call":
                args = tuple(self.arg(k) for k in _trees(kids[1:]))
                return ast.Call(self.expr(kids[0]), args, span=span)
            case "index":
                return ast.Index(self.expr(kids[0]), tuple(self.expr(k) for k in _trees(kids[1:])), span=span)
            case "neg":
                return ast.Neg(self.expr(kids[0]), span=span)
            case "add" | "sub" | "mul" | "div" | "matmul" | "pow":
                op = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "pow": "^"}[node.data]
                return ast.Binary(op, self.expr(kids[0]), self.expr(kids[1]), span=span)
            case "on":
                split, split_span = self.path(kids[1])
                return ast.On(self.expr(kids[0]), split, split_span=split_span, span=span)
            case "of":
                path, path_span = self.path(kids[1])
                return ast.Of(self.expr(kids[0]), path, path_span=path_span, span=span)
            case "replaced":
                entries = tuple(self.entry(k) for k in _trees(kids[1:]))
                return ast.With(self.expr(kids[0]), entries, span=span)
            case "each":
                return ast.Each(str(kids[0]), span=span)
            case "list":
                return ast.List(tuple(self.expr(k) for k in _trees(kids)), span=span)
            case "record":
                return ast.Record(tuple(self.entry(k) for k in _trees(kids)), span=span)
            case other:
                raise AssertionError(f"grammar rule without a node: {other}")

    def arg(self, node: _Tree) -> ast.Arg:
        if node.data == "named":
            name, value = node.children
            return ast.Arg(str(name), self.expr(value), span=self.span(node))
        return ast.Arg(None, self.expr(node), span=self.span(node))

    def entry(self, tree: _Tree) -> ast.Entry:
        path, path_span = self.path(tree.children[0])
        value = self.expr(tree.children[1])
        return ast.Entry(path, value, path_span=path_span, span=self.span(tree))


def _trees(nodes: Sequence[_Node]) -> list[_Tree]:
    return [node for node in nodes if isinstance(node, Tree)]
