"""The hypergradient of an emitted module: training, the objective, and the way back that the strategy asks for."""

from drmadc.compiler.lower.forward import (
    along_stream,
    batch_arguments,
    forward_statements,
    stepwise,
)
from drmadc.compiler.lower.strategies import capacity, large_minibatch, reverse_init_reached
from drmadc.compiler.passes.dependence import function_hypers
from drmadc.ir.program import Adjoint, Program
from drmadc.ir.reverse import (
    Auto,
    Drmad,
    Exact,
    Flow,
    Forward,
    Implicit,
    Naive,
    OneStep,
    Published,
    Truncated,
    strategy_text,
)
from drmadc.target import tree as py
from drmadc.target.build import call, item


def keep_constant(program: Program, adjoint: Adjoint) -> py.Statement:
    """KEEP = rt.Knots(8, ...): what the forward pass keeps for the reverse pass."""
    states = tuple(py.Tuple(tuple(py.Literal(s) for s in names)) for names in (adjoint.before, adjoint.after))
    reverse = program.reverse
    number: int | None = None
    named: dict[str, py.Expr] = {}
    match reverse.strategy:
        case Exact("store"):
            name = "rt.Store"
        case Exact("checkpoint", length=length):
            name, number = "rt.Checkpoint", length
        case Exact("tree", arity=arity):
            name, number = "rt.Recursion", arity
        case Drmad(knots, _, progress, steps):
            name, number = "rt.Knots", knots
            if progress:
                named["progress"] = py.Literal(True)
            if steps:
                named["steps"] = py.Literal(steps)
        case Published():
            name = "rt.Published"
        case Naive():
            name = "rt.Naive"
        case Truncated(steps):
            name, named = "rt.Store", {"last": py.Literal(steps)}
        case Implicit("neumann", count):
            name, number = "rt.FixedPoint", count
        case Exact("reversible"):
            name, number = "rt.Reversible", capacity(program)
        case Flow(knots):
            name, number = "rt.Knots", knots
        case OneStep():
            name, named = "rt.Store", {"last": py.Literal(1)}
        case Implicit() | Forward():
            name, number = "rt.FixedPoint", 0
        case Exact() | Auto():
            raise AssertionError("passes/choose.py replaces these")
    first = () if number is None else (py.Literal(number),)
    text = strategy_text(reverse.strategy) if reverse.reason else reverse.text
    return py.Assign((py.Id("SAVE_POLICY"),), call(name, *first, *states, **named), f"{text}, {reverse.origin}")


def objective_statements(program: Program, state: str) -> list[py.Statement]:
    """value, d_w = jax.value_and_grad(objective)(...), and the adjoint that the reverse pass starts from."""
    data = (py.Id("data"),) if program.data is not None else ()
    direct = function_hypers(program, program.objective)
    arguments: list[py.Expr] = [item(state, "w"), *(item("hypers", h) for h in direct), *data]
    numbers = py.Tuple(tuple(py.Literal(i) for i in range(1 + len(direct))))
    named = (("argnums", numbers),) if direct else ()
    both = py.Call(py.Id("jax.value_and_grad"), (py.Id("objective"),), named)
    gradients: py.Expr = py.Id("d_w")
    if direct:
        gradients = py.Tuple((py.Id("d_w"), *(py.Id(f"d_{h}") for h in direct)))
    body: list[py.Statement] = [
        py.Assign((py.Id("value"), gradients), py.Call(both, tuple(arguments)), program.objective.origin),
        py.Assign((py.Id("d_hypers"),), call("rt.zeros_like", py.Id("hypers"))),
        *(py.Assign((item("d_hypers", h),), py.Id(f"d_{h}")) for h in direct),
    ]
    if program.reverse.strategy == Forward():
        return body
    entries: list[tuple[py.Expr, py.Expr]] = [(py.Literal("w"), py.Id("d_w"))]
    entries += [(py.Literal(s.name), call("rt.zeros_like", py.Id("d_w"))) for s in program.step.states]
    entries.append((py.Literal("hypers"), py.Id("d_hypers")))
    return [*body, py.Assign((py.Id("adjoint"),), py.Dict(tuple(entries)))]


def hypergradient_functions(program: Program, adjoint: Adjoint) -> list[py.Statement]:
    """hypergradient(hypers, outer, data, keep), and for one_step() also online(tune_state, outer, data)"""
    data = ("data",) if program.data is not None else ()
    strategy = program.reverse.strategy
    body: list[py.Statement] = []
    growth: py.Expr = call("rt.growth", item("adjoint", "w"), py.Id("d_w"))
    gradient: py.Expr = item("adjoint", "hypers")
    last: list[py.Expr] = [py.Id("trajectory")]
    back: list[py.Statement] = []
    named: dict[str, py.Expr] = {}
    match strategy:
        case Forward():
            outer = tuple(py.Id(p) for p in ("hypers", "outer", *data))
            training = py.Lambda(("hypers",), call("training", *outer))
            sweep = call("rt.forward_mode_pass", training, py.Id("hypers"), py.Id("STEPS"))
            body.append(py.Assign((py.Id("state"), py.Id("tangents")), sweep))
            gradient = call("rt.forward_gradient", py.Id("tangents"), py.Id("d_w"), py.Id("d_hypers"))
            growth, last = call("jnp.ones", py.Tuple(())), []
        case Implicit("cg", count):
            body += forward_statements(program, "policy")
            batch = large_minibatch(program, py.Literal(0))
            product = call("curvature", item("state", "w"), py.Id("hypers"), *batch)
            back.append(py.Assign((py.Id("product"),), product))
            solved = call("rt.implicit", py.Id("product"), py.Id("adjoint"), py.Literal(count))
            back.append(py.Assign((py.Id("adjoint"),), solved))
            named["unsettled"] = _unsettled()
        case Flow(_, segments, products):
            body += forward_statements(program, "policy")
            batch = large_minibatch(program, py.Id("i"))
            curve = call("curvature", py.Id("w"), py.Id("hypers"), *batch)
            flow = call(
                "rt.flow_reverse_pass",
                py.Lambda(("w", "i"), curve),
                py.Id("flow_rule"),
                py.Id("trajectory"),
                py.Id("adjoint"),
                py.Id("hypers"),
                segments=py.Literal(segments),
                count=py.Literal(max(1, products // segments)),
            )
            back.append(py.Assign((py.Id("adjoint"),), flow))
        case Drmad(curvature="auto"):
            body += forward_statements(program, "policy")
            back.append(_reverse_step_at(program, "reverse_step_at", "reverse_step"))
            back.append(_reverse_step_at(program, "gauss_newton_step_at", "reverse_step_gauss_newton"))
            both = (along_stream(program, name) for name in ("reverse_step_at", "gauss_newton_step_at"))
            guarded = call(
                "rt.guarded_reverse_pass", py.Id("forward_step"), *both, py.Id("trajectory"), py.Id("adjoint")
            )
            back.append(py.Assign((py.Id("adjoint"), py.Id("switched")), guarded))
            named["switched"] = py.Id("switched")
        case _:
            body += forward_statements(program, "policy")
            back.append(_reverse_step_at(program, "reverse_step_at", "reverse_step"))
            reverse_step_at = along_stream(program, "reverse_step_at")
            swept = call(
                "rt.reverse_pass", py.Id("forward_step"), reverse_step_at, py.Id("trajectory"), py.Id("adjoint")
            )
            back.append(py.Assign((py.Id("adjoint"),), swept))
            if isinstance(strategy, Implicit):
                named["unsettled"] = _unsettled()
            if isinstance(strategy, Naive):
                named["lost"] = py.Call(py.Attribute(py.Id("trajectory"), "lost"))
    if reverse_init_reached(program, adjoint) and not isinstance(strategy, Forward):
        gradient = call("reverse_init", py.Id("adjoint"), py.Id("hypers"), py.Id("outer"))
    body += [*objective_statements(program, "state"), *back]
    body.append(py.Assign((py.Id("growth"),), growth))
    body.append(py.Assign((py.Id("d_hypers"),), gradient))
    if strategy in (Exact("reversible"), Naive()):
        last = []
    result = (py.Id("value"), py.Id("d_hypers"), py.Id("growth"), item("state", "w"), *last)
    body.append(py.Return(call("rt.Hypergradient", *result, **named)))
    params: list[tuple[str, py.Expr | None]] = [(p, None) for p in ("hypers", "outer", *data)]
    params.append(("policy", py.Id("SAVE_POLICY")))
    text = program.reverse.text
    if program.reverse.reason:
        text += f", chosen: {strategy_text(strategy)}"
    doc = f"Objective and its gradient in the hyperparameters: {text}."
    whole = py.Function("hypergradient", tuple(params), doc, tuple(body), program.reverse.origin)
    return [whole, *_online(program)] if isinstance(strategy, OneStep) else [whole]


def _unsettled() -> py.Expr:
    return call("rt.residual", py.Id("forward_step"), py.Id("start"), py.Id("state"), py.Id("STEPS"))


def _online(program: Program) -> list[py.Statement]:
    """hypergradient_of_step(state, hypers, outer, data, t) and online(tune_state, outer, data)"""
    strategy = program.reverse.strategy
    assert isinstance(strategy, OneStep)
    data = ("data",) if program.data is not None else ()
    outer = tuple(py.Id(p) for p in ("hypers", "outer", *data))
    batch = ("batch",) if program.batched else ()
    step: list[py.Statement] = [
        py.Assign((py.Id("_"), py.Id("forward_step")), call("training", *outer)),
        py.Assign((py.Id("after"),), call("forward_step", py.Id("state"), py.Id("t"))),
        *objective_statements(program, "after"),
        *(py.Assign((py.Id("batch"),), b) for b in batch_arguments(program)),
        py.Assign(
            (py.Id("adjoint"),),
            call("reverse_step", *(py.Id(n) for n in ("state", "after", "adjoint", "hypers", *batch, "t"))),
        ),
        py.Return(py.Tuple((py.Id("after"), py.Id("value"), item("adjoint", "hypers")))),
    ]
    params = tuple((p, None) for p in ("state", "hypers", "outer", *data, "t"))
    doc = "The state after step t, the objective there, and its gradient through that step alone."
    one = py.Function("hypergradient_of_step", params, doc, tuple(step))
    arguments = (
        py.Attribute(py.Call(py.Id("globals")), "get"),
        py.Literal(strategy.every),
        py.Id("STEPS"),
        py.Id("tune_state"),
        py.Id("outer"),
        py.Tuple(tuple(py.Id(d) for d in data)),
    )
    whole = py.Function(
        "online",
        tuple((p, None) for p in ("tune_state", "outer", *data)),
        f"A whole training run in which the hyperparameters move every {strategy.every} steps.",
        (py.Return(call("rt.online", *arguments)),),
        program.reverse.origin,
    )
    return [one, whole]


def _reverse_step_at(program: Program, name: str, function: str) -> py.Function:
    """The adjoint of step t, on the minibatch of step t."""
    body: list[py.Statement] = [py.Assign((py.Id("batch"),), b) for b in batch_arguments(program, along=True)]
    batch = ("batch",) if program.batched else ()
    states = ("before", "after", "adjoint")
    arguments = (py.Id(n) for n in (*states, "hypers", *batch, "t"))
    body.append(py.Return(call(function, *arguments)))
    return py.Function(name, stepwise(program, *states), "", tuple(body))
