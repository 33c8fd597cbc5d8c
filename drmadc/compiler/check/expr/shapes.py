"""How values go together with parameter groups and with each other."""

from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.compiler.check.context import Context
from drmadc.compiler.check.errors import expression_errors, type_errors
from drmadc.ir import nodes as ir
from drmadc.ir.build import broadcast
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.types import GROUP_AXES, Array, is_scalar, sizes
from drmadc.language.registry import CALLS, ELEMENTWISE
from drmadc.language.shapes import describe


class NotDerivable(Diagnostic):
    """A function in an update rule or initial value whose derivative the compiler does not know."""

    code: ClassVar[str] = "E0302"
    found: str

    def message(self) -> str:
        return f"cannot differentiate {self.found} in an update rule or initial value"

    def label(self) -> str:
        return f"uses {self.found}"

    def help(self) -> str:
        without = ", ".join(name for name, op in ELEMENTWISE.items() if op.derivative is None)
        return f"use + - * / ^, `sum`, and the elementwise functions other than {without}"


def as_scalar(expr: ir.Expr | None, span: Span, what: str, ctx: Context) -> ir.Expr | None:
    """The expression if it is one real number; otherwise it is reported."""
    if expr is None:
        return None
    if not is_scalar(expr.type):
        ctx.bag.add(type_errors.NotAScalar(span, what, describe(expr.type)))
        return None
    return expr


def broadcast_to_group(x: ir.Expr, group: str, span: Span, ctx: Context) -> ir.Expr | None:
    """A value with one group axis, laid along the arrays of a parameter group."""
    axes = x.type.axes if isinstance(x.type, Array) else ()
    if len(axes) == 1 and axes[0].kind in GROUP_AXES:
        known = ctx.known
        slots = axis_slots(tuple(known.parameters.values()), known.groups[axes[0].group].members, axes[0].kind)
        covered = {slot.path for slot in slots}
        missing = [path for path in known.groups[group].members if path not in covered]
        if not missing:
            return broadcast(x, group)
        ctx.bag.add(type_errors.AxisDoesNotFit(span, describe(x.type), group, missing[0]))
        return None
    ctx.bag.add(expression_errors.NotBroadcastable(span, describe(x.type), group))
    return None


def as_matrix(x: ir.Expr, ctx: Context) -> ir.Expr:
    """A hyperparameter over `weight of` a single array, as an array of its shape."""
    axes = x.type.axes if isinstance(x.type, Array) else ()
    if len(axes) != 1 or axes[0].kind != "weight":
        return x
    members = ctx.known.groups[axes[0].group].members
    shape = sizes(*ctx.known.parameters[members[0]].shape)
    return ir.Part(x, 0, Array("real", shape)) if len(members) == 1 else x


def as_array(x: ir.Expr, other: ir.Expr, ctx: Context) -> ir.Expr:
    """The same where it meets an array of that shape."""
    array = as_matrix(x, ctx)
    return array if isinstance(other.type, Array) and other.type == array.type else x


def is_smooth(x: ir.Expr, span: Span, ctx: Context) -> bool:
    """Whether the compiler can derive the adjoint of an expression; what it cannot is reported."""
    for node in ir.walk(x):
        match node:
            case ir.Const() | ir.Name() | ir.Hyper() | ir.Binary() | ir.Broadcast() | ir.Stack() | ir.Draw():
                continue
            case ir.ByHyper():
                continue
            case ir.Unary(op) if op == "neg" or ELEMENTWISE[op].derivative is not None:
                continue
            case ir.Call(function) if CALLS[function].in_rules != "no":
                continue
            case ir.Unary(op) | ir.Call(op):
                found = f"`{op}(...)`"
            case _:
                found = "an index"
        ctx.report(NotDerivable(span, found))
        return False
    return True
