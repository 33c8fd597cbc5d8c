"""Expressions: syntax tree to typed IR. A mistake is reported once; None then stands for the unknown value."""

from math import prod
from typing import assert_never

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.errors import data_errors, expression_errors, name_errors, type_errors, value_errors
from drmadc.compiler.check.errors.expression_errors import Declared
from drmadc.compiler.check.expr import calls
from drmadc.compiler.check.expr.constants import is_undefined
from drmadc.compiler.check.expr.shapes import as_array, as_matrix, broadcast_to_group
from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import ALL, Let, parameter_type
from drmadc.ir.types import (
    EXAMPLE,
    GROUP_AXES,
    Array,
    Axis,
    Tree,
    Type,
    is_scalar,
    leading,
    sizes,
    without_step,
)
from drmadc.language.registry import INITIALISERS
from drmadc.language.shapes import broadcast_types, describe, is_real
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr


def infer(expr: ast.Expr, ctx: Context) -> ir.Expr | None:
    """The typed form of an expression, or None when it is wrong (reported in the context's bag)."""
    value = _infer(expr, ctx)
    if isinstance(value, ir.Unary | ir.Binary) and is_undefined(value):
        ctx.bag.add(value_errors.Undefined(expr.span, format_expr(expr)))
        return None
    return value


def _infer(expr: ast.Expr, ctx: Context) -> ir.Expr | None:
    match expr:
        case ast.Number():
            return ir.Const(float(expr.value))
        case ast.Name(text):
            return _name(text, expr.span, ctx)
        case ast.Primed(text):
            return _primed(text, expr.span, ctx)
        case ast.Neg(operand):
            x = infer(operand, ctx)
            return None if x is None or not is_real(x, operand.span, "`-`", ctx) else ir.Unary("neg", x, x.type)
        case ast.Binary():
            return _binary(expr, ctx)
        case ast.Call():
            return calls.call(expr, ctx, infer)
        case ast.Member():
            return _member(expr, ctx)
        case ast.Index():
            return _index(expr, ctx)
        case ast.List(items):
            return _list(items, expr.span, ctx)
        case ast.Of():
            return _of(expr, ctx)
        case ast.On():
            return _on(expr, ctx)
        case ast.With():
            return _with(expr, ctx)
        case ast.Quantity() | ast.Text() | ast.Each() | ast.Record():
            found = f"`{format_expr(expr)}`"
            ctx.bag.add(expression_errors.NotAValue(expr.span, found))
            return None
        case _ as never:
            assert_never(never)


def _name(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    known = ctx.known
    if text in ctx.locals:
        return None if _is_unfilled(text, span, ctx) else ir.Name(text, ctx.locals[text])
    if known.learned is not None and ctx.place == "minibatch":
        for feature in known.learned.features:
            if feature.name == text:
                ctx.lets[text] = feature
                return ir.Name(text, feature.value.type)
    elif known.data is not None and ctx.place in ("minibatch", "outer"):
        for feature in known.data.features:
            if feature.name == text:
                known.used.add(text)
                return _feature(text, feature.value.type, span, ctx)
    constant = ctx.place in ("constant", "initial")
    if constant and text in (*known.hypers, *known.lets, *known.parameters):
        ctx.bag.add(expression_errors.NamedInConstant(span, text))
        return None
    if (constant or ctx.place == "data") and (constant or text not in (*known.hypers, *known.lets)):
        _unknown(text, span, ctx, tuple(ctx.locals))
        return None
    if text in known.lets and ctx.place in ("minibatch", "outer"):
        return _let(text, span, ctx)
    if text in known.hypers and ctx.place not in ("data",):
        return _hyper(text, span, ctx)
    if text in known.parameters and ctx.place in ("minibatch", "outer", "model"):
        return ir.Name(text, parameter_type(known.parameters[text]))
    if text == ALL and ALL in known.groups and ctx.place in ("minibatch", "outer"):
        return ir.Name(ALL, Tree(ALL))
    if text in known.broken:
        return None
    if ctx.place == "init" and text in INITIALISERS:
        return calls.call(ast.Call(ast.Name(text, span=span), (), span=span), ctx, infer)
    features = [f.name for f in known.data.features] if known.data is not None else []
    for kind, names in _declared(features, known).items():
        if text in names:
            ctx.bag.add(expression_errors.NotUsableHere(span, kind, text))
            return None
    more = INITIALISERS if ctx.place == "init" else features
    _unknown(text, span, ctx, (*ctx.locals, *known.hypers, *known.lets, *known.parameters, *more))
    return None


def _declared(features: list[str], known: Known) -> dict[Declared, tuple[str, ...]]:
    """The names that are declared, by what they are."""
    return {
        "feature": tuple(features),
        "hyperparameter": tuple(known.hypers),
        "let": tuple(known.lets),
        "parameter": tuple(known.parameters),
    }


def _is_unfilled(text: str, span: Span, ctx: Context) -> bool:
    """Whether a field has missing values that may not be read here (reported once)."""
    missing = ctx.source.missing.get(text) if ctx.source is not None and not ctx.filling else None
    if ctx.source is None or missing is None:
        return False
    if text not in ctx.unfilled:
        ctx.unfilled.add(text)
        words = any(field.name == text and field.type.element == "class" for field in ctx.source.fields)
        ctx.bag.add(data_errors.MissingValues(span, text, missing.columns, missing.rows, words))
    return True


def _unknown(text: str, span: Span, ctx: Context, candidates: tuple[str, ...]) -> None:
    if text in ctx.known.broken:
        return
    ctx.bag.add(name_errors.UnknownName(span, text, candidates))


def _primed(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    if f"{text}'" in ctx.locals:
        return ir.Name(f"{text}'", ctx.locals[f"{text}'"])
    candidates = tuple(name for name in ctx.locals if name.endswith("'"))
    ctx.bag.add(name_errors.UnknownName(span, f"{text}'", candidates, "updated value"))
    return None


def _feature(text: str, type_: Type, span: Span, ctx: Context) -> ir.Expr | None:
    if ctx.place == "outer" and ctx.split is None:
        splits = tuple(s.name for s in ctx.known.data.splits) if ctx.known.data else ()
        ctx.bag.add(type_errors.NeedsSplit(span, text, splits))
        return None
    data = ctx.known.data
    if data is not None and data.tasks and isinstance(type_, Array):
        type_ = Array(type_.element, (Axis("task", data.tasks), *type_.axes), type_.classes)
    return ir.Name(f"{ctx.split or 'batch'}.{text}", type_)


def _hyper(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    type_ = ctx.known.hypers[text].type
    has_step = any(axis.kind == "step" for axis in type_.axes)
    if has_step and ctx.place in ("model", "init"):
        ctx.bag.add(expression_errors.StepAxisHere(span, text, f"{type_}"))
        return None
    if type_.axes and type_.axes[0].kind == "example":
        return _of_examples(text, type_, span, ctx)
    at_step = has_step and ctx.at_step
    return ir.Hyper(text, without_step(type_) if at_step else type_, at_step)


def _of_examples(text: str, type_: Array, span: Span, ctx: Context) -> ir.Expr | None:
    """A hyperparameter over examples: its entries for the minibatch, or outside of training the whole array.

    An `on` that covers it changes nothing: its axis is that of the train split, which no other examples have.
    """
    if ctx.place == "minibatch":
        return ir.Rows(ir.Hyper(text, type_), Array("real", (EXAMPLE,)))
    if ctx.place == "outer":
        return ir.Hyper(text, type_)
    ctx.bag.add(expression_errors.ExampleAxisHere(span, text, f"{type_}"))
    return None


def _let(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    ctx.known.used.add(text)
    if text in ctx.open_lets:
        ctx.bag.add(name_errors.Circular(span, text))
        return None
    if ctx.split is None and text in ctx.lets:
        return ir.Name(text, ctx.lets[text].value.type)
    decl = ctx.known.lets[text]
    before, ctx.open_lets = ctx.open_lets, (*ctx.open_lets, text)
    hidden, ctx.locals = ctx.locals, {}
    value = infer(decl.value, ctx)
    ctx.open_lets, ctx.locals = before, hidden
    if value is None:
        ctx.known.broken.add(text)
        return None
    if ctx.split is not None or isinstance(value.type, Tree):
        return value
    ctx.lets[text] = Let(text, value, decl.span.origin)
    return ir.Name(text, value.type)


def _path(expr: ast.Member) -> str | None:
    base = expr.base
    if isinstance(base, ast.Name):
        return f"{base.text}.{expr.name}"
    if isinstance(base, ast.Member) and (inner := _path(base)) is not None:
        return f"{inner}.{expr.name}"
    return None


def _member(expr: ast.Member, ctx: Context) -> ir.Expr | None:
    path = _path(expr)
    if path is None or ctx.place not in ("minibatch", "outer", "model"):
        found = f"`{format_expr(expr)}`"
        ctx.bag.add(expression_errors.NotAParameter(expr.span, found))
        return None
    known = ctx.known
    if path in known.parameters:
        return ir.Name(path, parameter_type(known.parameters[path]))
    if path in known.groups:
        return ir.Name(path, Tree(path))
    report_unknown_path(path, expr.span, ctx)
    return None


def report_unknown_path(path: str, span: Span, ctx: Context) -> None:
    """Say that no parameter or group has this path, and what there is."""
    known = ctx.known
    head, _, rest = path.partition(".")
    if head in known.broken:
        return
    if head not in known.models and head not in known.parameters:
        names = (*known.models, *known.parameters)
        ctx.bag.add(name_errors.UnknownName(span, head, names, "model or parameter"))
        return
    if not rest:
        ctx.bag.add(expression_errors.ModelIsNoGroup(span, head))
        return
    members = [name[len(head) + 1 :] for name in (*known.groups, *known.parameters) if name.startswith(head + ".")]
    ctx.bag.add(name_errors.UnknownMember(span, head, rest, tuple(members)))


def _binary(expr: ast.Binary, ctx: Context) -> ir.Expr | None:
    left, right = infer(expr.left, ctx), infer(expr.right, ctx)
    if left is None or right is None:
        return None
    if not (
        is_real(left, expr.left.span, f"`{expr.op}`", ctx) and is_real(right, expr.right.span, f"`{expr.op}`", ctx)
    ):
        return None
    if expr.op == "@":
        return _product(expr, left, right, ctx)
    for tree, other, other_span, first in (
        (left, right, expr.right.span, True),
        (right, left, expr.left.span, False),
    ):
        if isinstance(tree.type, Tree) and isinstance(other.type, Array) and not is_scalar(other.type):
            laid = broadcast_to_group(other, tree.type.group, other_span, ctx)
            if laid is None:
                return None
            left, right = (tree, laid) if first else (laid, tree)
    left, right = as_array(left, right, ctx), as_array(right, left, ctx)
    type_ = broadcast_types(left.type, right.type)
    if type_ is None:
        ctx.bag.add(
            type_errors.ShapeMismatch(
                expr.span,
                expr.op,
                describe(left.type),
                describe(right.type),
                expr.left.span,
                expr.right.span,
            )
        )
        return None
    return ir.Binary(expr.op, left, right, type_)


def _product(expr: ast.Binary, left: ir.Expr, right: ir.Expr, ctx: Context) -> ir.Expr | None:
    """left @ right: a product over the last axis of the left and the last but one (or the only one) of the right."""
    left, right = as_matrix(left, ctx), as_matrix(right, ctx)
    a = left.type.axes if isinstance(left.type, Array) else ()
    b = right.type.axes if isinstance(right.type, Array) else ()
    lead = len(leading(left.type)) if not leading(right.type) else 0
    inner = b[-2] if len(b) == 2 else (b[0] if b else None)
    plain = all(axis.kind == "size" for axis in (*a[lead:], *b))
    if not plain or not a or not 1 <= len(b) <= 2 or len(a) > 1 + max(lead, 1) or a[-1] != inner:
        found = (describe(left.type), describe(right.type), expr.left.span, expr.right.span)
        ctx.bag.add(type_errors.ShapeMismatch(expr.span, "@", *found))
        return None
    return ir.Call("matmul", (left, right), Array("real", (*a[:-1], *b[1:])))


def _with(expr: ast.With, ctx: Context) -> ir.Expr | None:
    """A model called with other parameters: each entry replaces a group or an array."""
    x = infer(expr.value, ctx)
    known = ctx.known
    if x is None:
        return None
    if not isinstance(x, ir.Apply):
        found = f"`{format_expr(expr.value)}`"
        ctx.bag.add(expression_errors.NotAModelCall(expr.value.span, found))
        return None
    replaced: list[tuple[str, ir.Expr]] = []
    first: dict[str, Span] = {}
    for entry in expr.entries:
        short = f"{x.model}.{entry.path}"
        path = short if short in known.groups or short in known.parameters else entry.path
        if path not in known.groups and path not in known.parameters:
            report_unknown_path(short if "." not in entry.path else path, entry.path_span, ctx)
            return None
        members = known.groups[path].members if path in known.groups else (path,)
        for member in members:
            if member in first:
                ctx.bag.add(name_errors.GivenTwice(entry.path_span, member, first[member]))
                return None
            first[member] = entry.path_span
        value = infer(entry.value, ctx)
        if value is None:
            return None
        if path in known.parameters and isinstance(value.type, Array):
            right = value.type == parameter_type(known.parameters[path])
        else:
            if isinstance(value.type, Array) and not is_scalar(value.type):
                laid = broadcast_to_group(value, path, entry.value.span, ctx)
                if laid is None:
                    return None
                value = laid
            right = value.type == Tree(path)
        if not right:
            ctx.bag.add(expression_errors.ReplacementShape(entry.value.span, describe(value.type), path))
            return None
        replaced.append((path, value))
    return ir.Apply(x.model, x.args, x.type, (*x.replaced, *replaced))


def _index(expr: ast.Index, ctx: Context) -> ir.Expr | None:
    base = infer(expr.base, ctx)
    if base is None:
        return None
    axes = base.type.axes if isinstance(base.type, Array) else ()
    indices: list[int] = []
    for item in expr.items:
        if not (isinstance(item, ast.Number) and isinstance(item.value, int)):
            ctx.bag.add(value_errors.NotAnInteger(item.span, f"`{format_expr(item)}`", "an index"))
            return None
        indices.append(item.value)
    plain = [axis for axis in axes if axis.kind in ("size", "class")]
    if len(plain) < len(axes) or len(indices) > len(axes):
        ctx.bag.add(
            expression_errors.NotIndexable(
                expr.base.span, describe(base.type), len(axes), len(plain) == len(axes), len(indices)
            )
        )
        return None
    for item, value, axis in zip(expr.items, indices, axes, strict=False):
        if value >= axis.size:
            ctx.bag.add(expression_errors.IndexOutOfRange(item.span, value, axis.size))
            return None
    return ir.Item(base, tuple(indices), Array("real", axes[len(indices) :]))


def _list(items: tuple[ast.Expr, ...], span: Span, ctx: Context) -> ir.Expr | None:
    parts = [infer(item, ctx) for item in items]
    good = [part for part in parts if part is not None]
    if len(good) < len(parts):
        return None
    if not good or any(part.type != good[0].type or not isinstance(part.type, Array) for part in good):
        ctx.bag.add(expression_errors.MixedList(span, not good))
        return None
    first = good[0].type
    assert isinstance(first, Array)
    return ir.Stack(tuple(good), Array("real", (*sizes(len(good)), *first.axes)))


def _of(expr: ast.Of, ctx: Context) -> ir.Expr | None:
    x = infer(expr.value, ctx)
    if x is None:
        return None
    known = ctx.known
    axes = x.type.axes if isinstance(x.type, Array) else ()
    if not (isinstance(x, ir.Hyper) and len(axes) == 1 and axes[0].kind in GROUP_AXES):
        ctx.bag.add(expression_errors.NotOverGroup(expr.value.span, describe(x.type)))
        return None
    members = known.groups[expr.path].members if expr.path in known.groups else (expr.path,)
    if expr.path not in known.groups and expr.path not in known.parameters:
        report_unknown_path(expr.path, expr.path_span, ctx)
        return None
    slots = axis_slots(tuple(known.parameters.values()), known.groups[axes[0].group].members, axes[0].kind)
    mine = [slot for slot in slots if slot.path in members]
    if not mine:
        ctx.bag.add(type_errors.AxisDoesNotFit(expr.path_span, describe(x.type), expr.path, members[0]))
        return None
    start = min(slot.start for slot in mine)
    end = max(slot.start + prod(slot.shape) for slot in mine)
    return ir.Part(x, start, Array("real", sizes(end - start)))


def _on(expr: ast.On, ctx: Context) -> ir.Expr | None:
    known = ctx.known
    if ctx.place != "outer":
        ctx.bag.add(expression_errors.OnNotAllowed(expr.split_span, expr.split))
        return None
    name = expr.split
    if known.data is not None and name.startswith(known.data.name + "."):
        name = name[len(known.data.name) + 1 :]
    splits = tuple(s.name for s in known.data.splits) if known.data else ()
    if name not in splits:
        if not known.data_is_wrong:
            ctx.bag.add(name_errors.UnknownName(expr.split_span, expr.split, splits, "split"))
        return None
    before, ctx.split = ctx.split, name
    x = infer(expr.value, ctx)
    ctx.split = before
    return None if x is None else ir.OnSplit(x, name, x.type)
