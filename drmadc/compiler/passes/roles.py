"""Where each hyperparameter acts: in the loss, the update rule, the initial values, the objective."""

from drmadc.compiler.passes.dependence import expression_hypers, function_hypers
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.language.strategies.facts import Role


def roles(program: Program, name: str) -> frozenset[Role]:
    """The roles of a hyperparameter; `parameters` and `state` are initial values."""
    found: set[Role] = set()
    if name in function_hypers(program, program.loss):
        found.add("loss")
    if any(name in ir.hypers_in(e.value) for e in program.step.equations):
        found.add("rule")
    if any(name in expression_hypers(program, init.value) for init in program.init):
        found.add("parameters")
    if any(name in ir.hypers_in(s.initial) for s in program.step.states if s.initial is not None):
        found.add("state")
    if name in function_hypers(program, program.objective):
        found.add("objective")
    return frozenset(found)


def each_step(program: Program, name: str) -> bool:
    """Whether a hyperparameter has one entry for every single training step."""
    axes = program.hyper(name).type.axes
    return bool(axes) and axes[0].kind == "step" and not axes[0].bins


def over_steps(program: Program, name: str) -> bool:
    """Whether a hyperparameter has a step axis, binned or not."""
    axes = program.hyper(name).type.axes
    return bool(axes) and axes[0].kind == "step"
