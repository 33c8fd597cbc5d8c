"""Functions of a data block: transforms of features, statistics of the train split, augmentation."""

from dataclasses import replace
from math import prod

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Infer
from drmadc.compiler.check.errors import type_errors
from drmadc.compiler.check.expr.functions import Signature
from drmadc.compiler.check.expr.shapes import describe, is_real
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import GEOMETRIC, Chain, FieldTransforms, Let
from drmadc.ir.types import EXAMPLE, Array, sizes
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr


def statistic(kind: str, x: ir.Expr, type_: Array, span: Span, ctx: Context, epsilon: float | None = None) -> ir.Expr:
    """A statistic of the train split, declared where it is not yet."""
    args = (x,) if epsilon is None else (x, ir.Const(epsilon))
    value = ir.Call(kind, args, type_, "examples")
    for let in ctx.statistics:
        if let.value == value:
            return ir.Name(f"statistics.{let.name}", type_)
    count = sum(let.name.rstrip("_0123456789") == kind for let in ctx.statistics)
    label = f"{kind}_{count + 1}" if count else kind
    ctx.statistics.append(Let(label, value, span.origin))
    return ir.Name(f"statistics.{label}", type_)


def transform(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    """A feature made of another, example by example, with what was learned of the train split."""
    if ctx.place != "data":
        problem = "belongs into a feature of a `data` block"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    x = infer(values[0], ctx)
    if x is None:
        return None
    match name:
        case "one_hot":
            return _one_hot(x, signature, expr, ctx)
        case "reshape":
            return _reshape(x, values[1], signature, expr, ctx)
        case _ if not is_real(x, values[0].span, f"`{name}`", ctx):
            return None
        case _:
            assert isinstance(x.type, Array)
            x = replace(x, type=Array("real", x.type.axes))
            return _fitted(name, x, signature, expr, values, ctx)


def _fitted(
    name: str, x: ir.Expr, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context
) -> ir.Expr | None:
    assert isinstance(x.type, Array)
    one = Array("real", x.type.axes[1:])

    def taken(kind: str) -> ir.Expr:
        return statistic(kind, x, one, expr.span, ctx)

    match name:
        case "standardise":
            return ir.Call(name, (x, taken("mean"), taken("std")), x.type)
        case "rescale":
            return ir.Call(name, (x, taken("min"), taken("max")), x.type)
        case "global_contrast":
            return ir.Call("global_contrast", (x,), x.type)
        case _:
            epsilon = values[1]
            vector = len(x.type.axes) == 2
            if not vector or not (isinstance(epsilon, ast.Number) and epsilon.value > 0):
                problem = f"takes a vector of each example and a number above 0, not {describe(x.type)}"
                ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
                return None
            square = Array("real", (*x.type.axes[1:], *x.type.axes[1:]))
            matrix = statistic("zca", x, square, expr.span, ctx, float(epsilon.value))
            return ir.Call(name, (x, taken("mean"), matrix), x.type)


def _one_hot(x: ir.Expr, signature: Signature, expr: ast.Call, ctx: Context) -> ir.Expr | None:
    option = next((arg.value for arg in expr.args if arg.name == "classes"), None)
    given = option.value if isinstance(option, ast.Number) and isinstance(option.value, int) else 0
    if given and isinstance(x, ir.Name) and x.id in ctx.whole and isinstance(x.type, Array):
        x = replace(x, type=Array("class", x.type.axes, given))
    axes = x.type.axes if isinstance(x.type, Array) and x.type.element in ("class", "byte") else ()
    classes = given or (x.type.classes if isinstance(x.type, Array) else 0)
    if not axes or not classes:
        problem = f"takes a label, or bytes or whole numbers of a file and `classes`, not {describe(x.type)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, "one_hot", problem, signature.text))
        return None
    if isinstance(x.type, Array) and x.type.element == "class" and not x.type.classes:
        x = replace(x, type=replace(x.type, classes=classes))
    return ir.Call("one_hot", (x,), Array("real", (*axes, *sizes(classes))), str(classes))


def _reshape(x: ir.Expr, shape: ast.Expr, signature: Signature, expr: ast.Call, ctx: Context) -> ir.Expr | None:
    items = shape.items if isinstance(shape, ast.List) else ()
    numbers = [item.value for item in items if isinstance(item, ast.Number)]
    lengths = [number for number in numbers if isinstance(number, int) and number > 0]
    axes = x.type.axes if isinstance(x.type, Array) and x.type.element != "class" else ()
    if not lengths or len(lengths) < len(items) or prod(lengths) != prod(axis.size for axis in axes[1:]):
        problem = f"cannot give {describe(x.type)} the shape {format_expr(shape)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, "reshape", problem, signature.text))
        return None
    assert isinstance(x.type, Array)
    return ir.Call("reshape", (x,), Array(x.type.element, (EXAMPLE, *sizes(*lengths))))


def augment(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    """A change that is drawn anew for each example of a minibatch, and that the objective does not see."""
    if ctx.place != "data":
        problem = "belongs into a feature of a `data` block; it acts in training only"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    x = infer(values[0], ctx)
    if x is None:
        return None
    amount = 0.0
    if len(values) > 1:
        value = values[1]
        whole = name in GEOMETRIC
        if not (isinstance(value, ast.Number) and value.value > 0 and (isinstance(value.value, int) or not whole)):
            wanted = "a whole number above 0" if whole else "a number above 0"
            ctx.bag.add(type_errors.WrongKind(value.span, f"the amount of `{name}`", wanted, f"`{format_expr(value)}`"))
            return None
        amount = float(value.value)
    picture = isinstance(x.type, Array) and len(x.type.axes) in (3, 4) and x.type.element != "class"
    problem = ""
    if name in (*GEOMETRIC, "rotate") and not picture:
        problem = f"takes images of each example, [rows, columns] or [rows, columns, channels], not {describe(x.type)}"
    elif not isinstance(x.type, Array) or x.type.element == "class" or len(x.type.axes) < 2:
        advice = "; write one_hot(label)" if isinstance(x.type, Array) and x.type.element == "class" else ""
        problem = f"takes an array of numbers of each example, not {describe(x.type)}{advice}"
    elif name in GEOMETRIC and not isinstance(chain_of(x)[0], ir.Name):
        problem = "comes before everything else: write crop(image, 4) with a field of the source"
    if problem or not isinstance(x.type, Array):
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    if name in GEOMETRIC:
        return ir.Call(name, (x,), x.type, str(int(amount)))
    index = ctx.draws
    ctx.draws += 1
    return ir.Call(name, (x, ir.Const(amount)), Array("real", x.type.axes), str(index))


def chain_of(expr: ir.Expr) -> tuple[ir.Expr, Chain]:
    """What a chain of moves begins with, and the moves, the first one first."""
    match expr:
        case ir.Call("flip" | "crop" | "cutout" as name, (x,), _, amount):
            start, before = chain_of(x)
            return start, (*before, (name, int(amount)))
        case _:
            return expr, ()


def split_geometric(features: list[Let], spans: dict[str, Span], ctx: Context) -> tuple[list[Let], FieldTransforms]:
    """Features without moves, and the moves of each field; a field that is read in two ways is reported."""
    geometric: dict[str, Chain] = {}
    for feature in features:
        for name, chain in _reads(feature.value):
            if geometric.setdefault(name, chain) != chain:
                problem = f"reads `{name}` moved in another way than a feature before it"
                example = f"the same chain wherever it is read: crop(flip({name}), 4)"
                ctx.bag.add(type_errors.WrongArguments(spans[feature.name], feature.name, problem, example))
                break
    unmoved = [replace(feature, value=without_moves(feature.value)) for feature in features]
    return unmoved, tuple((name, chain) for name, chain in geometric.items() if chain)


def without_moves(expr: ir.Expr) -> ir.Expr:
    """An expression whose fields are read as they are."""
    return rewrite(
        expr, lambda node: node.args[0] if isinstance(node, ir.Call) and node.function in GEOMETRIC else node
    )


def _reads(expr: ir.Expr) -> list[tuple[str, Chain]]:
    """The fields that an expression reads, each with the moves it goes through."""
    start, chain = chain_of(expr)
    if isinstance(start, ir.Name):
        return [] if start.id.startswith("statistics.") else [(start.id, chain)]
    return [found for child in ir.children(expr) for found in _reads(child)]
