"""What a function depends on, through the models that it calls."""

from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Function, Model, Program
from drmadc.ir.types import Array


def function_hypers(program: Program, function: Function) -> tuple[str, ...]:
    """Hyperparameters that a function reads, itself or through a model, in declared order."""
    found: set[str] = set()
    for expr in (*(let.value for let in function.lets), function.value):
        found.update(expression_hypers(program, expr))
    return tuple(h.name for h in program.hypers if h.name in found)


def expression_hypers(program: Program, expr: ir.Expr) -> set[str]:
    """Hyperparameters that an expression reads, itself or through a model."""
    found = set(ir.hypers_in(expr))
    for node in ir.walk(expr):
        if isinstance(node, ir.Apply):
            found.update(model_hypers(program, program.model(node.model)))
    return found


def model_hypers(program: Program, model: Model) -> tuple[str, ...]:
    """Hyperparameters that a model's body reads, itself or through other models, in declared order."""
    values = (*(let.value for let in model.lets), model.value)
    found = {h for value in values for h in expression_hypers(program, value)}
    return tuple(h.name for h in program.hypers if h.name in found)


def function_splits(function: Function) -> tuple[str, ...]:
    """Splits over which a function evaluates, in order."""
    values = (*(let.value for let in function.lets), function.value)
    return tuple(dict.fromkeys(n.split for v in values for n in ir.walk(v) if isinstance(n, ir.OnSplit)))


def inlined(function: Function) -> ir.Expr:
    """The value of a function without its local definitions."""
    lets = {let.name: let.value for let in function.lets}
    value = function.value
    for _ in lets:
        value = rewrite(value, lambda node: lets.get(node.id, node) if isinstance(node, ir.Name) else node)
    return value


def soft_targets(program: Program) -> tuple[str, ...]:
    """Features of the data that a cross-entropy takes as probabilities of classes, in declared order."""
    if program.data is None:
        return ()
    found: set[str] = set()
    for function in (program.loss, program.objective, *(report.function for report in program.reports)):
        for node in ir.walk(inlined(function)):
            match node:
                case ir.Call("cross_entropy", (_, ir.Name(id_, Array("real")), *_)):
                    where, _, feature = id_.partition(".")
                    if where != "batch" or program.learned is None:
                        found.add(feature)
                case _:
                    pass
    return tuple(let.name for let in program.data.features if let.name in found)
