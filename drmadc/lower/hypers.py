"""Hyperparameters of an emitted module: initial values, domains and their chain rules."""

from collections.abc import Callable
from math import prod

from drmadc.ir import nodes as ir
from drmadc.ir.program import HyperParameter, Program
from drmadc.lower.expressions import call, item, lower, number, step_scope
from drmadc.python import tree as py


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
    match hyper.initial:
        case ir.Const(value) if hyper.shape:
            shape = py.Tuple(tuple(py.Literal(n) for n in hyper.shape))
            return call("jnp.full", shape, number(value), dtype=py.Id("DTYPE"))
        case ir.Const(value):
            return call("jnp.array", number(value), dtype=py.Id("DTYPE"))
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
