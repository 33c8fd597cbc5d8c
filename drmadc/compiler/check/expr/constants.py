"""The value of an expression without variables."""

import math
from collections.abc import Callable

from drmadc.ir import nodes as ir


def constant_value(expr: ir.Expr) -> float | None:
    """The value of an expression without variables, or None."""
    functions: dict[str, Callable[[float], float]] = {
        "neg": lambda x: -x,
        "exp": math.exp,
        "log": math.log,
        "sqrt": math.sqrt,
        "tanh": math.tanh,
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "abs": abs,
    }
    try:
        match expr:
            case ir.Const(value):
                return value
            case ir.Unary(op, x, _) if op in functions:
                inner = constant_value(x)
                return None if inner is None else float(functions[op](inner))
            case ir.Binary(op, left, right, _):
                a, b = constant_value(left), constant_value(right)
                if a is None or b is None:
                    return None
                return _operate(op, a, b)
            case _:
                return None
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


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
