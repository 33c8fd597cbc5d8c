"""The hypergradient of an emitted module: training, the objective, and the way back that the strategy asks for."""

from collections.abc import Callable
from dataclasses import dataclass, field

from drmadc.compiler.lower.expressions import lower
from drmadc.compiler.lower.forward import (
    along_stream,
    batch_arguments,
    loss_arguments,
    step_parameters,
    step_reads,
    stepwise,
)
from drmadc.compiler.lower.names import step_name
from drmadc.compiler.lower.reversal.curvature import curvature_function, large_minibatch, large_minibatch_function
from drmadc.compiler.passes.dependence import function_hypers
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir import nodes as ir
from drmadc.ir.program import Let, Program
from drmadc.language.strategies.base import strategy_of
from drmadc.language.strategies.emission import Emission
from drmadc.language.strategies.facts import Facts
from drmadc.target import tree as py
from drmadc.target.build import call, item


@dataclass(frozen=True)
class Emitter:
    """What the emission of a strategy is offered: see `Emission`."""

    program: Program
    facts: Facts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", facts(self.program))

    def inputs(self) -> tuple[str, ...]:
        """hypers, outer, and data where there is a source"""
        return ("hypers", "outer", *(("data",) if self.program.data is not None else ()))

    def minibatch(self) -> tuple[py.Expr, ...]:
        """minibatch(data, outer, t), where the loss reads one"""
        return batch_arguments(self.program)

    def start(self, forward_step: str = "forward_step") -> py.Statement:
        """start, forward_step = training(hypers, outer, data)"""
        return py.Assign((py.Id("start"), py.Id(forward_step)), call("training", *map(py.Id, self.inputs())))

    def forward_pass(self, *, keep: bool) -> list[py.Statement]:
        """state, trajectory = policy.forward(forward_step, start, STEPS)"""
        given = tuple(map(py.Id, ("forward_step", "start", "STEPS")))
        run = call("policy.forward", *given) if keep else call("rt.forward_pass", *given, py.Literal(None))
        return [py.Assign((py.Id("state"), py.Id("trajectory" if keep else "_")), run)]

    def reverse_pass(self) -> list[py.Statement]:
        """adjoint = rt.reverse_pass(forward_step, reverse_step_at, trajectory, adjoint)"""
        step = self.along_stream("reverse_step_at")
        run = call("rt.reverse_pass", py.Id("forward_step"), step, py.Id("trajectory"), py.Id("adjoint"))
        return [self.reverse_step_at("reverse_step_at", "reverse_step"), py.Assign((py.Id("adjoint"),), run)]

    def reverse_step_at(self, name: str, function: str) -> py.Function:
        """The adjoint of step t, on the minibatch of step t"""
        batch = batch_arguments(self.program, along=True)
        body: list[py.Statement] = [py.Assign((py.Id("batch"),), b) for b in batch]
        states = ("before", "after", "adjoint")
        arguments = (*states, "hypers", *(("batch",) if batch else ()), "t")
        body.append(py.Return(call(function, *map(py.Id, arguments))))
        return py.Function(name, stepwise(self.program, *states), "", tuple(body))

    def along_stream(self, function: str) -> py.Expr:
        """The step function of this name; where minibatches are streamed with the stream that they come from"""
        return along_stream(self.program, function)

    def objective(self, state: str) -> list[py.Statement]:
        """value, and the adjoint that the reverse pass starts from"""
        return [*objective_statements(self.program, state), adjoint_statement(self.program)]

    def curvature_functions(self, batch: int) -> list[py.Statement]:
        """large_minibatch(data, outer, i) and curvature(w, hypers, batch)"""
        return [*large_minibatch_function(self.program, batch), curvature_function(self.program)]

    def curvature(self, w: py.Expr, i: py.Expr) -> py.Expr:
        """curvature(w, hypers, large_minibatch(data, outer, i))"""
        return call("curvature", w, py.Id("hypers"), *large_minibatch(self.program, i))

    def step_function(
        self,
        name: str,
        doc: str,
        values: tuple[ir.Expr, ...],
        result: Callable[[Callable[[ir.Expr], py.Expr]], py.Expr],
        *,
        first: tuple[str, ...] = (),
        local: tuple[Let, ...] = (),
        loss: bool = False,
    ) -> py.Function:
        """A function of what happens in a step: reads, local equations, the result"""
        program = self.program
        whole = [*(let.value for let in local), *values]
        used = {name for value in whole for name in ir.names_in(value)}
        body, scope = step_reads(program, whole, in_loss=loss)
        for state in program.step.states:
            if f"{state.name}'" in used:
                body.append(py.Assign((py.Id(f"{step_name(state.name)}_next"),), item("after", state.name)))
        if "grad" in used:
            gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
            body.append(py.Assign((py.Id("grad"),), gradient, program.loss.origin))
        body += [py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)) for let in local]
        body.append(py.Return(result(lambda value: lower(value, scope))))
        params = step_parameters(program, *first) if loss else tuple((p, None) for p in (*first, "hypers", "t"))
        return py.Function(name, params, doc, tuple(body), program.step.origin)


def save_policy(emit: Emission) -> py.Statement:
    """SAVE_POLICY = rt.Knots(count=8, before=("w",), after=("v",)): what the forward pass keeps."""
    adjoint, reverse = emit.program.adjoint, emit.program.reverse
    assert adjoint is not None
    policy = strategy_of(emit.program).policy(emit.facts)
    states = ((name, py.Tuple(tuple(map(py.Literal, getattr(adjoint, name))))) for name in ("before", "after"))
    text = reverse.strategy.text if reverse.reason else reverse.text
    value = py.Call(policy.function, policy.args, (*policy.named, *states))
    return py.Assign((py.Id("SAVE_POLICY"),), value, f"{text}, {reverse.origin}")


def reverse_init_reached(program: Program) -> bool:
    """Whether the strategy goes back to the first step, and initial values take part."""
    adjoint = program.adjoint
    assert adjoint is not None
    return strategy_of(program).reaches_start(program.steps) and bool(adjoint.init or adjoint.traced)


def trained_objective_function(emit: Emission) -> py.Function:
    """trained_objective(hypers, outer, data)"""
    program = emit.program
    direct = (item("hypers", h) for h in function_hypers(program, program.objective))
    value = call("objective", item("state", "w"), *direct, *map(py.Id, emit.inputs()[2:]))
    body = (*strategy_of(program).forward(emit, keep=False), py.Return(value))
    doc = "Outer objective after training; nothing is kept on the way."
    return py.Function("trained_objective", tuple((name, None) for name in emit.inputs()), doc, body)


def objective_at_function(emit: Emission) -> py.Function:
    """objective_at(params, hypers, data)"""
    program = emit.program
    direct = (item("hypers", h) for h in function_hypers(program, program.objective))
    data = emit.inputs()[2:]
    value = call("objective", py.Id("params"), *direct, *map(py.Id, data))
    doc = "Outer objective of trained parameters, on whatever draws they were trained."
    return py.Function("objective_at", tuple((n, None) for n in ("params", "hypers", *data)), doc, (py.Return(value),))


def objective_statements(program: Program, state: str) -> list[py.Statement]:
    """value, d_w = jax.value_and_grad(objective)(...), and d_hypers of what the objective itself reads"""
    data = (py.Id("data"),) if program.data is not None else ()
    direct = function_hypers(program, program.objective)
    arguments: list[py.Expr] = [item(state, "w"), *(item("hypers", h) for h in direct), *data]
    numbers = py.Tuple(tuple(py.Literal(i) for i in range(1 + len(direct))))
    named = (("argnums", numbers),) if direct else ()
    both = py.Call(py.Id("jax.value_and_grad"), (py.Id("objective"),), named)
    gradients: py.Expr = py.Id("d_w")
    if direct:
        gradients = py.Tuple((py.Id("d_w"), *(py.Id(f"d_{h}") for h in direct)))
    return [
        py.Assign((py.Id("value"), gradients), py.Call(both, tuple(arguments)), program.objective.origin),
        py.Assign((py.Id("d_hypers"),), call("rt.zeros_like", py.Id("hypers"))),
        *(py.Assign((item("d_hypers", h),), py.Id(f"d_{h}")) for h in direct),
    ]


def adjoint_statement(program: Program) -> py.Statement:
    """adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}"""
    entries: list[tuple[py.Expr, py.Expr]] = [(py.Literal("w"), py.Id("d_w"))]
    entries += [(py.Literal(s.name), call("rt.zeros_like", py.Id("d_w"))) for s in program.step.states]
    entries.append((py.Literal("hypers"), py.Id("d_hypers")))
    return py.Assign((py.Id("adjoint"),), py.Dict(tuple(entries)))


def hypergradient_functions(emit: Emission) -> list[py.Statement]:
    """hypergradient(hypers, outer, data, policy), and what the strategy adds"""
    program, strategy = emit.program, strategy_of(emit.program)
    passes = strategy.passes(emit)
    gradient = passes.gradient or item("adjoint", "hypers")
    if passes.gradient is None and reverse_init_reached(program):
        gradient = call("reverse_init", py.Id("adjoint"), py.Id("hypers"), py.Id("outer"))
    start = emit.objective("state") if passes.seeds_adjoint else objective_statements(program, "state")
    trajectory = (py.Id("trajectory"),) if passes.keeps_trajectory else ()
    result = (py.Id("value"), py.Id("d_hypers"), py.Id("growth"), item("state", "w"), *trajectory)
    measured = tuple((py.Literal(name), value) for name, value in passes.stats.items())
    stats = {"stats": py.Dict(measured)} if measured else {}
    body = [
        *passes.forward,
        *start,
        *passes.reverse,
        py.Assign((py.Id("growth"),), passes.growth),
        py.Assign((py.Id("d_hypers"),), gradient),
        py.Return(call("rt.Hypergradient", *result, **stats)),
    ]
    params: list[tuple[str, py.Expr | None]] = [(name, None) for name in emit.inputs()]
    params.append(("policy", py.Id("SAVE_POLICY")))
    chosen = f", chosen: {strategy.text}" if program.reverse.reason else ""
    doc = f"Objective and its gradient in the hyperparameters: {program.reverse.text}{chosen}."
    whole = py.Function("hypergradient", tuple(params), doc, tuple(body), program.reverse.origin)
    return [whole, *strategy.functions_after(emit)]
