"""exact(reversible) multiplies states by rounded decays: the rule is made to say so, and its adjoint derived again."""

from dataclasses import replace

from drmadc.compiler.passes.adjoint import PARAMETERS, adjoint
from drmadc.compiler.passes.kick_drift import kick_drift
from drmadc.ir import nodes as ir
from drmadc.ir.build import add, apply, mul
from drmadc.ir.program import Let, Program
from drmadc.language.registry import ELEMENTWISE
from drmadc.language.strategies.base import strategy_of

ROUND = "round_decay"


def round_decays(program: Program) -> Program:
    """s' = decay * s + kick becomes s' = round_decay(decay) * s + kick, where the strategy rounds.

    What the kick reads of the decay, as heavy_ball's 1 - momentum, is not rounded.
    """
    form, strategy = kick_drift(program.step), strategy_of(program)
    if not strategy.rounds_decays or isinstance(form, str):
        return program
    rounded = {
        f"{decay.name}'": add(mul(_rounded(decay.value), ir.Name(decay.name, PARAMETERS)), kick.value)
        for decay, kick in zip(form.decays, form.kicks, strict=True)
    }
    equations = tuple(Let(e.name, rounded.get(e.name, e.value), e.origin) for e in program.step.equations)
    rounded_program = replace(program, step=replace(program.step, equations=equations))
    return adjoint(rounded_program) if strategy.rounds_decays == "both" else rounded_program


def _rounded(decay: ir.Expr) -> ir.Expr:
    if isinstance(decay, ir.Const):
        return ir.Const(ELEMENTWISE[ROUND].value(decay.value))
    return apply(ROUND, decay)
