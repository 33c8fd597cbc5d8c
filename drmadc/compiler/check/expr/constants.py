"""The value of an expression without variables."""

import math

from drmadc.ir import nodes as ir
from drmadc.language.registry import ELEMENTWISE


def constant_value(expr: ir.Expr) -> float | None:
    """The value of an expression without variables, or None."""
    try:
        match expr:
            case ir.Const(value):
                return value
            case ir.Unary(op, x, _):
                inner = constant_value(x)
                if inner is None:
                    return None
                return -inner if op == "neg" else float(ELEMENTWISE[op].value(inner))
            case ir.Binary(op, left, right, _):
                a, b = constant_value(left), constant_value(right)
                if a is None or b is None:
                    return None
                return _operate(op, a, b)
            case _:
                return None
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def is_undefined(expr: ir.Expr) -> bool:
    """Whether an expression without variables has no finite value: 1 / 0, log(0 - 1), 2 ^ 2000."""
    if any(not isinstance(node, ir.Const | ir.Unary | ir.Binary) for node in ir.walk(expr)):
        return False
    value = constant_value(expr)
    return value is None or not math.isfinite(value)


def _operate(op: str, a: float, b: float) -> float | None:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
        case _:
            power = a**b
            return None if isinstance(power, complex) else float(power)
