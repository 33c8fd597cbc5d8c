"""Augmentation: changes drawn anew for each example of a training minibatch, which the objective does not see."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.program import Chain
from drmadc.ir.types import Array, Type
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, Misplaced, WrongArgument, WrongCall, WrongLiteral
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call


class NotFirst(WrongCall):
    """A geometric transform of something that is computed."""

    def problem(self) -> str:
        return "must be applied first"

    def help(self) -> str:
        return "apply it to a field of the source, as in `crop(image, 4)`"


class NotAugmentable(WrongArgument):
    """Labels, or one number of each example."""

    def help(self) -> str:
        label = isinstance(self.found, Array) and self.found.element == "class"
        return "write `one_hot(label)`" if label else f"usage: {self.op.signature}"


@dataclass(frozen=True, slots=True)
class Augmentation(Function):
    """A random change of a per-example array, by an `amount` where it takes one."""

    family: ClassVar[Family] = "augmentation"
    takes: ClassVar[str] = "a per-example array of numbers"
    allowed_in: ClassVar[str] = "a feature of a `data` block; it acts in training only"
    images: bool = False

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place != "data":
            ctx.report(Misplaced(expr.span, self))
            return None
        x = ctx.infer(args[0])
        if x is None or not self._amount_fits(args, ctx):
            return None
        if not self._accepts(x.type):
            ctx.report(NotAugmentable(args[0].span, self, x.type))
            return None
        return self.of(x, expr, args, ctx)

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        """The typed form of the call for good arguments."""
        assert isinstance(x.type, Array)
        amount = args[1] if len(args) > 1 else None
        value = float(amount.value) if isinstance(amount, ast.Number) else 0.0
        index = str(ctx.next_draw())
        return ir.Call(self.name, (x, ir.Const(value)), Array("real", x.type.axes), index, "augmentation")

    def _accepts(self, type_: Type) -> bool:
        if not isinstance(type_, Array) or type_.element == "class":
            return False
        return len(type_.axes) in (3, 4) if self.images else len(type_.axes) > 1

    def _amount_fits(self, args: tuple[ast.Expr, ...], ctx: TypingContext) -> bool:
        if len(args) > 1:
            value = args[1]
            if not (isinstance(value, ast.Number) and value.value > 0):
                ctx.report(WrongLiteral(value.span, self, "amount", "a positive number", value))
                return False
        return True

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call(f"rt.{self.name}", *args, ctx.draw or py.Literal(None), py.Literal(int(node.option)))


class Mixup(Augmentation):
    """Convex combinations of examples, alike in all features: it has one draw a minibatch."""

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.mixup", *args, ctx.draw or py.Literal(None))


class Rotate(Augmentation):
    """A rotation by at most an angle."""

    takes: ClassVar[str] = "images, [rows, columns] or [rows, columns, channels]"


class Geometric(Augmentation):
    """A transform of a field's images, the same wherever the field is read; the data block applies it."""

    takes: ClassVar[str] = "images, [rows, columns] or [rows, columns, channels]"

    def of(self, x: ir.Expr, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if not isinstance(chain_of(x)[0], ir.Name):
            ctx.report(NotFirst(expr.span, self))
            return None
        amount = args[1] if len(args) > 1 else None
        value = int(amount.value) if isinstance(amount, ast.Number) else 0
        return ir.Call(self.name, (x,), x.type, str(value))

    def _amount_fits(self, args: tuple[ast.Expr, ...], ctx: TypingContext) -> bool:
        if len(args) > 1:
            value = args[1]
            if not (isinstance(value, ast.Number) and isinstance(value.value, int) and value.value > 0):
                ctx.report(WrongLiteral(value.span, self, "amount", "a positive integer", value))
                return False
        return True


OPS = (
    Geometric("flip", "flip(image)", "mirrored left to right, half of the time", images=True),
    Geometric("crop", "crop(image, margin)", "cut from the image with a black margin", 2, images=True),
    Geometric("cutout", "cutout(image, size)", "a black square", 2, images=True),
    Rotate("rotate", "rotate(image, degrees)", "rotated by a random angle up to `degrees`", 2, images=True),
    Augmentation("jitter", "jitter(image, amount)", "random brightness, contrast and colours", 2),
    Augmentation("add_noise", "add_noise(x, standard_deviation)", "normal noise added", 2),
    Mixup("mixup", "mixup(x, alpha)", "combinations of examples, alike in all features", 2),
)
GEOMETRIC = frozenset(op.name for op in OPS if isinstance(op, Geometric))


def chain_of(expr: ir.Expr) -> tuple[ir.Expr, Chain]:
    """What a chain of geometric transforms begins with, and the transforms, the first one first."""
    match expr:
        case ir.Call(name, (x,), _, amount) if name in GEOMETRIC:
            start, before = chain_of(x)
            return start, (*before, (name, int(amount)))
        case _:
            return expr, ()
