"""What reverse strategies ask of a program."""

from drmadc.compiler.passes.gradient_flow import gradient_flow
from drmadc.compiler.passes.kick_drift import kick_drift
from drmadc.compiler.passes.roles import each_step, over_steps, roles
from drmadc.compiler.passes.split_loss import split_loss
from drmadc.compiler.passes.strategy.cost import figures
from drmadc.ir.program import Program
from drmadc.language.strategies.facts import Facts


def facts(program: Program) -> Facts:
    """The facts of a program whose adjoint has been derived."""
    names = [hyper.name for hyper in program.hypers]
    return Facts(
        program=program,
        figures=figures(program),
        roles={name: roles(program, name) for name in names},
        over_steps=frozenset(name for name in names if over_steps(program, name)),
        each_step=frozenset(name for name in names if each_step(program, name)),
        calls_model=bool(split_loss(program).outputs),
        kick_drift=kick_drift(program.step),
        gradient_flow=gradient_flow(program.step),
    )
