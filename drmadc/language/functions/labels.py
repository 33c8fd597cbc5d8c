"""Labels of a learned training set."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import Array
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, Misplaced
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Range(Function):
    """0 .. classes - 1, and around again; a learned data block gives it its length."""

    family: ClassVar[Family] = "labels"
    allowed_in: ClassVar[str] = "a learned training set, as in `data NAME { x = images; y: class[10] = range(10) }`"
    each: ClassVar[bool] = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        ctx.report(Misplaced(expr.span, self))
        return None

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        assert isinstance(node.type, Array)
        return call("rt.labels", py.Literal(node.type.classes), py.Literal(int(node.option)))


OPS = (Range("range", "range(classes)", "the labels 0 .. classes - 1 of a learned training set, and around again"),)
