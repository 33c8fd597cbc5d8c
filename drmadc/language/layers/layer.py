"""What a layer is: a function with parameters of its own."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from drmadc.ir import nodes as ir
from drmadc.ir.program import Parameter
from drmadc.ir.types import Array, Type, leading, sizes
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Misplaced, Op, WrongCall
from drmadc.language.shapes import example_size
from drmadc.syntax import ast
from drmadc.target import tree as py

Shape = tuple[int, ...]
Settings = tuple[tuple[str, ir.Setting], ...]


@dataclass(frozen=True, slots=True)
class LayerArray:
    """An array that a layer trains, or keeps as state: its name, shape and role, and the field's initial value."""

    name: str
    shape: Shape
    role: Literal["weight", "bias", "array"]
    initial: Literal["lecun", "zeros"]


@dataclass(frozen=True, slots=True)
class Work:
    """What a layer does for each example: multiply-adds of its products, and numbers that it writes."""

    products: float
    elements: float


class LayerTwice(WrongCall):
    """Two layers in one binding, which would share a name."""

    path: str

    def message(self) -> str:
        return f"two layers would both be named `{self.path}`"

    def label(self) -> str:
        return "the second one"

    def help(self) -> str:
        return f"bind each layer to a name of its own: h = {self.op.signature}"


@dataclass(frozen=True, slots=True)
class Layer(Op):
    """A layer: its first `inputs` unnamed arguments are values of each example, the others are settings.

    A layer with `random` draws numbers in training, from the key that its emission finds in the context.
    """

    family: ClassVar[Family] = "layer"
    allowed_in: ClassVar[str] = "a `model` block"
    inputs: ClassVar[int] = 1
    random: ClassVar[ir.Random] = ""

    @abstractmethod
    def settings(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> Settings | None:
        """The settings of a call, defaults included; None where one is wrong (and reported)."""

    @abstractmethod
    def accepts(self, inputs: tuple[ir.Expr, ...], args: tuple[ast.Expr, ...], ctx: TypingContext) -> bool:
        """Whether the inputs have shapes that the layer takes; others are reported."""

    @abstractmethod
    def shape(self, inputs: tuple[Shape, ...], settings: Settings) -> Shape:
        """The shape of the result for an example."""

    @abstractmethod
    def parameters(self, inputs: tuple[Shape, ...], settings: Settings) -> tuple[LayerArray, ...]:
        """The arrays that are trained."""

    def states(self, inputs: tuple[Shape, ...], settings: Settings) -> tuple[LayerArray, ...]:
        """The arrays that training updates without a gradient, as running statistics; most layers have none."""
        del inputs, settings
        return ()

    @abstractmethod
    def products(self, inputs: tuple[Shape, ...], result: Shape, settings: Settings) -> float:
        """Multiply-adds for an example, which value and derivatives are multiples of."""

    @abstractmethod
    def emit(self, node: ir.Layer, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        """The Python expression of the layer, given those of its inputs."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place != "model" or not ctx.layer:
            ctx.report(Misplaced(expr.span, self))
            return None
        found = [ctx.infer(arg) for arg in args[: self.inputs]]
        settings = self.settings(expr, args[self.inputs :], ctx)
        values = tuple(x for x in found if x is not None)
        if settings is None or len(values) < len(found) or not self.accepts(values, args, ctx):
            return None
        if ctx.declared(ctx.layer):
            ctx.report(LayerTwice(expr.span, self, ctx.layer))
            return None
        shapes = tuple(_shape(x.type) for x in values)
        for array in self.parameters(shapes, settings):
            ctx.declare(
                Parameter(f"{ctx.layer}.{array.name}", array.shape, ctx.layer, array.role, ctx.tasks, array.initial)
            )
        type_ = Array("real", (*leading(values[0].type), *sizes(*self.shape(shapes, settings))))
        return ir.Layer(self.name, values, ctx.layer, type_, settings, self.random)

    def work(self, node: ir.Layer) -> Work:
        """What a call does for each example."""
        shapes = tuple(_shape(x.type) for x in node.args)
        return Work(self.products(shapes, _shape(node.type), node.settings), example_size(node.type))


def _shape(type_: Type) -> Shape:
    """The shape of a value for an example."""
    return tuple(axis.size for axis in type_.axes[len(leading(type_)) :]) if isinstance(type_, Array) else ()
