"""Values of IR expressions in which every variable is a number."""

import math
from collections.abc import Mapping

from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR
from drmadc.language.registry import ELEMENTWISE

X = ir.Name("x", SCALAR)
Y = ir.Name("y", SCALAR)


def evaluated(expr: ir.Expr, variables: Mapping[str, float]) -> float:
    """The value of an elementwise expression, hyperparameters and names by their ids."""
    match expr:
        case ir.Const(number):
            return number
        case ir.Name(id_) | ir.Hyper(id_):
            return variables[id_]
        case ir.Unary(op, inner):
            inside = evaluated(inner, variables)
            return -inside if op == "neg" else ELEMENTWISE[op].value(inside)
        case ir.Binary(op, left, right):
            a, b = evaluated(left, variables), evaluated(right, variables)
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else math.inf, "^": a**b}[op]
        case ir.Broadcast(inner):
            return evaluated(inner, variables)
        case _:
            raise AssertionError(expr)


def value(expr: ir.Expr, x: float, y: float = 0.0) -> float:
    """The value of a scalar expression in x and y."""
    return evaluated(expr, {"x": x, "y": y})
