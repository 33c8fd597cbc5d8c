"""Fields of tables with missing values: what takes their place, and which they are."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import Array
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, Misplaced, WrongArgument, WrongLiteral
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call

STATISTICS = {"mean": "present_mean", "median": "median"}
"""What fills numbers, and the statistic of the train split that it is."""
MOST_FREQUENT = "most_frequent"


@dataclass(frozen=True, slots=True)
class _OfMissing(Function):
    """A function of a field whose values may be missing; they are a number that no other value has, or class -1."""

    family: ClassVar[Family] = "transform"
    allowed_in: ClassVar[str] = "a feature of a `data` block"
    takes: ClassVar[str] = "a field of the source"
    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place != "data":
            ctx.report(Misplaced(expr.span, self))
            return None
        x = ctx.infer_with_missing(args[0])
        if x is None:
            return None
        if not isinstance(x, ir.Name) or not isinstance(x.type, Array):
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        type_ = x.type
        if type_.element == "class" and not type_.classes:
            x = ir.Name(x.id, replace(type_, classes=ctx.classes_of(x)))
        return self.of(x, expr, args, ctx)

    @abstractmethod
    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        """The typed form of the call for a field."""


class Missing(_OfMissing):
    """A field with its missing values filled."""

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        assert isinstance(x.type, Array)
        if x.type.element == "class":
            return self._words(x, x.type, expr, args[1], ctx)
        type_ = Array("real", x.type.axes)
        x = replace(x, type=type_)
        each = Array("real", type_.axes[1:])
        match args[1]:
            case ast.Name("mean" | "median" as word):
                fill = ctx.statistic(STATISTICS[word], x, each, expr.span)
            case ast.Number(value):
                fill = ir.Const(float(value))
            case ast.Neg(ast.Number(value)):
                fill = ir.Const(-float(value))
            case other:
                ctx.report(WrongLiteral(other.span, self, "value", "mean, median or a number", other))
                return None
        return ir.Call(self.name, (x, fill), type_)

    def _words(self, x: ir.Expr, type_: Array, expr: ast.Call, value: ast.Expr, ctx: TypingContext) -> ir.Expr | None:
        if not (isinstance(value, ast.Name) and value.text == MOST_FREQUENT):
            ctx.report(WrongLiteral(value.span, self, "value for words", MOST_FREQUENT, value))
            return None
        one = Array("class", type_.axes[1:], type_.classes)
        fill = ctx.statistic(MOST_FREQUENT, x, one, expr.span, float(type_.classes))
        return ir.Call(self.name, (x, fill), type_)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.fill_missing", *args)


class IsMissing(_OfMissing):
    """1 where a value is missing, else 0."""

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        assert isinstance(x.type, Array)
        return ir.Call(self.name, (x,), Array("real", x.type.axes))

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.is_missing", *args, py.Id("DTYPE"))


OPS = (
    Missing(
        "missing",
        "missing(age, median) or missing(plan, most_frequent)",
        "a field whose missing values are the train split's mean, median or most frequent word, or a number",
        2,
    ),
    IsMissing("is_missing", "is_missing(age)", "1 where a value is missing, else 0"),
)
TOLERANT = frozenset((*(op.name for op in OPS), *STATISTICS.values(), MOST_FREQUENT))
"""The calls whose argument may have missing values."""
