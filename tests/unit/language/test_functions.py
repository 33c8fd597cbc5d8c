"""Every elementwise function of the table, against JAX: its code, its value of a constant, its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.compiler.passes.differentiate import Adjoints, accumulated, pull
from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR
from drmadc.language.registry import ELEMENTWISE
from drmadc.target import tree as py
from drmadc.target.printer import inline
from tests.conftest import compiled

X = ir.Name("x", SCALAR)
POINTS = (0.3, 1.7, 4.0)
NEGATIVE = (-3.5, -0.6)
ONLY_POSITIVE = ("log", "sqrt")


def evaluate(expr: ir.Expr, x: jax.Array) -> jax.Array:
    """What the emitted code of an expression in x computes."""
    scope = Scope(compiled("l2_by_input").ir, lambda node: py.Id(node.id))
    code = inline(lower(expr, scope))
    return jnp.asarray(eval(code, {"jax": jax, "jnp": jnp, "rt": rt, "x": x}), dtype=x.dtype)


def points(op: str) -> jax.Array:
    return jnp.asarray(POINTS if op in ONLY_POSITIVE else (*NEGATIVE, *POINTS), dtype=jnp.float32)


@pytest.mark.parametrize("op", ELEMENTWISE)
def test_value_of_a_constant_is_what_the_code_computes(op: str) -> None:
    for x in points(op):
        computed = evaluate(ir.Unary(op, X, SCALAR), x)
        np.testing.assert_allclose(computed, ELEMENTWISE[op].value(float(x)), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("op", [name for name, op in ELEMENTWISE.items() if op.derivative is not None])
def test_derivative_is_that_of_jax(op: str) -> None:
    found: Adjoints = {}
    pull(ir.Unary(op, X, SCALAR), ir.Const(1.0), lambda node: node == X, found)
    derived = accumulated(found, ("name", "x"))
    for x in points(op):
        expected = jax.grad(lambda v: evaluate(ir.Unary(op, X, SCALAR), v))(x)
        np.testing.assert_allclose(evaluate(derived, x), expected, rtol=2e-6, atol=1e-6)


def test_functions_without_a_derivative_are_known() -> None:
    assert [name for name, op in ELEMENTWISE.items() if op.derivative is None] == ["gelu"]
