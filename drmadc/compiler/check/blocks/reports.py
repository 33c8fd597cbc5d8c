"""The `report` block: what is recorded after each outer step, and what is expected of it."""

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.expectations import check_expectation, report_key
from drmadc.compiler.check.blocks.training import count, function_of
from drmadc.compiler.check.context import Context, Known, head
from drmadc.compiler.check.errors import argument_errors, name_errors, tuning_errors
from drmadc.compiler.check.expr.expressions import infer
from drmadc.ir import nodes as ir
from drmadc.ir.program import Function, Report
from drmadc.ir.types import Array, Tree
from drmadc.language.shapes import describe
from drmadc.language.strategies.registry import STATS
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

RECORD_KEYS = ("outer", "stage", "objective", "seconds", "growth", "hypergradient", "guard", *STATS)


def check_report(known: Known) -> None:
    """Fill `known.reports` and `known.expectations`; what `retrain` compares must be reported."""
    decl = known.single(ast.ReportDecl)
    if decl is not None:
        known.reports = tuple(_reports(decl, known))
        lines = [item for item in decl.items if isinstance(item, ast.Expectation)]
        expected = [check_expectation(item, known) for item in lines]
        known.expectations = tuple(expectation for expectation in expected if expectation is not None)
    retrain = known.single(ast.RetrainDecl)
    if known.retrain is not None and retrain is not None and all(report.shape is not None for report in known.reports):
        known.bag.add(name_errors.MissingBlock(head(retrain.span, "retrain"), "report"))


def _reports(decl: ast.ReportDecl, known: Known) -> list[Report]:
    """The reported values, each with the key that it has in `metrics.jsonl`."""
    reports: list[Report] = []
    first: dict[str, Span] = {}
    for item in decl.items:
        if isinstance(item, ast.Expectation):
            continue
        shape: tuple[int, ...] | None = None
        value = item.value
        if isinstance(value, ast.Call) and isinstance(value.function, ast.Name) and value.function.text == "image":
            image = _image(value, known)
            if image is None:
                continue
            value, shape, function = image
        else:
            scalar = function_of(value, "a reported value", Context(known, "outer"))
            if scalar is None:
                continue
            function = scalar
        key = item.name or report_key(value)
        if key in first:
            known.bag.add(name_errors.GivenTwice(item.span, key, first[key]))
            continue
        if key in RECORD_KEYS:
            known.bag.add(name_errors.GivenTwice(item.span, key, decl.span))
            continue
        first[key] = item.span
        reports.append(Report(key, function, shape))
    return reports


def _image(call: ast.Call, known: Known) -> tuple[ast.Expr, tuple[int, ...], Function] | None:
    signature = "image(l2 of mlp.h1, 28, 28)"
    if len(call.args) != 3 or any(arg.name for arg in call.args):
        known.bag.add(argument_errors.ImageArguments(call.span, "image", signature))
        return None
    what, *sides = (arg.value for arg in call.args)
    numbers = [count(side, "a side of the image", known) for side in sides]
    x = infer(what, Context(known, "outer"))
    if x is None or numbers[0] is None or numbers[1] is None:
        return None
    size = 1
    for axis in x.type.axes if isinstance(x.type, Array) else ():
        size *= axis.length
    number, rest = divmod(size, numbers[0] * numbers[1])
    if isinstance(x.type, Tree) or rest or not number:
        shape_ = (describe(x.type), numbers[0], numbers[1])
        known.bag.add(argument_errors.ImageShape(call.span, "image", signature, *shape_))
        return None
    if not ir.hypers_in(x):
        found = describe(x.type)
        known.bag.add(tuning_errors.ImageOfNoHyper(what.span, found))
        return None
    shape = (numbers[0], numbers[1]) if number == 1 else (number, numbers[0], numbers[1])
    return what, shape, Function((), x, format_expr(what), call.span.origin)
