"""Hyperparameters that the derived adjoint does not reach."""

from drmadc.common.diagnostics.model import Bag
from drmadc.compiler.check.errors.program_errors import Unreachable
from drmadc.compiler.passes.dependence import function_hypers
from drmadc.compiler.passes.reachable import reached
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.syntax import ast


def report_unreachable(program: Program, spec: ast.Spec, bag: Bag) -> None:
    """Report each hyperparameter whose hypergradient is identically 0, with the reason."""
    there = reached(program)
    for decl in spec.decls:
        if isinstance(decl, ast.HyperDecl) and decl.name not in there:
            reason, advice = _reason(program, decl.name)
            bag.add(Unreachable(decl.name_span, decl.name, reason, advice))


def _reason(program: Program, name: str) -> tuple[str, str]:
    in_rule = any(name in ir.hypers_in(e.value) for e in program.step.equations)
    if name in function_hypers(program, program.loss):
        return (
            f"it acts through the gradient, and `{program.step.rule}` has derivative 0 in the gradient",
            "train with a smooth rule such as sgd, heavy_ball or adam",
        )
    if in_rule:
        return (
            f"`{program.step.rule}` uses it where its derivative is 0",
            "use it where it moves the parameters",
        )
    if any(name in function_hypers(program, r.function) for r in program.reports):
        return (
            "only `report` mentions it",
            "use it in the loss, the update rule, the initial values or the objective",
        )
    return (
        "nothing mentions it",
        "use it in the loss, the update rule, the initial values or the objective, or remove it",
    )
