"""Features made of others, example by example, with statistics of the train split where they need some."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array, Type, sizes
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, Misplaced, WrongArgument, WrongCall, WrongLiteral
from drmadc.language.shapes import describe, is_real
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc.target import tree as py
from drmadc.target.build import call


class _Transform(Function):
    """A function of a feature; `of` is its type rule, once the place and the first argument are found good."""

    family: ClassVar[Family] = "transform"
    allowed_in: ClassVar[str] = "a feature of a `data` block"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place != "data":
            ctx.report(Misplaced(expr.span, self))
            return None
        x = ctx.infer(args[0])
        return None if x is None else self.of(x, expr, args, ctx)

    @abstractmethod
    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        """The typed form of the call for a first argument."""


class OneHot(_Transform):
    """A label as a vector with a single 1."""

    takes: ClassVar[str] = "a label or a column of words; or `classes` and bytes or integers of a file"
    each: ClassVar[bool] = True

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        option = next((arg.value for arg in expr.args if arg.name == "classes"), None)
        given = option.value if isinstance(option, ast.Number) and isinstance(option.value, int) else 0
        known = x.type.classes if isinstance(x.type, Array) else 0
        classes = given or known or ctx.classes_of(x)
        if classes and isinstance(x, ir.Name) and isinstance(x.type, Array) and ctx.may_be_classes(x):
            x = replace(x, type=Array("class", x.type.axes, classes))
        axes = x.type.axes if isinstance(x.type, Array) and x.type.element in ("class", "byte") else ()
        if not axes or not classes:
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        if isinstance(x.type, Array) and x.type.element == "class" and not x.type.classes:
            x = replace(x, type=replace(x.type, classes=classes))
        return ir.Call(self.name, (x,), Array("real", (*axes, *sizes(classes))), str(classes))

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.one_hot", *args, py.Literal(int(node.option)), py.Id("DTYPE"))


class CannotReshape(WrongCall):
    """A shape of another number of entries."""

    found: Type
    shape: ast.Expr

    def message(self) -> str:
        return f"cannot reshape {describe(self.found)} to {format_expr(self.shape)}"


class Reshape(_Transform):
    """The entries of each example in another shape."""

    each: ClassVar[bool] = True

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        shape = args[1]
        items = shape.items if isinstance(shape, ast.List) else ()
        numbers = [item.value for item in items if isinstance(item, ast.Number)]
        lengths = [number for number in numbers if isinstance(number, int) and number > 0]
        axes = x.type.axes if isinstance(x.type, Array) and x.type.element != "class" else ()
        if not lengths or len(lengths) < len(items) or prod(lengths) != prod(axis.size for axis in axes[1:]):
            ctx.report(CannotReshape(expr.span, self, x.type, shape))
            return None
        assert isinstance(x.type, Array)
        return ir.Call(self.name, (x,), Array(x.type.element, (EXAMPLE, *sizes(*lengths))))

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        assert isinstance(node.type, Array)
        each = tuple(py.Literal(axis.size) for axis in node.type.axes[1:])
        return call("jnp.reshape", *args, py.Tuple((py.Minus(py.Literal(1)), *each)))


@dataclass(frozen=True, slots=True)
class Fitted(_Transform):
    """A feature and the statistics that its runtime function takes, in order."""

    statistics: tuple[str, ...] = ()

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if not is_real(x, args[0].span, f"`{self.name}`", ctx):
            return None
        assert isinstance(x.type, Array)
        one = Array("real", x.type.axes[1:])
        x = replace(x, type=Array("real", x.type.axes))
        found = (ctx.statistic(kind, x, one, expr.span) for kind in self.statistics)
        return ir.Call(self.name, (x, *found), x.type)


class Whiten(_Transform):
    """ZCA whitening: minus mean, times (C + epsilon I)^(-1/2)."""

    takes: ClassVar[str] = "a per-example vector"

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if not is_real(x, args[0].span, "`whiten`", ctx):
            return None
        assert isinstance(x.type, Array)
        epsilon = args[1]
        if len(x.type.axes) != 2:
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        if not (isinstance(epsilon, ast.Number) and epsilon.value > 0):
            ctx.report(WrongLiteral(epsilon.span, self, "epsilon", "a positive number", epsilon))
            return None
        _, axis = x.type.axes
        x = replace(x, type=Array("real", x.type.axes))
        matrix = ctx.statistic("zca", x, Array("real", (axis, axis)), expr.span, float(epsilon.value))
        mean = ctx.statistic("mean", x, Array("real", (axis,)), expr.span)
        return ir.Call(self.name, (x, mean, matrix), x.type)


OPS = (
    OneHot("one_hot", "one_hot(label) or one_hot(bytes, classes: 256)", "a vector with a single 1", 1, ("classes",)),
    Reshape("reshape", "reshape(x, [28, 28])", "each example in another shape", 2),
    Fitted("standardise", "standardise(x)", "minus mean, over standard deviation", statistics=("mean", "std")),
    Fitted("rescale", "rescale(x)", "from 0 to 1", statistics=("min", "max")),
    Fitted("global_contrast", "global_contrast(x)", "minus the example's own mean, over its own deviation"),
    Whiten("whiten", "whiten(x, epsilon)", "minus mean, times (C + epsilon I)^(-1/2), C the covariance (ZCA)", 2),
)
