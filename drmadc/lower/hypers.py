"""Hyperparameters of an emitted module: initial values, domains and their chain rules, the outer update."""

from collections.abc import Callable
from math import prod

from drmadc.ir import nodes as ir
from drmadc.ir.program import HyperParameter, Program
from drmadc.lower.expressions import Scope, call, item, lower, number, step_scope
from drmadc.lower.names import step_name
from drmadc.python import tree as py


def hyper_functions(program: Program) -> list[py.Statement]:
    """initial_hypers(), constrain(free), unconstrain(hypers), reverse_constrain(hypers, d_hypers)"""
    hypers = program.hypers
    initial = py.Function(
        "initial_hypers",
        (),
        "Initial hyperparameters, in their own domains.",
        (py.Return(py.Dict(tuple((py.Literal(h.name), _initial(h)) for h in hypers))),),
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


def _initial(hyper: HyperParameter) -> py.Expr:
    if len(hyper.initial) == 1 and hyper.shape:
        shape = py.Tuple(tuple(py.Literal(n) for n in hyper.shape))
        return call("jnp.full", shape, number(hyper.initial[0]), dtype=py.Id("DTYPE"))
    if not hyper.shape:
        return call("jnp.array", number(hyper.initial[0]), dtype=py.Id("DTYPE"))
    assert prod(hyper.shape) == len(hyper.initial)
    return call("jnp.array", py.List(tuple(map(number, hyper.initial))), dtype=py.Id("DTYPE"))


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


def tune_functions(program: Program) -> list[py.Statement]:
    """initial_tune_state(free), tune_step(state, grad, t)"""
    step = program.tune_step
    scope: Scope = step_scope(program)
    states = [s.name for s in step.states]
    zeros = tuple((py.Literal(s), call("rt.zeros_like", py.Id("free"))) for s in states)
    start = py.Function(
        "initial_tune_state",
        (("free", None),),
        "State of the outer update before its first step.",
        (py.Return(py.Dict(((py.Literal("w"), py.Id("free")), *zeros))),),
    )
    body: list[py.Statement] = [
        py.Assign((py.Id(step_name(s)),), item("state", s)) for s in ("w", *states) if _reads(program, s)
    ]
    for let in step.equations:
        body.append(py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)))
    entries = tuple((py.Literal(s), py.Id(f"{step_name(s)}_next")) for s in ("w", *states))
    body.append(py.Return(py.Dict(entries)))
    params = tuple((p, None) for p in ("state", "grad", "t"))
    equations = step.text.replace("; ", "\n")
    doc = f"One step of {step.rule} on the unconstrained hyperparameters.\n\n{equations}"
    return [start, py.Function("tune_step", params, doc, tuple(body), step.origin)]


def _reads(program: Program, state: str) -> bool:
    return any(state in ir.names_in(let.value) for let in program.tune_step.equations)
