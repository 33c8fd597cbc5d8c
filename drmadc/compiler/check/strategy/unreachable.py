"""Hyperparameters that the derived adjoint does not reach."""

from typing import Literal

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
            bag.add(Unreachable(decl.name_span, decl.name, program.step.rule, _where(program, decl.name)))


def _where(program: Program, name: str) -> Literal["gradient", "rule", "report", "nowhere"]:
    """Where a hyperparameter is used whose hypergradient is 0."""
    if name in function_hypers(program, program.loss):
        return "gradient"
    if any(name in ir.hypers_in(e.value) for e in program.step.equations):
        return "rule"
    if any(name in function_hypers(program, r.function) for r in program.reports):
        return "report"
    return "nowhere"
