"""Reductions to one number; in a data block they are statistics over the train split."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, GROUP_AXES, SCALAR, Array, Tree, Type, is_scalar
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, InRules, WrongCall
from drmadc.language.shapes import describe, is_real
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc.target import tree as py
from drmadc.target.build import call

STATISTICS = ("mean", "std", "max", "min")


class NotAStatistic(WrongCall):
    """A reduction in a data block that is not one over the examples."""

    found: Type

    def problem(self) -> str:
        return "cannot reduce this over the examples of the train split"

    def label(self) -> str:
        return f"found {describe(self.found)}"

    def help(self) -> str:
        return f"in a data block, {', '.join(STATISTICS)} of a per-example value are statistics of the train split"


class WrongSumBy(WrongCall):
    """`sum(x, by: axis)` of something else than a parameter group, or by something else than its axes."""

    by: ast.Expr
    found: Type

    def message(self) -> str:
        return f"`sum(..., by: {format_expr(self.by)})` is not a sum over a parameter group's axis"

    def label(self) -> str:
        return f"found {describe(self.found)}"

    def help(self) -> str:
        axes = ", ".join(GROUP_AXES)
        return f"sum the parameters of a group by one of {axes}, in a loss, an objective or a report"


@dataclass(frozen=True, slots=True)
class Reduction(Function):
    """A reduction of all entries, those of the examples included."""

    family: ClassVar[Family] = "reduction"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        (arg,) = args
        x = ctx.infer(arg)
        if x is None or not is_real(x, arg.span, f"`{self.name}`", ctx):
            return None
        if ctx.place == "data":
            assert isinstance(x.type, Array)
            if self.name not in STATISTICS or x.type.axes[:1] != (EXAMPLE,):
                ctx.report(NotAStatistic(arg.span, self, x.type))
                return None
            return ctx.statistic(self.name, x, Array("real", x.type.axes[1:]), arg.span)
        return x if is_scalar(x.type) else ir.Call(self.name, (x,), SCALAR)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        if isinstance(node.args[0].type, Tree):
            return call("rt.reduce", py.Id(f"jnp.{self.name}"), *args)
        return call(f"jnp.{self.name}", *args)


@dataclass(frozen=True, slots=True)
class Sum(Reduction):
    """The sum; `by` keeps one axis of a parameter group. In an update rule it is over the whole group."""

    in_rules: ClassVar[InRules] = "derived"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        by = next((arg.value for arg in expr.args if arg.name == "by"), None)
        if by is None:
            return Reduction.infer(self, expr, args, ctx)
        (arg,) = args
        x = ctx.infer(arg)
        if x is None or not is_real(x, arg.span, "`sum`", ctx):
            return None
        kind = next((k for k in GROUP_AXES if isinstance(by, ast.Name) and by.text == k), None)
        if kind is None or not isinstance(x.type, Tree) or ctx.place not in ("minibatch", "outer", "model"):
            ctx.report(WrongSumBy(arg.span, self, by, x.type))
            return None
        axis = ctx.axis(kind, x.type.group, by.span)
        return None if axis is None else ir.Unbroadcast(x, Array("real", (axis,)))

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        if isinstance(node.args[0].type, Tree):
            return call("rt.tree_sum", *args)
        return Reduction.emit(self, node, args, ctx)

    def pullback(self, node: ir.Call, seed: ir.Expr) -> tuple[ir.Expr, ...]:
        return (seed,)


OPS = (
    Sum("sum", "sum(x) or sum(mlp.weights, by: out_unit)", "the sum, or one for each entry of an axis", 1, ("by",)),
    Reduction("mean", "mean(x)", "the mean"),
    Reduction("std", "std(x)", "the standard deviation"),
    Reduction("max", "max(x)", "the largest entry"),
    Reduction("min", "min(x)", "the smallest entry"),
)
