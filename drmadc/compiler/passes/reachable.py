"""Which hyperparameters the derived adjoint reaches; the others are mistakes."""

from drmadc.compiler.passes.dependence import function_hypers
from drmadc.ir.program import Program


def reached(program: Program) -> frozenset[str]:
    """Names of the hyperparameters whose adjoint is not identically 0."""
    adjoint = program.adjoint
    assert adjoint is not None
    through_training = {let.name for let in (*adjoint.hypers, *adjoint.init)} | set(adjoint.traced)
    return frozenset(through_training | set(function_hypers(program, program.objective)))
