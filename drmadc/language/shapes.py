"""Types in words, and the rules by which shapes go together."""

from math import prod
from typing import ClassVar, assert_never

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.ir import nodes as ir
from drmadc.ir.types import LEADING, Array, Axis, Tree, Type, is_scalar, leading
from drmadc.language.context import Reporter


class NotNumbers(Diagnostic):
    """Arithmetic on labels."""

    code: ClassVar[str] = "E0302"
    what: str

    def message(self) -> str:
        return f"{self.what} takes numbers, not class labels"

    def label(self) -> str:
        return "this is a class label"


def describe(type_: Type) -> str:
    """A type in words."""
    match type_:
        case Array("real", ()):
            return "a number"
        case Array("class", axes):
            label = f"class[{type_.classes}]" if type_.classes else "a class label"
            return f"{label}{_per(axes)}"
        case Array(element, axes):
            own = ", ".join(str(axis) for axis in axes if axis.kind not in LEADING or axis.group)
            one = f"{element}[{own}]" if own else "a number"
            return f"{one}{_per(axes)}"
        case Tree(group):
            return f"the parameters in {group}"
        case _ as never:
            assert_never(never)


def _per(axes: tuple[Axis, ...]) -> str:
    """` per example` where a value is one of each."""
    each = [axis.kind for axis in reversed(axes) if axis.kind in LEADING and not axis.group]
    return f" per {' and '.join(each)}" if each else ""


def is_real(x: ir.Expr, span: Span, what: str, ctx: Reporter) -> bool:
    """Whether a value is made of numbers; labels are reported."""
    if isinstance(x.type, Array) and x.type.element == "class":
        ctx.report(NotNumbers(span, what))
        return False
    return True


def broadcast_types(left: Type, right: Type) -> Type | None:
    """The type of an elementwise combination; None where the shapes do not go together."""
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


def example_size(type_: Type) -> int:
    """Numbers that a value has for each example."""
    return prod(axis.size for axis in type_.axes if axis.kind != "example") if isinstance(type_, Array) else 0
