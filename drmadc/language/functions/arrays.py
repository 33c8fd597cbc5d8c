"""Functions of whole arrays: matrices, the last axis, examples against each other."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array, Type, is_scalar, leading, sizes
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, WrongArgument, WrongCall
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class _ArrayFunction(Function):
    family: ClassVar[Family] = "array"


class Softmax(_ArrayFunction):
    """exp(x) over its sum along the last axis."""

    takes: ClassVar[str] = "an array of numbers"
    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        x = ctx.infer(args[0])
        if x is None:
            return None
        if not (isinstance(x.type, Array) and x.type.element == "real" and x.type.axes):
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        return ir.Call(self.name, (x,), x.type)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("jax.nn.softmax", *args)


class Flatten(_ArrayFunction):
    """The entries of each example as one vector."""

    takes: ClassVar[str] = "a per-example array"
    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        x = ctx.infer(args[0])
        if x is None:
            return None
        if not (isinstance(x.type, Array) and x.type.axes[:1] == (EXAMPLE,) and len(x.type.axes) > 1):
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        length = prod(axis.size for axis in x.type.axes[1:])
        return ir.Call(self.name, (x,), Array(x.type.element, (EXAMPLE, *sizes(length))))


class Expm(_ArrayFunction):
    """The matrix exponential."""

    takes: ClassVar[str] = "a square matrix"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        x = ctx.infer(args[0])
        if x is None:
            return None
        axes = x.type.axes if isinstance(x.type, Array) else ()
        if not (len(axes) == 2 and axes[0] == axes[1] and axes[0].kind == "size"):
            ctx.report(WrongArgument(args[0].span, self, x.type))
            return None
        return ir.Call(self.name, (x,), x.type)


class Product(_ArrayFunction):
    """`x @ A`; its type is that of the operator."""

    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        raise AssertionError("an operator")

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return py.Operator("@", *args)


class CannotAppend(WrongCall):
    """Two values that are not of the same kind for each example."""

    left: Type
    right: Type

    def problem(self) -> str:
        return "takes two per-example values of the same shape"

    def label(self) -> str:
        return f"found {describe(self.left)} and {describe(self.right)}"


class Append(_ArrayFunction):
    """The examples of two values, one after another."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        a, b = ctx.infer(args[0]), ctx.infer(args[1])
        if a is None or b is None:
            return None
        if a.type != b.type or leading(a.type) != (EXAMPLE,):
            ctx.report(CannotAppend(expr.span, self, a.type, b.type))
            return None
        return ir.Call(self.name, (a, b), a.type)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("jnp.concatenate", py.Tuple(args))


@dataclass(frozen=True, slots=True)
class Concat(_ArrayFunction):
    """Vectors of each example, one after another; a number of each example counts as a vector of length 1."""

    takes: ClassVar[str] = "per-example numbers and vectors"
    each: ClassVar[bool] = True
    variadic: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        inferred = [ctx.infer(value) for value in args]
        values = tuple(x for x in inferred if x is not None)
        if len(values) < len(args):
            return None
        length = 0
        for arg, x in zip(args, values, strict=True):
            of_example = isinstance(x.type, Array) and x.type.element != "class" and leading(x.type) == (EXAMPLE,)
            axes = x.type.axes[1:] if isinstance(x.type, Array) else ()
            if not of_example or len(axes) > 1:
                ctx.report(WrongArgument(arg.span, self, x.type))
                return None
            length += axes[0].size if axes else 1
        return ir.Call(self.name, values, Array("real", (EXAMPLE, *sizes(length))))


class WrongNeighbours(WrongCall):
    """An argument of `neighbours` of another kind."""

    argument: str
    expected: str
    found: Type

    def problem(self) -> str:
        return f"takes {self.expected} as `{self.argument}`"

    def label(self) -> str:
        return f"found {describe(self.found)}"


class Neighbours(_ArrayFunction):
    """Logits of a soft nearest-neighbour classifier; points and labels may be of another split than x."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        inferred = [ctx.infer(value) for value in args]
        values = tuple(x for x in inferred if x is not None)
        if len(values) < 4:
            return None
        x, points, labels, width = (value.type for value in values)
        vectors = isinstance(x, Array) and leading(x) == (EXAMPLE,) and len(x.axes) == 2
        if not vectors:
            ctx.report(WrongNeighbours(args[0].span, self, "x", "a per-example vector", x))
        elif points != x:
            ctx.report(WrongNeighbours(args[1].span, self, "points", "vectors like those of `x`", points))
        elif not (isinstance(labels, Array) and labels.element == "class" and leading(labels) == (EXAMPLE,)):
            ctx.report(WrongNeighbours(args[2].span, self, "labels", "the points' class labels", labels))
        elif not is_scalar(width):
            ctx.report(WrongNeighbours(args[3].span, self, "width", "a number", width))
        else:
            classes = labels.classes
            return ir.Call(self.name, values, Array("real", (EXAMPLE, *sizes(classes))), str(classes))
        return None

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.neighbours", *args, py.Literal(int(node.option)))


class CannotMix(WrongCall):
    """`mix_tasks` of something else than a matrix and a group."""

    matrix: Type
    group: Type

    def problem(self) -> str:
        return "takes a matrix [task, task] and a group of task parameters"

    def label(self) -> str:
        return f"found {describe(self.matrix)} and {describe(self.group)}"


class MixTasks(_ArrayFunction):
    """Each task's arrays as a mixture of all tasks' arrays."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        matrix, tree = ctx.infer(args[0]), ctx.infer(args[1])
        if matrix is None or tree is None:
            return None
        axes = matrix.type.axes if isinstance(matrix.type, Array) else ()
        parameters = () if isinstance(tree.type, Array) else ctx.members(tree.type.group)
        square = [axis.kind for axis in axes] == ["task", "task"]
        if not square or not parameters or not all(parameter.tasks for parameter in parameters):
            ctx.report(CannotMix(expr.span, self, matrix.type, tree.type))
            return None
        return ir.Call(self.name, (matrix, tree), tree.type)


OPS = (
    Softmax("softmax", "softmax(x)", "exp(x) over its sum along the last axis"),
    Flatten("flatten", "flatten(x)", "each example flattened to a vector"),
    Product("matmul", "x @ A", "product over the last axis of x and the first of A", 2, public=False),
    Expm("expm", "expm(A)", "matrix exponential: `x @ expm(A)` is a continuous transformation of x"),
    Append("append", "append(a, b)", "the examples of a, then those of b", 2),
    Concat("concat", "concat(a, b, c)", "per-example numbers and vectors as one vector"),
    Neighbours(
        "neighbours",
        "neighbours(x, points, labels, width)",
        "logits of a soft nearest-neighbour classifier; its points may be of another split",
        4,
    ),
    MixTasks("mix_tasks", "mix_tasks(T, group)", "for task s the sum over r of T[s, r] times the arrays of task r", 2),
)
