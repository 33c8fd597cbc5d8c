"""Values of scalar expressions in x and y."""

import math

from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR
from drmadc.language.registry import ELEMENTWISE

X = ir.Name("x", SCALAR)


Y = ir.Name("y", SCALAR)


def value(expr: ir.Expr, x: float, y: float = 0.0) -> float:
    """The value of a scalar expression."""
    match expr:
        case ir.Const(number):
            return number
        case ir.Name(id_):
            return x if id_ == "x" else y
        case ir.Unary(op, inner):
            inside = value(inner, x, y)
            return -inside if op == "neg" else ELEMENTWISE[op].value(inside)
        case ir.Binary(op, left, right):
            a, b = value(left, x, y), value(right, x, y)
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else math.inf, "^": a**b}[op]
        case _:
            raise AssertionError(expr)
