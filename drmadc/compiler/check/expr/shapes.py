"""Types in words, and the rules by which shapes go together."""

from typing import assert_never

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context
from drmadc.compiler.check.errors import type_errors
from drmadc.compiler.passes.differentiate import DIFFERENTIABLE
from drmadc.ir import nodes as ir
from drmadc.ir.build import broadcast
from drmadc.ir.program import axis_slots
from drmadc.ir.types import GROUP_AXES, Array, Tree, Type, is_scalar, leading, sizes


def describe(type_: Type) -> str:
    """A type in words."""
    match type_:
        case Array("real", ()):
            return "a number"
        case Array():
            return str(type_)
        case Tree(group):
            return f"the arrays of {group}"
        case _ as never:
            assert_never(never)


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
    ctx.bag.add(
        type_errors.WrongKind(
            span,
            f"a value combined with the arrays of {group}",
            "a number or a hyperparameter over a group axis",
            describe(x.type),
        )
    )
    return None


def is_real(x: ir.Expr, span: Span, what: str, ctx: Context) -> bool:
    if isinstance(x.type, Array) and x.type.element == "class":
        ctx.bag.add(
            type_errors.WrongKind(span, f"an operand of {what}", "a number or an array of numbers", "a class label")
        )
        return False
    return True


def broadcast_types(left: Type, right: Type) -> Type | None:
    if is_scalar(left):
        return Array("real", right.axes) if isinstance(right, Array) else right
    if is_scalar(right):
        return Array("real", left.axes) if isinstance(left, Array) else left
    if isinstance(left, Tree) or isinstance(right, Tree):
        return left if left == right else None
    lead = max(leading(left), leading(right), key=len)
    a, b = left.axes[len(leading(left)) :], right.axes[len(leading(right)) :]
    batched = bool(lead)
    if any(part not in ((), lead) for part in (leading(left), leading(right))):
        return None
    if a == b:
        return Array("real", (*lead, *a))
    if not batched and (a[-len(b) :] == b or b[-len(a) :] == a):
        return Array("real", max(a, b, key=len))
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
            case ir.Unary(op) if op in DIFFERENTIABLE:
                continue
            case ir.Call("sum" | "inverse_cdf"):
                continue
            case ir.Unary(op) | ir.Call(op):
                found = f"`{op}(...)`"
            case _:
                found = "an index or a part of an array"
        wanted = "made of + - * / ^, `sum`, and elementwise functions other than gelu"
        ctx.bag.add(type_errors.WrongKind(span, "an expression in an update rule or initial value", wanted, found))
        return False
    return True
