"""Constants in update rules are evaluated as decimals, in every stage."""

from dataclasses import replace

from drmadc.compiler.passes.fold import fold
from drmadc.ir import nodes as ir
from drmadc.ir.build import binary
from drmadc.ir.program import Let
from drmadc.ir.types import SCALAR
from tests.unit.compiler.passes.rules import program


def folded(expr: ir.Expr) -> ir.Expr:
    start = program("sgd(rate: r)")
    step = replace(start.step, equations=(Let("w'", expr),))
    return fold(replace(start, step=step)).step.equations[0].value


def test_both_sides_constant() -> None:
    one, decay = ir.Const(1.0), ir.Const(0.95)
    assert folded(ir.Binary("-", one, decay, SCALAR)) == ir.Const(0.05)
    assert folded(ir.Unary("neg", ir.Const(2.0), SCALAR)) == ir.Const(-2.0)
    inner = ir.Binary("-", one, decay, SCALAR)
    assert folded(ir.Binary("*", inner, ir.Const(2.0), SCALAR)) == ir.Const(0.1)


def test_variables_stay() -> None:
    grad = ir.Name("grad", SCALAR)
    for expr in (ir.Unary("neg", grad, SCALAR), ir.Binary("*", ir.Const(2.0), grad, SCALAR), binary("+", grad, grad)):
        assert folded(expr) == expr


def test_factors_of_1_and_sums_with_0_go() -> None:
    grad, one = ir.Name("grad", SCALAR), ir.Const(1.0)
    assert folded(ir.Binary("*", one, grad, SCALAR)) == grad
    for op in ("*", "/", "^"):
        assert folded(ir.Binary(op, grad, one, SCALAR)) == grad
    nothing = ir.Binary("*", ir.Const(0.0), ir.Name("w", SCALAR), SCALAR)
    assert folded(ir.Binary("+", nothing, grad, SCALAR)) == grad
    for expr in (ir.Binary("*", ir.Const(2.0), grad, SCALAR), ir.Binary("+", one, grad, SCALAR)):
        assert folded(expr) == expr


def test_the_outer_rules_are_folded_too() -> None:
    start = program("sgd(rate: r)")
    constant = replace(start.step, equations=(Let("w'", ir.Binary("-", ir.Const(1.0), ir.Const(0.95), SCALAR)),))
    stages = tuple(replace(stage, step=constant) for stage in start.stages)
    assert [stage.step.equations[0].value for stage in fold(replace(start, stages=stages)).stages] == [ir.Const(0.05)]
