"""From what a loss compares with back to the field that it is made of: `standardise(price)` to the price."""

from drmadc.ir import nodes as ir
from drmadc.ir.program import Data
from drmadc.ir.types import Type


def in_field_units(data: Data, target: ir.Expr, value: ir.Expr) -> tuple[str, ir.Expr] | None:
    """The field behind a target, and `value`, which stands for the target, in the units of that field.

    Undone are `standardise`, `rescale`, `log`, minus, and + - * / with constants and statistics; None where the target
    is made of several fields, or by anything else.
    """
    numbers = {field.name for field in data.fields if field.type.element != "class"}
    fields = {name for name in ir.names_in(target) if not name.startswith("statistics.")}
    if len(fields) != 1 or not fields <= numbers:
        return None
    (field,) = fields
    found = _undone(target, value, field)
    return None if found is None else (field, found)


def _undone(target: ir.Expr, value: ir.Expr, field: str) -> ir.Expr | None:
    """The field, given the value of an expression of it."""
    type_ = value.type
    match target:
        case ir.Name(id=name) if name == field:
            return value
        case ir.Unary("neg", x):
            return _undone(x, ir.Unary("neg", value, type_), field)
        case ir.Unary("log", x):
            return _undone(x, ir.Unary("exp", value, type_), field)
        case ir.Call("standardise", (x, mean, std)):
            return _undone(x, _affine(value, std, mean, type_), field)
        case ir.Call("rescale", (x, low, high)):
            span = ir.Binary("-", high, low, low.type)
            return _undone(x, _affine(value, span, low, type_), field)
        case ir.Binary(op, left, right) if op in INVERSE:
            in_left, in_right = (field in ir.names_in(part) for part in (left, right))
            if in_left and not in_right:
                return _undone(left, ir.Binary(INVERSE[op], value, right, type_), field)
            if in_right and not in_left and op in "+*":
                return _undone(right, ir.Binary(INVERSE[op], value, left, type_), field)
    return None


INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


def _affine(value: ir.Expr, scale: ir.Expr, shift: ir.Expr, type_: Type) -> ir.Expr:
    """value * scale + shift"""
    return ir.Binary("+", ir.Binary("*", value, scale, type_), shift, type_)
