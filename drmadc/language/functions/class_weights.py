"""The weights of a loss: of each class, looked up by the label; of each example; or balanced."""

from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array, Type, leading
from drmadc.language.context import TypingContext
from drmadc.language.op import Family, Function, Op, WrongCall
from drmadc.language.shapes import describe
from drmadc.syntax import ast

BALANCED = "balanced"


class WrongWeights(WrongCall):
    """Weights that belong neither to the classes nor to the examples."""

    classes: int
    found: Type

    def problem(self) -> str:
        each = f"{self.classes} numbers, one for each class, or " if self.classes else ""
        return f"takes as its `weights` {each}one number for each example"

    def label(self) -> str:
        return f"found {describe(self.found)}"

    def help(self) -> str:
        return "write `weights: balanced`, or declare `hyper w: positive[class of y] = 1`" if self.classes else ""


class NotBalanced(WrongCall):
    """`weights: balanced` where the classes of the label are not counted."""

    def problem(self) -> str:
        return "cannot balance this label"

    def label(self) -> str:
        return "balanced weights are counted from a label of the data"

    def help(self) -> str:
        return "balance a feature `class[N]` of data that has a train split and no tasks"


class ByClass(Function):
    """Of each example the entry of its class: weights [classes] and a label give one number for each example."""

    family: ClassVar[Family] = "loss"
    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        raise AssertionError(f"`{self.name}` is made by the compiler only")


def by_class(weights: ir.Expr, label: ir.Expr) -> ir.Expr:
    """The weight of each example's class."""
    return ir.Call("by_class", (weights, label), Array("real", leading(label.type)))


def weights_of(written: ast.Expr, label: ir.Expr, op: Op, ctx: TypingContext) -> ir.Expr | None:
    """The weight of each example, or None where `weights: written` is wrong (and reported)."""
    labelled = isinstance(label.type, Array) and label.type.element == "class"
    if isinstance(written, ast.Name) and written.text == BALANCED:
        weights = ctx.balanced(label) if labelled else None
        if weights is None:
            ctx.report(NotBalanced(written.span, op))
        return weights
    x = ctx.infer(written)
    if x is None:
        return None
    lead, classes = leading(label.type), label.type.classes if isinstance(label.type, Array) else 0
    if isinstance(x.type, Array) and x.type.element == "real":
        if x.type.axes == lead and lead[-1:] == (EXAMPLE,):
            return x
        if labelled and len(x.type.axes) == 1 and x.type.axes[0].size == classes and not leading(x.type):
            return by_class(x, label)
    ctx.report(WrongWeights(written.span, op, classes if labelled else 0, x.type))
    return None


OPS = (ByClass("by_class", "by_class(weights, label)", "per-example weights, by their classes", 2, public=False),)
