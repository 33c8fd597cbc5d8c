"""Expectations in a report: comparisons of what a run records with numbers."""

from drmadc.compiler.check.context import Known
from drmadc.compiler.check.errors import name_errors, tuning_errors, type_errors
from drmadc.compiler.check.expr.constants import constant_value
from drmadc.ir import nodes as ir
from drmadc.ir.program import Expectation
from drmadc.ir.types import SCALAR, SERIES, Array, is_scalar, sizes
from drmadc.language.shapes import broadcast_types, describe
from drmadc.language.strategies.registry import STATS
from drmadc.syntax import ast
from drmadc.syntax.format import expectation_text, format_expr

REDUCTIONS = ("first", "last", "min", "max", "mean")
RENAMED = {"lost": "reversal_error", "switched": "fallback_step"}
RECORDED = ("objective", "hypergradient", "growth", "seconds", *STATS)


def _recorded(known: Known) -> tuple[str, ...]:
    """The names of everything that a run records."""
    keys = tuple(report.key for report in known.reports if report.shape is None)
    if known.data is not None and any(split.name == "guard" for split in known.data.splits):
        keys = ("guard", *keys)
    arms = tuple(name for name, _ in known.retrain.arms) if known.retrain is not None else ()
    names = (*RECORDED, *keys, *(f"{arm}.{key}" for arm in arms for key in keys))
    if known.sweep is not None:
        swept = tuple(name for name, _ in known.sweep.over) or ("along",)
        slopes = tuple(f"d_{name}" for name in swept)
        names += tuple(f"sweep.{key}" for key in ("objective", "hypergradient", *swept, *slopes, *keys))
    return names


def check_expectation(item: ast.Expectation, known: Known) -> Expectation | None:
    """One line `expect left compare right within margin`."""
    names = _recorded(known)
    left, right = _side(item.left, names, known), _side(item.right, names, known)
    within = 0.0
    if item.within is not None:
        margin = _side(item.within, names, known)
        value = None if margin is None else constant_value(margin)
        if margin is not None and (value is None or value < 0):
            found = f"`{format_expr(item.within)}`"
            known.bag.add(tuning_errors.BadMargin(item.within.span, found))
            return None
        within = value or 0.0
    if left is None or right is None:
        return None
    if (left.type == SERIES) != (right.type == SERIES or not is_scalar(right.type)):
        known.bag.add(tuning_errors.SeriesComparison(item.left.span, _words(left), item.compare, _words(right)))
        return None
    return Expectation(expectation_text(item), left, item.compare, right, within, item.span.origin)


def _words(x: ir.Expr) -> str:
    return "a series" if x.type == SERIES else describe(x.type)


def _side(expr: ast.Expr, names: tuple[str, ...], known: Known) -> ir.Expr | None:
    if (key := _series(expr, names)) is not None:
        return ir.Name(key, SERIES)
    match expr:
        case ast.Member(ast.Name(arm), key) if f"{arm}.{key}" in names:
            return ir.Name(f"{arm}.{key}", SERIES if arm == "sweep" else SCALAR)
        case ast.Number():
            return ir.Const(float(expr.value))
        case ast.Neg(operand):
            x = _side(operand, names, known)
            return None if x is None else ir.Unary("neg", x, x.type)
        case ast.Binary(op, left, right) if op != "@":
            a, b = _side(left, names, known), _side(right, names, known)
            if a is None or b is None:
                return None
            type_ = broadcast_types(a.type, b.type)
            if type_ is None:
                shapes = (_words(a), _words(b), left.span, right.span)
                known.bag.add(type_errors.ShapeMismatch(expr.span, op, *shapes))
                return None
            return ir.Binary(op, a, b, type_)
        case ast.List(items):
            parts = [_side(item, names, known) for item in items]
            good = tuple(part for part in parts if part is not None)
            if len(good) < len(parts):
                return None
            if not good or any(constant_value(part) is None for part in good):
                known.bag.add(tuning_errors.NotAListOfNumbers(expr.span, not good))
                return None
            return ir.Stack(good, Array("real", sizes(len(good))))
        case ast.Call(ast.Name(word), (ast.Arg(None, value),)) if word in REDUCTIONS:
            x = _side(value, names, known)
            if x is not None and x.type != SERIES:
                known.bag.add(tuning_errors.NotASeries(value.span, _words(x), word))
                return None
            return None if x is None else ir.Call(word, (x,), SCALAR)
        case ast.Call(ast.Name("at"), (ast.Arg(None, value), ast.Arg(None, ast.Number() as place))):
            x = _side(value, names, known)
            if x is not None and (x.type != SERIES or not isinstance(place.value, int)):
                known.bag.add(tuning_errors.BadAt(expr.span, f"`{format_expr(expr)}`"))
                return None
            return None if x is None else ir.Call("at", (x,), SCALAR, place.text)
        case ast.Member(ast.Name(arm), key):
            known.bag.add(name_errors.UnknownName(expr.span, f"{arm}.{key}", names, "recorded value"))
            return None
        case ast.Name(text) if text in RENAMED:
            known.bag.add(name_errors.Renamed(expr.span, text, RENAMED[text]))
            return None
        case ast.Name(text):
            known.bag.add(name_errors.UnknownName(expr.span, text, names, "recorded series"))
            return None
        case ast.Call(ast.Name(word)):
            known.bag.add(name_errors.UnknownFunction(expr.span, word, (*REDUCTIONS, "at")))
            return None
        case _:
            found = f"`{format_expr(expr)}`"
            known.bag.add(tuning_errors.NotExpectable(expr.span, found))
            return None


def _series(expr: ast.Expr, names: tuple[str, ...]) -> str | None:
    """The record key of an expression: a name, or the very expression that is reported."""
    if isinstance(expr, ast.Name):
        return expr.text if expr.text in names else None
    key = report_key(expr)
    return key if key in names else None


def report_key(value: ast.Expr) -> str:
    """The key of a reported value without a name: `error/test`, or what the spec says."""
    if isinstance(value, ast.On):
        inner = value.value
        if isinstance(inner, ast.Call) and isinstance(inner.function, ast.Name):
            return f"{inner.function.text}/{value.split}"
        return f"{format_expr(inner)}/{value.split}"
    return format_expr(value)
