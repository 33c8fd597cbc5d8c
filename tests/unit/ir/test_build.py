"""Constructors of the IR simplify, and keep the value."""

import pytest

from drmadc.ir import nodes as ir
from drmadc.ir.build import add, binary, exact, mul, neg, sub
from tests.unit.ir.values import X, Y, value


def test_constants_fold_as_decimals() -> None:
    assert exact("-", 1.0, 0.95) == 0.05
    assert exact("^", 1e-8, 2.0) == 1e-16
    assert exact("/", 1.0, 0.0) is None
    assert exact("^", 10.0, 400.0) is None


def test_smart_constructors_simplify_and_keep_the_value() -> None:
    cases = [
        (mul(ir.Const(2.0), mul(ir.Const(3.0), X)), 6 * 0.3),
        (mul(neg(X), neg(Y)), 0.3 * 0.7),
        (add(mul(X, Y), mul(X, ir.Const(2.0))), 0.3 * 0.7 + 0.6),
        (sub(X, neg(Y)), 1.0),
        (add(X, mul(ir.Const(-2.0), Y)), 0.3 - 1.4),
        (sub(binary("+", X, ir.Const(1.0)), ir.Const(1.0)), 0.3),
        (mul(ir.Const(0.0), X), 0.0),
    ]
    for expr, expected in cases:
        assert value(expr, 0.3, 0.7) == pytest.approx(expected)
    assert sub(binary("+", X, ir.Const(1.0)), ir.Const(1.0)) == X
