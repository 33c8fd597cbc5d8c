"""Hyperparameters of an emitted module: initial values, domains and their chain rules."""

from collections.abc import Callable
from math import prod

from drmadc.compiler.lower.expressions import call, item, lower, number, step_scope
from drmadc.ir import nodes as ir
from drmadc.ir.program import HyperParameter, Program
from drmadc.target import tree as py


def hyper_functions(program: Program) -> list[py.Statement]:
    """initial_hypers(), constrain(free), unconstrain(hypers), reverse_constrain(hypers, d_hypers)"""
    hypers = program.hypers
    initial = py.Function(
        "initial_hypers",
        (),
        "Initial hyperparameters, in their own domains.",
        (py.Return(py.Dict(tuple((py.Literal(h.name), _initial(program, h)) for h in hypers))),),
        hypers[0].origin if len(hypers) == 1 else "",
    )
    domains = ", ".join(f"{h.name} is {h.domain}" for h in hypers)
    return [
        initial,
        _map("constrain", ("free",), f"Unconstrained values to own domains: {domains}.", hypers, _constrain),
        _map("unconstrain", ("hypers",), "Own domains to unconstrained values.", hypers, _unconstrain),
        _map(
            "reverse_constrain",
            ("hypers", "d_hypers"),
            "Adjoint of `constrain`: the chain rule of each domain.",
            hypers,
            _reverse,
        ),
    ]


def _initial(program: Program, hyper: HyperParameter) -> py.Expr:
    return _value(program, hyper, hyper.initial)


def arms_function(program: Program) -> list[py.Statement]:
    """arms(hypers), and RETRAIN: the splits of the final training"""
    if program.retrain is None:
        return []
    entries: list[tuple[py.Expr, py.Expr]] = []
    for name, changed in program.retrain.arms:
        value: py.Expr = py.Id("hypers")
        if changed:
            pairs = tuple((py.Literal(h), _value(program, program.hyper(h), x)) for h, x in changed)
            value = call("rt.replaced", py.Id("hypers"), py.Dict(pairs))
        entries.append((py.Literal(name), value))
    names = ", ".join(program.retrain.splits)
    doc = f"Hyperparameters of each arm of the final training, on {names}."
    body = (py.Return(py.Dict(tuple(entries))),)
    splits = py.Tuple(tuple(py.Literal(split) for split in program.retrain.splits))
    return [
        py.Function("arms", (("hypers", None),), doc, body, program.retrain.origin),
        py.Assign((py.Id("RETRAIN"),), splits, program.retrain.origin),
    ]


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


def _map(
    name: str,
    params: tuple[str, ...],
    doc: str,
    hypers: tuple[HyperParameter, ...],
    value: Callable[[HyperParameter], py.Expr],
) -> py.Function:
    entries = tuple((py.Literal(h.name), value(h)) for h in hypers)
    return py.Function(name, tuple((p, None) for p in params), doc, (py.Return(py.Dict(entries)),))


def _constrain(hyper: HyperParameter) -> py.Expr:
    free = item("free", hyper.name)
    match hyper.domain:
        case "real":
            return free
        case "positive":
            return call("jnp.exp", free)
        case "unit":
            return call("jax.nn.sigmoid", free)


def _unconstrain(hyper: HyperParameter) -> py.Expr:
    value = item("hypers", hyper.name)
    match hyper.domain:
        case "real":
            return value
        case "positive":
            return call("jnp.log", value)
        case "unit":
            return py.Operator("-", call("jnp.log", value), call("jnp.log1p", py.Minus(value)))


def _reverse(hyper: HyperParameter) -> py.Expr:
    value, adjoint = item("hypers", hyper.name), item("d_hypers", hyper.name)
    match hyper.domain:
        case "real":
            return adjoint
        case "positive":
            return py.Operator("*", adjoint, value)
        case "unit":
            slope = py.Operator("*", value, py.Operator("-", py.Literal(1), value))
            return py.Operator("*", adjoint, slope)
