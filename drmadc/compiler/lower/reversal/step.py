"""The adjoint of one training step, and of the initial values, as emitted functions."""

from collections.abc import Iterable
from dataclasses import replace

from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.compiler.lower.forward import (
    hyper_reads,
    loss_arguments,
    step_index,
    step_parameters,
    step_reads,
)
from drmadc.compiler.lower.names import group_constant, hyper_name, key, step_name
from drmadc.compiler.passes.split_loss import split_loss
from drmadc.ir import nodes as ir
from drmadc.ir.build import mul
from drmadc.ir.program import Adjoint, Let, Program
from drmadc.ir.text import equation_text
from drmadc.ir.types import Array
from drmadc.language.strategies.base import strategy_of
from drmadc.target import tree as py
from drmadc.target.build import call, item


def needs_outputs(program: Program) -> bool:
    """Whether the Gauss-Newton matrix is used, which needs the loss as a function of the model's outputs."""
    return "gauss_newton" in strategy_of(program).matrices


def reverse_step_functions(program: Program, adjoint: Adjoint) -> list[py.Statement]:
    """reverse_step, and where the strategy uses both matrices reverse_step_gauss_newton"""
    first, *others = strategy_of(program).matrices
    return [
        _reverse_step(program, adjoint, "reverse_step", gauss_newton=first == "gauss_newton"),
        *(_reverse_step(program, adjoint, f"reverse_step_{m}", gauss_newton=m == "gauss_newton") for m in others),
    ]


def _reverse_step(program: Program, adjoint: Adjoint, name: str, *, gauss_newton: bool) -> py.Function:
    """reverse_step(before, after, adjoint, hypers, batch, t)"""
    if gauss_newton and adjoint.pull is not None and adjoint.pull.primal:
        adjoint = replace(adjoint, pull=replace(adjoint.pull, primal=False), needs_grad=True)
    lets = (*adjoint.recomputed, *adjoint.statements, *adjoint.states, *adjoint.hypers)
    body, scope = step_reads(program, [let.value for let in lets])
    uses = {name for let in lets for name in ir.names_in(let.value)}
    if adjoint.pull is not None or adjoint.needs_grad or any(let.value == ir.Const(0.0) for let in adjoint.states):
        uses.add("w")
    body += [py.Assign((py.Id(step_name(s)),), item("before", s)) for s in adjoint.before if s in uses]
    body += [py.Assign((py.Id(f"{step_name(s)}_next"),), item("after", s)) for s in adjoint.after]
    states = ["w", *(s.name for s in program.step.states)]
    body += [py.Assign((py.Id(f"d_{s}"),), item("adjoint", s)) for s in states if f"d:{s}" in uses]
    body.append(py.Assign((py.Id("d_hypers"),), call("dict", item("adjoint", "hypers"))))
    if adjoint.needs_grad:
        gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
        shared = "" if adjoint.pull is None or gauss_newton else "XLA shares its work with `pull` below"
        body.append(py.Assign((py.Id("grad"),), gradient, shared))
    for let in (*adjoint.recomputed, *adjoint.statements):
        body.append(py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)))
    if adjoint.pull is not None and not gauss_newton:
        body.append(_linearised_gradient(program, adjoint))
        body.append(py.Assign(_products(adjoint.pull.hypers), call("pull", py.Id(step_name(adjoint.pull.cotangent)))))
    elif gauss_newton:
        body += _gauss_newton(program, adjoint)
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
    matrix = ", with the Gauss-Newton matrix G in place of the Hessian" if gauss_newton else ""
    return py.Function(
        name,
        step_parameters(program, "before", "after", "adjoint"),
        f"Adjoint of `step`, at the states before and after it{matrix}."
        f"\n\n{_equations(program, adjoint, 'G' if gauss_newton else 'H')}",
        tuple(body),
    )


def _equations(program: Program, adjoint: Adjoint, matrix: str) -> str:
    """The reverse step as mathematics, one equation a line."""
    lines = [f"{step_name(let.name)} = {equation_text(let.value)}" for let in adjoint.statements]
    if adjoint.pull is not None:
        cotangent = step_name(adjoint.pull.cotangent)
        lines.append(f"hessian_product = {matrix}(w) {cotangent}")
        lines += [f"mixed_{h} = (d grad / d {h})^T {cotangent}" for h in adjoint.pull.hypers]
    lines += [f"d_{let.name} <- {equation_text(let.value)}" for let in adjoint.states]
    for let in adjoint.hypers:
        sign, value = _signed(let.value)
        lines.append(f"d_{hyper_name(program, let.name)} {sign} {equation_text(value)}")
    return "\n".join(lines)


def _linearised_gradient(program: Program, adjoint: Adjoint) -> py.Statement:
    """grad, pull = jax.vjp(...): the one joint vector-Jacobian product of the loss gradient.

    Where statements before the product read `grad` they have it from `jax.grad`: taken from `jax.vjp` it is fused
    otherwise, and differs in the last bit.
    """
    assert adjoint.pull is not None
    variables = ("w", *(hyper_name(program, h) for h in adjoint.pull.hypers))
    arguments = loss_arguments(program, py.Id("w"))
    function: py.Expr = call("jax.grad", py.Id("loss"))
    if arguments != tuple(map(py.Id, variables)):
        function = py.Lambda(variables, py.Call(function, arguments))
    vjp = call("jax.vjp", function, *map(py.Id, variables))
    primal = py.Id("grad" if adjoint.pull.primal else "_")
    return py.Assign((primal, py.Id("pull")), vjp, program.loss.origin)


def _products(hypers: Iterable[str]) -> tuple[py.Expr, ...]:
    """hessian_product, mixed_l2"""
    targets = (py.Id("hessian_product"), *(py.Id(f"mixed_{h}") for h in hypers))
    return targets if len(targets) > 1 else (py.Tuple(targets),)


def _gauss_newton(program: Program, adjoint: Adjoint) -> list[py.Statement]:
    """J^T H J of the cotangent; mixed terms of hyperparameters that the model itself reads are taken from the loss."""
    if adjoint.pull is None:
        return []
    split = split_loss(program)
    batch = (py.Id("batch"),) if program.batched else ()
    cotangent = py.Id(step_name(adjoint.pull.cotangent))
    apart = [h for h in adjoint.pull.hypers if h not in split.output_hypers]
    inside = [py.Id(hyper_name(program, h)) for h in split.output_hypers]
    names = [hyper_name(program, h) for h in apart]
    outputs = py.Lambda(("w",), call("model_outputs", py.Id("w"), *inside, *batch))
    hypers = tuple(py.Id(hyper_name(program, h)) for h in split.loss_hypers)
    loss = py.Lambda(("outputs", "w", *names), call("loss_of_outputs", py.Id("outputs"), py.Id("w"), *hypers, *batch))
    product = call("rt.gauss_newton", outputs, loss, py.Id("w"), cotangent, *(py.Id(n) for n in names))
    out: list[py.Statement] = [py.Assign(_products(apart), product, program.loss.origin)]
    arguments = loss_arguments(program, py.Id("w"))
    for h in adjoint.pull.hypers:
        if h in split.output_hypers:
            name = hyper_name(program, h)
            along = call("rt.slope", py.Lambda(("w",), call("loss", *arguments)), py.Id("w"), cotangent)
            mixed = py.Call(call("jax.grad", py.Lambda((name,), along)), (py.Id(name),))
            out.append(py.Assign((py.Id(f"mixed_{h}"),), mixed))
    return out


def _increment(program: Program, let: Let, scope: Scope) -> list[py.Statement]:
    value = lower(let.value, scope)
    target = item("d_hypers", let.name)
    axes = program.hyper(let.name).type.axes
    if axes and axes[0].kind == "step":
        share = py.Id(f"d_{hyper_name(program, let.name)}")
        place = py.Subscript(py.Attribute(target, "at"), (step_index(program, let.name),))
        added = py.Call(py.Attribute(place, "add"), (share,))
        return [py.Assign((share,), value), py.Assign((target,), added)]
    sign, amount = _signed(let.value)
    return [py.Assign((target,), lower(amount, scope), op=sign)]


def _signed(value: ir.Expr) -> tuple[str, ir.Expr]:
    """An increment as += or -= of what begins with no sign."""
    match value:
        case ir.Unary("neg", x):
            return "-=", x
        case ir.Binary("*", ir.Const(factor), right) if factor < 0:
            return "-=", mul(ir.Const(-factor), right)
        case _:
            return "+=", value


def _traced_init(program: Program, adjoint: Adjoint) -> list[py.Statement]:
    """The vector-Jacobian product of `init` in hyperparameters whose share JAX derives."""
    names = [hyper_name(program, h) for h in adjoint.traced]
    entries = py.Dict(tuple((py.Literal(h), py.Id(name)) for h, name in zip(adjoint.traced, names, strict=True)))
    changed = call("rt.replaced", py.Id("hypers"), entries)
    start = py.Lambda(tuple(names), call("init", changed, py.Id("outer")))
    values = tuple(item("hypers", h) for h in adjoint.traced)
    shares = tuple(py.Id(f"d_{name}") for name in names)
    targets: tuple[py.Expr, ...] = shares if len(shares) > 1 else (py.Tuple(shares),)
    return [
        py.Assign((py.Id("_"), py.Id("pull")), call("jax.vjp", start, *values)),
        py.Assign(targets, call("pull", item("adjoint", "w"))),
        *(py.Assign((item("d_hypers", h),), share, op="+=") for h, share in zip(adjoint.traced, shares, strict=True)),
    ]


def reverse_init_function(program: Program, adjoint: Adjoint) -> py.Function | None:
    """reverse_init(adjoint, hypers, outer): the initial values' share, where hyperparameters set them"""
    if not adjoint.init and not adjoint.traced:
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
    if adjoint.traced:
        body += _traced_init(program, adjoint)
    for let in adjoint.init:
        body.append(py.Assign((item("d_hypers", let.name),), lower(let.value, scope), op="+="))
    body.append(py.Return(py.Id("d_hypers")))
    params = tuple((p, None) for p in ("adjoint", "hypers", "outer"))
    doc = "Adjoint of the initial values: what reaches the hyperparameters that set them."
    return py.Function("reverse_init", params, doc, tuple(body))
