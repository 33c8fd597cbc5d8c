"""Folds constants in the update rules: `1 - 0.95` becomes 0.05, and `1 * v` becomes v."""

from dataclasses import replace

from drmadc.ir import nodes as ir
from drmadc.ir.build import binary, rewrite
from drmadc.ir.program import Let, Program, Step


def fold(program: Program) -> Program:
    """Evaluate operators whose two sides are constants, and drop factors of 1 and terms of 0, in all update rules.

    Nothing is reordered: the numbers that a rule computes stay the same, bit for bit, but for the sign of a 0.
    """
    stages = tuple(replace(stage, step=_fold_step(stage.step)) for stage in program.stages)
    return replace(program, step=_fold_step(program.step), stages=stages)


def _fold_step(step: Step) -> Step:
    return replace(step, equations=tuple(Let(e.name, _fold(e.value), e.origin) for e in step.equations))


def _fold(expr: ir.Expr) -> ir.Expr:
    def change(node: ir.Expr) -> ir.Expr:
        match node:
            case ir.Binary(op, ir.Const() as left, ir.Const() as right, _):
                return binary(op, left, right)
            case ir.Unary("neg", ir.Const(value), _):
                return ir.Const(-value)
            case ir.Binary("*", ir.Const(1.0), x) | ir.Binary("*" | "/" | "^", x, ir.Const(1.0)):
                return x
            case ir.Binary("+", ir.Binary("*", ir.Const(0.0), _), x) if x.type == node.type:
                return x
            case ir.Binary("+", x, ir.Const(0.0)) if x.type == node.type:
                return x
            case _:
                return node

    return rewrite(expr, change)
