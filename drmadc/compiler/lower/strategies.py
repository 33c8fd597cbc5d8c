"""What some reverse strategies need besides the reverse step: curvature products, the rule as a flow, its leap form."""

from math import ceil, log2

from drmadc.compiler.lower.data import augmentation, gathered, rows_batch, whole_batch
from drmadc.compiler.lower.expressions import draw_number, lower
from drmadc.compiler.lower.forward import data_argument, hyper_reads, loss_arguments, step_parameters, step_reads
from drmadc.compiler.lower.names import hyper_name, step_name
from drmadc.compiler.passes.dependence import function_hypers
from drmadc.compiler.passes.gradient_flow import gradient_flow
from drmadc.compiler.passes.kick_drift import kick_drift
from drmadc.ir import nodes as ir
from drmadc.ir.program import Adjoint, Let, Program
from drmadc.ir.reverse import Exact, Flow, Implicit, Naive, OneStep, Truncated
from drmadc.target import tree as py
from drmadc.target.build import call, item


def strategy_functions(program: Program) -> list[py.Statement]:
    """Functions that stand before `training`."""
    match program.reverse.strategy:
        case Flow(batch=batch):
            return [*_large_minibatch(program, batch), _curvature(program), _flow_rule(program)]
        case Implicit("cg"):
            return [*_large_minibatch(program, 0), _curvature(program)]
        case Exact("reversible") | Naive():
            return _kick_drift_functions(program)
        case _:
            return []


def _large_minibatch(program: Program, batch: int) -> list[py.Statement]:
    """large_minibatch(data, outer, i): the examples of one curvature product"""
    if not program.batched:
        return []
    size = program.examples
    names = (*(("data",) if program.data is not None else ()), "outer", "i")
    params = tuple((name, None) for name in names)
    step = py.Operator("+", py.Id("STEPS"), py.Id("i"))
    draw = augmentation(program, step)
    if not batch or batch >= size:
        doc = "The whole train split, for products with the Hessian."
        every = call("jnp.arange", py.Literal(size)) if program.batch else None
        if program.streamed and every is not None:
            rows_ = py.Assign((py.Id("rows"),), every)
            body = (rows_, *draw, py.Return(rows_batch(program, gathered(program), step)))
            return [py.Function("large_minibatch", params, doc, body)]
        return [py.Function("large_minibatch", params, doc, (*draw, py.Return(whole_batch(program, every, step))))]
    rows = call("rt.draw_rows", py.Id("SEED"), draw_number(program), step, py.Literal(batch), py.Literal(size))
    body = (
        py.Assign((py.Id("rows"),), rows),
        *draw,
        py.Return(rows_batch(program, gathered(program), step)),
    )
    doc = f"{batch} examples for the products of segment i: a function of (seed, outer, i)."
    return [py.Function("large_minibatch", params, doc, body)]


def large_minibatch(program: Program, i: py.Expr) -> tuple[py.Expr, ...]:
    """large_minibatch(data, outer, i), where the loss reads a minibatch."""
    if not program.batched:
        return ()
    return (call("large_minibatch", *data_argument(program), py.Id("outer"), i),)


def _curvature(program: Program) -> py.Function:
    """curvature(w, hypers, batch)"""
    names = function_hypers(program, program.loss)
    locals_ = [hyper_name(program, n) for n in names]
    body = hyper_reads(program, names, at_step=False)
    gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
    function = py.Lambda(("w", *locals_), gradient)
    vjp = call("jax.vjp", function, py.Id("w"), *(py.Id(n) for n in locals_))
    body.append(py.Assign((py.Id("_"), py.Id("pull")), vjp, program.loss.origin))
    targets: list[py.Expr] = [py.Id("hessian_product"), *(py.Id(f"mixed_{n}") for n in locals_)]
    if len(targets) == 1:
        targets = [py.Tuple((targets[0],))]
    mixed = py.Dict(tuple((py.Literal(n), py.Id(f"mixed_{hyper_name(program, n)}")) for n in names))
    product = py.Function(
        "product",
        (("direction", None),),
        "",
        (
            py.Assign(tuple(targets), call("pull", py.Id("direction"))),
            py.Return(py.Tuple((py.Id("hessian_product"), mixed))),
        ),
    )
    batch = ("batch",) if program.batched else ()
    params = tuple((p, None) for p in ("w", "hypers", *batch))
    doc = "The map direction -> (H(w) direction, (d grad / d hyper)^T direction) at one point."
    return py.Function("curvature", params, doc, (*body, product, py.Return(py.Id("product"))))


def _flow_rule(program: Program) -> py.Function:
    """flow_rule(hypers, t)"""
    flow = gradient_flow(program.step)
    assert flow is not None
    values = [flow.rate, flow.momentum, flow.kick]
    body, scope = step_reads(program, values, in_loss=False)
    result = py.Tuple(tuple(lower(value, scope) for value in values))
    doc = (
        f"{program.step.rule} as a flow: learning rate, momentum and kick of\n\n"
        "v' = momentum * v - kick * grad\nw' = w + rate * v'"
    )
    params = (("hypers", None), ("t", None))
    return py.Function("flow_rule", params, doc, (*body, py.Return(result)), program.step.origin)


def _kick_drift_functions(program: Program) -> list[py.Statement]:
    """kick(w, hypers, batch, t) and drift(after, hypers, t)"""
    form = kick_drift(program.step)
    assert not isinstance(form, str)
    values = [let.value for let in (*form.kick_locals, *form.decays, *form.kicks)]
    body, scope = step_reads(program, values)
    if any("grad" in ir.names_in(value) for value in values):
        gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
        body.append(py.Assign((py.Id("grad"),), gradient, program.loss.origin))
    body += [py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)) for let in form.kick_locals]

    def table(lets: tuple[Let, ...]) -> py.Expr:
        return py.Dict(tuple((py.Literal(let.name), lower(let.value, scope)) for let in lets))

    body.append(py.Return(py.Tuple((table(form.decays), table(form.kicks)))))
    equations = "\n".join(f"{let.name}' = decay * {let.name} + kick" for let in form.kicks)
    kick = py.Function(
        "kick",
        step_parameters(program, "w"),
        f"Decay and kick of each state of {program.step.rule}.\n\n{equations}",
        tuple(body),
        program.step.origin,
    )
    values = [*(let.value for let in form.drift_locals), form.drift]
    reads, scope = step_reads(program, values, in_loss=False)
    used = {name for value in values for name in ir.names_in(value)}
    for state in program.step.states:
        if f"{state.name}'" in used:
            reads.append(py.Assign((py.Id(f"{step_name(state.name)}_next"),), item("after", state.name)))
    reads += [py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)) for let in form.drift_locals]
    reads.append(py.Return(lower(form.drift, scope)))
    params = (("after", None), ("hypers", None), ("t", None))
    doc = "How the new states move the parameters.\n\nw' = w + drift"
    return [kick, py.Function("drift", params, doc, tuple(reads))]


def capacity(program: Program) -> int:
    """Digits of 16 bits that the information buffer needs, with room for decays that fall while they are tuned."""
    form = kick_drift(program.step)
    assert not isinstance(form, str)
    smallest = 1.0
    for let in form.decays:
        for node in ir.walk(let.value):
            if isinstance(node, ir.Hyper):
                smallest = min(smallest, *(x / 2 for x in _initial_values(program.hyper(node.id).initial)))
            elif isinstance(node, ir.Const) and 0 < node.value < 1:
                smallest = min(smallest, node.value)
    bits = min(16.0, -log2(max(smallest, 2.0**-16)) + 1e-3)
    return ceil(program.steps * bits / 15) + 2


def _initial_values(initial: ir.Expr) -> list[float]:
    """The numbers of an initial value; 1/16 where they are drawn or computed at run time."""
    values = initial.items if isinstance(initial, ir.Stack) else (initial,)
    return [abs(x.value) if isinstance(x, ir.Const) else 1 / 16 for x in values]


def reverse_init_reached(program: Program, adjoint: Adjoint) -> bool:
    """Whether the strategy goes back to the first step, and initial values take part."""
    strategy = program.reverse.strategy
    if isinstance(strategy, Implicit | OneStep):
        return False
    if isinstance(strategy, Truncated) and strategy.steps < program.steps:
        return False
    return bool(adjoint.init or adjoint.traced)
