"""Noise of training whose level may be a hyperparameter: drawn first, then scaled."""

from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR, Array, Type
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, Misplaced, WrongCall
from drmadc.language.shapes import broadcast_types, describe
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call


class WrongLevel(WrongCall):
    """A level that does not go with what is disturbed."""

    level: Type
    x: Type

    def problem(self) -> str:
        return f"takes one level, or one for each entry of {describe(self.x)}"

    def label(self) -> str:
        return f"found {describe(self.level)}"


class Noise(Function):
    """Noise of each example, in models and in the loss; in a model it acts in training only."""

    family: ClassVar[Family] = "noise"
    allowed_in: ClassVar[str] = "a model or the training loss"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place not in ("model", "minibatch"):
            ctx.report(Misplaced(expr.span, self))
            return None
        x, level = ctx.infer(args[0]), ctx.infer(args[1])
        if x is None or level is None:
            return None
        arrays = isinstance(x.type, Array) and isinstance(level.type, Array)
        type_ = broadcast_types(x.type, level.type) if arrays else None
        if type_ is None or type_ != x.type or x.type == SCALAR:
            ctx.report(WrongLevel(args[1].span, self, level.type, x.type))
            return None
        return ir.Call(self.name, (x, level), x.type, str(ctx.next_noise()), "noise")

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        assert ctx.noise is not None
        return call(f"rt.{self.name}", *args, ctx.noise, py.Literal(int(node.option)))


OPS = (
    Noise("noise", "noise(x, standard_deviation)", "x plus normal noise, in training only", 2),
    Noise(
        "gaussian_dropout",
        "gaussian_dropout(x, rate)",
        "x times normal noise of mean 1 and dropout's variance, rate / (1 - rate), in training only",
        2,
    ),
)
