"""The reverse half of an emitted module: the adjoint of one step, and the hypergradient around it."""

from drmadc.ir import nodes as ir
from drmadc.ir.build import mul
from drmadc.ir.program import Adjoint, Let, Program
from drmadc.ir.text import equation_text
from drmadc.ir.types import Array
from drmadc.lower.expressions import Scope, call, item, lower
from drmadc.lower.forward import (
    batch_arguments,
    hyper_reads,
    loss_arguments,
    step_index,
    step_parameters,
    step_reads,
)
from drmadc.lower.names import group_constant, hyper_name, key, step_name
from drmadc.passes.dependence import function_hypers
from drmadc.python import tree as py


def keep_constant(program: Program, adjoint: Adjoint) -> py.Statement:
    """KEEP = rt.Knots(8, ...): what the forward pass keeps for the reverse pass."""
    before = py.Tuple(tuple(py.Literal(s) for s in adjoint.before))
    after = py.Tuple(tuple(py.Literal(s) for s in adjoint.after))
    if program.reverse.kind == "exact_store":
        value = call("rt.Store", before, after)
    else:
        value = call("rt.Knots", py.Literal(program.reverse.knots), before, after)
    return py.Assign((py.Id("KEEP"),), value, f"{program.reverse.text}, {program.reverse.origin}")


def reverse_step_function(program: Program, adjoint: Adjoint) -> py.Function:
    """reverse_step(before, after, adjoint, hypers, batch, t)"""
    lets = (*adjoint.recomputed, *adjoint.statements, *adjoint.states, *adjoint.hypers)
    body, scope = step_reads(program, [let.value for let in lets])
    body += [py.Assign((py.Id(step_name(s)),), item("before", s)) for s in adjoint.before]
    body += [py.Assign((py.Id(f"{step_name(s)}_next"),), item("after", s)) for s in adjoint.after]
    states = ["w", *(s.name for s in program.step.states)]
    read = {name for let in lets for name in ir.names_in(let.value)}
    body += [py.Assign((py.Id(f"d_{s}"),), item("adjoint", s)) for s in states if f"d:{s}" in read]
    body.append(py.Assign((py.Id("d_hypers"),), call("dict", item("adjoint", "hypers"))))
    if adjoint.needs_grad:
        gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
        body.append(py.Assign((py.Id("grad"),), gradient))
    for let in (*adjoint.recomputed, *adjoint.statements):
        body.append(py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)))
    body += _pull(program, adjoint)
    for let in adjoint.hypers:
        body += _increment(program, let, scope)
    entries: list[tuple[py.Expr, py.Expr]] = []
    for let in adjoint.states:
        value = lower(let.value, scope)
        if let.value == ir.Const(0.0):
            value = call("rt.zeros_like", py.Id("w"))
        entries.append((py.Literal(let.name), value))
    entries.append((py.Literal("hypers"), py.Id("d_hypers")))
    body.append(py.Return(py.Dict(tuple(entries))))
    return py.Function(
        "reverse_step",
        step_parameters(program, "before", "after", "adjoint"),
        f"Adjoint of `step`, at the states before and after it.\n\n{_equations(program, adjoint)}",
        tuple(body),
    )


def _equations(program: Program, adjoint: Adjoint) -> str:
    """The reverse step as mathematics, one equation a line."""
    lines = [f"{step_name(let.name)} = {equation_text(let.value)}" for let in adjoint.statements]
    if adjoint.pull is not None:
        cotangent = step_name(adjoint.pull.cotangent)
        lines.append(f"hessian_product = H(w) {cotangent}")
        lines += [f"mixed_{h} = (d grad / d {h})^T {cotangent}" for h in adjoint.pull.hypers]
    lines += [f"d_{let.name} <- {equation_text(let.value)}" for let in adjoint.states]
    lines += [f"d_{hyper_name(program, let.name)} += {equation_text(let.value)}" for let in adjoint.hypers]
    return "\n".join(lines)


def _pull(program: Program, adjoint: Adjoint) -> list[py.Statement]:
    """One joint vector-Jacobian product of the loss gradient, for parameters and hyperparameters."""
    if adjoint.pull is None:
        return []
    names = [hyper_name(program, h) for h in adjoint.pull.hypers]
    gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
    function = py.Lambda(("w", *names), gradient)
    primal = py.Id("grad") if adjoint.pull.primal else py.Id("_")
    targets: list[py.Expr] = [py.Id("hessian_product"), *(py.Id(f"mixed_{h}") for h in adjoint.pull.hypers)]
    if len(targets) == 1:
        targets = [py.Tuple((targets[0],))]
    return [
        py.Assign(
            (primal, py.Id("pull")),
            call("jax.vjp", function, py.Id("w"), *(py.Id(n) for n in names)),
            program.loss.origin,
        ),
        py.Assign(tuple(targets), call("pull", py.Id(step_name(adjoint.pull.cotangent)))),
    ]


def _increment(program: Program, let: Let, scope: Scope) -> list[py.Statement]:
    value = lower(let.value, scope)
    target = item("d_hypers", let.name)
    axes = program.hyper(let.name).type.axes
    if axes and axes[0].kind == "step":
        share = py.Id(f"d_{hyper_name(program, let.name)}")
        place = py.Subscript(py.Attribute(target, "at"), (step_index(program, let.name),))
        added = py.Call(py.Attribute(place, "add"), (share,))
        return [py.Assign((share,), value), py.Assign((target,), added)]
    if isinstance(let.value, ir.Unary) and let.value.op == "neg":
        return [py.Assign((target,), lower(let.value.x, scope), op="-=")]
    match let.value:
        case ir.Binary("*", ir.Const(factor), right) if factor < 0:
            return [py.Assign((target,), lower(mul(ir.Const(-factor), right), scope), op="-=")]
        case _:
            return [py.Assign((target,), value, op="+=")]


def reverse_init_function(program: Program, adjoint: Adjoint) -> py.Function | None:
    """reverse_init(adjoint, hypers, outer): the initial values' share, where hyperparameters set them"""
    if not adjoint.init:
        return None

    def name(node: ir.Name) -> py.Expr:
        head, _, group = node.id.removeprefix("d:").partition(".")
        whole = item("adjoint", head)
        if not group:
            return whole
        members = program.group(group).members
        if isinstance(node.type, Array):
            return py.Subscript(whole, (py.Literal(key(program, members[0])),))
        if set(members) == {p.path for p in program.parameters}:
            return whole
        return call("rt.select", whole, py.Id(group_constant(program, group)))

    scope = Scope(program, name)
    used = {h for let in adjoint.init for h in ir.hypers_in(let.value)}
    body = hyper_reads(program, tuple(h.name for h in program.hypers if h.name in used), at_step=False)
    body.append(py.Assign((py.Id("d_hypers"),), call("dict", item("adjoint", "hypers"))))
    for let in adjoint.init:
        body.append(py.Assign((item("d_hypers", let.name),), lower(let.value, scope), op="+="))
    body.append(py.Return(py.Id("d_hypers")))
    params = tuple((p, None) for p in ("adjoint", "hypers", "outer"))
    doc = "Adjoint of the initial values: what reaches the hyperparameters that set them."
    return py.Function("reverse_init", params, doc, tuple(body))


def hypergradient_function(program: Program, adjoint: Adjoint) -> py.Function:
    """hypergradient(hypers, outer, data, keep)"""
    data = ("data",) if program.data is not None else ()
    outer = tuple(py.Id(p) for p in ("hypers", "outer", *data))
    direct = function_hypers(program, program.objective)
    body: list[py.Statement] = [py.Assign((py.Id("state"), py.Id("path")), call("train", *outer, py.Id("keep")))]
    arguments: list[py.Expr] = [item("state", "w"), *(item("hypers", h) for h in direct), *(py.Id(d) for d in data)]
    numbers = py.Tuple(tuple(py.Literal(i) for i in range(1 + len(direct))))
    named = (("argnums", numbers),) if direct else ()
    both = py.Call(py.Id("jax.value_and_grad"), (py.Id("objective"),), named)
    gradients: py.Expr = py.Id("d_w")
    if direct:
        gradients = py.Tuple((py.Id("d_w"), *(py.Id(f"d_{h}") for h in direct)))
    body.append(py.Assign((py.Id("value"), gradients), py.Call(both, tuple(arguments)), program.objective.origin))
    body.append(py.Assign((py.Id("d_hypers"),), call("rt.zeros_like", py.Id("hypers"))))
    body += [py.Assign((item("d_hypers", h),), py.Id(f"d_{h}")) for h in direct]
    entries: list[tuple[py.Expr, py.Expr]] = [(py.Literal("w"), py.Id("d_w"))]
    entries += [(py.Literal(s.name), call("rt.zeros_like", py.Id("d_w"))) for s in program.step.states]
    entries.append((py.Literal("hypers"), py.Id("d_hypers")))
    body.append(py.Assign((py.Id("adjoint"),), py.Dict(tuple(entries))))
    states = ("before", "after", "adjoint")
    one: list[py.Statement] = [py.Assign((py.Id("batch"),), b) for b in batch_arguments(program)]
    batch = ("batch",) if program.data is not None else ()
    names = (*states, "hypers", *batch, "t")
    one.append(py.Return(call("reverse_step", *(py.Id(n) for n in names))))
    body.append(py.Function("retreat", tuple((p, None) for p in (*states, "t")), "", tuple(one)))
    back = call("rt.sweep_back", py.Id("retreat"), py.Id("path"), py.Id("adjoint"))
    body.append(py.Assign((py.Id("adjoint"),), back))
    gradient: py.Expr = item("adjoint", "hypers")
    if adjoint.init:
        gradient = call("reverse_init", py.Id("adjoint"), py.Id("hypers"), py.Id("outer"))
    body.append(py.Assign((py.Id("growth"),), call("rt.growth", item("adjoint", "w"), py.Id("d_w"))))
    body.append(py.Assign((py.Id("d_hypers"),), gradient))
    result = (py.Id("value"), py.Id("d_hypers"), py.Id("growth"), item("state", "w"), py.Id("path"))
    body.append(py.Return(call("rt.Hypergradient", *result)))
    params: list[tuple[str, py.Expr | None]] = [(p, None) for p in ("hypers", "outer", *data)]
    params.append(("keep", py.Id("KEEP")))
    doc = f"Objective and its gradient in the hyperparameters: {program.reverse.text}."
    return py.Function("hypergradient", tuple(params), doc, tuple(body), program.reverse.origin)
