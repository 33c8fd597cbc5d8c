"""A dense layer: x @ weight + bias."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.layers.layer import Layer, LayerArray, Settings, Shape
from drmadc.language.op import WrongArgument, WrongLiteral
from drmadc.syntax import ast
from drmadc.target import tree as py


class NotAVector(WrongArgument):
    """An input of several axes, or of labels."""

    def help(self) -> str:
        return "use `flatten(...)` for images"


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """Each unit is a weighted sum of the inputs and a bias."""

    takes: ClassVar[str] = "a per-example vector"
    each: ClassVar[bool] = True

    def settings(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> Settings | None:
        (units,) = args
        if not (isinstance(units, ast.Number) and isinstance(units.value, int) and units.value > 0):
            ctx.report(WrongLiteral(units.span, self, "number of units", "a positive integer", units))
            return None
        return (("units", units.value),)

    def accepts(self, inputs: tuple[ir.Expr, ...], args: tuple[ast.Expr, ...], ctx: TypingContext) -> bool:
        (x,) = inputs
        if not (isinstance(x.type, Array) and len(x.type.axes) == 2 and x.type.axes[0] == EXAMPLE):
            ctx.report(NotAVector(args[0].span, self, x.type))
            return False
        return True

    def shape(self, inputs: tuple[Shape, ...], settings: Settings) -> Shape:
        return (int(dict(settings)["units"]),)

    def parameters(self, inputs: tuple[Shape, ...], settings: Settings) -> tuple[LayerArray, ...]:
        ((rows,),) = inputs
        (columns,) = self.shape(inputs, settings)
        return (
            LayerArray("weight", (rows, columns), "weight", "lecun"),
            LayerArray("bias", (columns,), "bias", "zeros"),
        )

    def products(self, inputs: tuple[Shape, ...], result: Shape, settings: Settings) -> float:
        ((rows,),) = inputs
        (columns,) = result
        return float(rows * columns)

    def emit(self, node: ir.Layer, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        (x,) = args
        weight, bias = ctx.parameter(f"{node.path}.weight"), ctx.parameter(f"{node.path}.bias")
        return py.Operator("+", py.Operator("@", x, weight), bias)


LAYER = Dense("dense", "dense(x, units)", "x @ weight + bias, with weight [inputs, units] and bias [units]", 2)
