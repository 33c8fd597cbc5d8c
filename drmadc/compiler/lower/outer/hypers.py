"""Hyperparameters of an emitted module: domains, initial values, arms of the final training, grids."""

from math import prod

from drmadc.compiler.lower.expressions import lower, step_scope
from drmadc.ir import nodes as ir
from drmadc.ir.program import HyperParameter, Program
from drmadc.target import tree as py
from drmadc.target.build import call, number


def hyper_functions(program: Program) -> list[py.Statement]:
    """DOMAINS, and initial_hypers()"""
    hypers = program.hypers
    domains = py.Dict(tuple((py.Literal(h.name), py.Id(f"rt.{h.domain}")) for h in hypers))
    initial = py.Function(
        "initial_hypers",
        (),
        "Initial hyperparameters, in their domains.",
        (py.Return(py.Dict(tuple((py.Literal(h.name), _initial(program, h)) for h in hypers))),),
        hypers[0].origin if len(hypers) == 1 else "",
    )
    return [py.Assign((py.Id("DOMAINS"),), domains), initial]


def _initial(program: Program, hyper: HyperParameter) -> py.Expr:
    return _value(program, hyper, hyper.initial)


def arms_function(program: Program) -> list[py.Statement]:
    """arms(hypers), where there is a final training"""
    if program.retrain is None:
        return []
    entries: list[tuple[py.Expr, py.Expr]] = []
    for name, changed in program.retrain.arms:
        value: py.Expr = py.Id("hypers")
        if changed == tuple((hyper.name, hyper.initial) for hyper in program.hypers):
            value = call("initial_hypers")
        elif changed:
            pairs = tuple((py.Literal(h), _value(program, program.hyper(h), x)) for h, x in changed)
            value = call("rt.replaced", py.Id("hypers"), py.Dict(pairs))
        entries.append((py.Literal(name), value))
    names = ", ".join(program.retrain.splits)
    doc = f"Hyperparameters of each arm of the final training, on {names}."
    body = (py.Return(py.Dict(tuple(entries))),)
    return [py.Function("arms", (("hypers", None),), doc, body, program.retrain.origin)]


def sweep_function(program: Program) -> list[py.Statement]:
    """sweep(): the grid on which objective and hypergradient are recorded"""
    sweep = program.sweep
    if sweep is None:
        return []
    rows = sweep.over if sweep.along is None else (("along", sweep.along),)
    doc = "Values of each axis of the grid." if sweep.along is None else "Steps down the first hypergradient."
    entries = py.Dict(tuple((py.Literal(name), lower(x, step_scope(program))) for name, x in rows))
    return [py.Function("sweep", (), doc, (py.Return(entries),), sweep.origin)]


def _value(program: Program, hyper: HyperParameter, value: ir.Expr) -> py.Expr:
    """A value of a hyperparameter's shape."""
    match value:
        case ir.Const(entry) if hyper.shape:
            shape = py.Tuple(tuple(py.Literal(n) for n in hyper.shape))
            return call("jnp.full", shape, number(entry), dtype=py.Id("DTYPE"))
        case ir.Const(entry):
            return call("jnp.array", number(entry), dtype=py.Id("DTYPE"))
        case ir.Stack(items):
            assert prod(hyper.shape) == len(items)
            return call("jnp.array", py.List(tuple(lower(x, step_scope(program)) for x in items)), dtype=py.Id("DTYPE"))
        case drawn:
            return lower(drawn, step_scope(program))
