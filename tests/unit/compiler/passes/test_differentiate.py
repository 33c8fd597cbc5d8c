"""Derivatives of operators against central differences."""

import pytest

from drmadc.compiler.passes.differentiate import pull
from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR
from tests.unit.ir.values import X, Y, value


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "^"])
def test_derivative_of_every_operator(op: str) -> None:
    expr = ir.Binary(op, X, Y, SCALAR)
    found: dict[tuple[str, str], ir.Expr] = {}
    pull(expr, ir.Const(1.0), lambda node: isinstance(node, ir.Name), found)
    x, y, h = 1.3, 0.7, 1e-6
    assert value(found["name", "x"], x, y) == pytest.approx((value(expr, x + h, y) - value(expr, x - h, y)) / (2 * h))
    assert value(found["name", "y"], x, y) == pytest.approx((value(expr, x, y + h) - value(expr, x, y - h)) / (2 * h))
