"""The forward half of an emitted module: init, models, loss, objective, reports, step, train."""

from collections.abc import Mapping, Sequence

from drmadc.compiler.lower.data import features_of
from drmadc.compiler.lower.expressions import Scope, broadcast_call, full, function_scope, lower, step_scope
from drmadc.compiler.lower.names import batch_key, group_constant, hyper_name, key, local, step_name
from drmadc.compiler.passes.adjoint import laid
from drmadc.compiler.passes.chunks import chunks
from drmadc.compiler.passes.dependence import expression_hypers, function_hypers, function_splits, model_hypers
from drmadc.compiler.passes.split_loss import split_loss
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Data, Function, Let, Model, Program
from drmadc.ir.types import Array, Tree
from drmadc.target import tree as py
from drmadc.target.build import call, item


def hyper_reads(program: Program, names: tuple[str, ...], *, at_step: bool) -> list[py.Statement]:
    """l2 = hypers["l2"]; with a step axis, its entry at step t."""
    out: list[py.Statement] = []
    for name in names:
        value: py.Expr = item("hypers", name)
        axes = program.hyper(name).type.axes
        if at_step and axes and axes[0].kind == "step":
            value = py.Subscript(value, (step_index(program, name),))
        out.append(py.Assign((py.Id(hyper_name(program, name)),), value))
    return out


def step_index(program: Program, name: str) -> py.Expr:
    """The index of step t on a hyperparameter's step axis."""
    axis = program.hyper(name).type.axes[0]
    if not axis.bins:
        return py.Id("t")
    return py.Operator("//", py.Operator("*", py.Id("t"), py.Literal(axis.bins)), py.Id("STEPS"))


def init_function(program: Program) -> py.Function:
    """init(hypers, outer)"""
    scope = function_scope(program)
    used = {h for i in program.init for h in expression_hypers(program, i.value)}
    names = tuple(h.name for h in program.hypers if h.name in used)
    body: list[py.Statement] = [*hyper_reads(program, names, at_step=False)]
    parts: list[py.Expr] = []
    for init in program.init:
        value = lower(init.value, scope)
        table = py.Id(group_constant(program, init.group))
        if isinstance(init.value.type, Array) and init.value.type.axes:
            path = program.group(init.group).members[0]
            value = call("rt.Tree", py.Dict(((py.Literal(key(program, path)), value),)))
        elif isinstance(init.value.type, Array):
            value = call("rt.tree_full", table, value)
        else:
            value = full(init.value, value, program, init.group)
        if len(program.init) == 1:
            body.append(py.Return(value, init.origin))
            break
        target = py.Id(local(init.group.rpartition(".")[2]))
        if target in parts:
            target = py.Id(local(init.group.replace(".", "_")))
        body.append(py.Assign((target,), value, init.origin))
        parts.append(target)
    if parts:
        body.append(py.Return(call("rt.join", *parts)))
    doc = f"Initial parameters: {'; '.join(i.text for i in program.init)}."
    return py.Function("init", (("hypers", None), ("outer", None)), doc, tuple(body))


def model_function(program: Program, model: Model) -> py.Function:
    """mlp(params, x)"""
    params: list[tuple[str, py.Expr | None]] = [("params", None)]
    params += [(local(name), None) for name, _ in model.inputs]
    params += [(hyper_name(program, h), None) for h in model_hypers(program, model)]
    noise: py.Expr | None = None
    if any(program.draws_noise(value) for value in (*(let.value for let in model.lets), model.value)):
        noise = py.Id("noise")
        params.append(("noise", py.Literal(None)))
    body = _assign_lets(program, model.lets, noise)
    body.append(py.Return(lower(model.value, function_scope(program, noise))))
    return py.Function(local(model.name), tuple(params), f"{model.text}.", tuple(body), model.origin)


def loss_noise(program: Program) -> py.Expr | None:
    """batch["noise"], where the training loss draws noise."""
    return item("batch", batch_key(program, "noise")) if program.noisy else None


def _assign_lets(program: Program, lets: tuple[Let, ...], noise: py.Expr | None = None) -> list[py.Statement]:
    scope = function_scope(program, noise)
    return [py.Assign((py.Id(local(let.name)),), lower(let.value, scope), let.origin) for let in lets]


def _reads_of_part(program: Program, part: ir.OnSplit) -> tuple[str, ...]:
    """What the part of the objective over a split is differentiated in: params, and hyperparameters that it reads."""
    found = expression_hypers(program, part.x)
    return ("params", *(hyper_name(program, h.name) for h in program.hypers if h.name in found))


def _on_split(program: Program, part: ir.OnSplit) -> py.Function:
    """on_valid(raw, params): the part of the objective over a split, of some of its examples"""
    assert program.data is not None
    params = ("raw", *_reads_of_part(program, part))
    features = py.Assign((py.Id(part.split),), features_of(program.data, py.Id("raw")))
    value = Function((), part.x, "", "")
    return py.Function(
        f"on_{part.split}", tuple((p, None) for p in params), "", (features, *_function_body(program, value))
    )


def _function_body(
    program: Program, function: Function, noise: py.Expr | None = None, cut: Mapping[str, int] | None = None
) -> list[py.Statement]:
    """Local definitions and the result; groups and sums over groups get names of their own.

    `cut` are splits that are gone through in so many pieces.
    """
    scope = function_scope(program, noise)
    body = _assign_lets(program, function.lets, noise)
    cut = cut or {}
    parts = {n.split: n for n in ir.walk(function.value) if isinstance(n, ir.OnSplit) and n.split in cut}
    body += [_on_split(program, part) for part in parts.values()]

    def call_it(node: ir.Expr) -> ir.Expr:
        return ir.Name(f"on:{node.split}", node.type) if isinstance(node, ir.OnSplit) and node.split in cut else node

    value = rewrite(function.value, call_it)
    taken = {local(let.name) for let in function.lets} | {local(h.name) for h in program.hypers}
    given: dict[ir.Expr, str] = {}

    def name_it(node: ir.Expr) -> ir.Expr:
        hint = ""
        if isinstance(node, ir.Name) and isinstance(node.type, Tree) and not _is_all(program, node.id):
            hint = node.id.rpartition(".")[2]
        elif isinstance(node, ir.Call) and node.function == "sum" and isinstance(node.args[0].type, Tree):
            hint = "penalty"
        if not hint or node == value:
            return node
        if node not in given:
            label = local(hint)
            while label in taken:
                label += "_"
            taken.add(label)
            given[node] = label
            body.append(py.Assign((py.Id(label),), lower(node, inner)))
        return ir.Name(f":{given[node]}", node.type)

    def name(node: ir.Name) -> py.Expr:
        if node.id.startswith("on:"):
            split = node.id.removeprefix("on:")
            arguments = map(py.Id, _reads_of_part(program, parts[split]))
            return call(
                "rt.chunked_mean", py.Id(f"on_{split}"), item("data", split), py.Literal(cut[split]), *arguments
            )
        return py.Id(node.id[1:]) if node.id.startswith(":") else scope.name(node)

    inner = Scope(program, name, noise=noise)
    body.append(py.Return(lower(rewrite(value, name_it), inner)))
    return body


def _is_all(program: Program, group: str) -> bool:
    return set(program.group(group).members) == {p.path for p in program.parameters}


def loss_functions(program: Program, *, apart: bool) -> list[py.Statement]:
    """loss(params, l2, batch); with `apart`, also the model's outputs and the loss as a function of them"""
    hypers = [hyper_name(program, n) for n in function_hypers(program, program.loss)]
    batch = ["batch"] if program.batched else []
    doc = f"Training loss: {program.loss.text}."
    if program.parts > 1:
        body = _function_body(program, program.loss, loss_noise(program))
        part = call("loss_of_part", *map(py.Id, ["params", *hypers, "part"]))
        mean = call("rt.accumulate", py.Lambda(("part",), part), py.Id("batch"), py.Literal(program.parts))
        about = f"{doc}\n\nThe mean of `loss_of_part` over {program.parts} parts of the minibatch, one after another."
        return [
            _plain("loss_of_part", ["params", *hypers, *batch], doc, body, program.loss.origin),
            _plain("loss", ["params", *hypers, *batch], about, [py.Return(mean)], ""),
        ]
    if not apart:
        body = _function_body(program, program.loss, loss_noise(program))
        return [_plain("loss", ["params", *hypers, *batch], doc, body, program.loss.origin)]
    split = split_loss(program)
    inner = ["params", *(hyper_name(program, n) for n in split.output_hypers), *batch]
    outer = ["outputs", "params", *(hyper_name(program, n) for n in split.loss_hypers), *batch]
    noise = loss_noise(program)
    values = tuple(lower(output, function_scope(program, noise)) for output in split.outputs)
    outputs = [py.Return(values[0] if len(values) == 1 else py.Tuple(values))]
    whole = call("loss_of_outputs", call("model_outputs", *map(py.Id, inner)), *map(py.Id, outer[1:]))
    origin = program.loss.origin
    return [
        _plain("model_outputs", inner, "What the loss reads of the model.", outputs, origin),
        _plain("loss_of_outputs", outer, doc, _function_body(program, split.loss, noise), origin),
        _plain("loss", ["params", *hypers, *batch], doc, [py.Return(whole)], ""),
    ]


def _plain(name: str, params: list[str], doc: str, body: Sequence[py.Statement], origin: str) -> py.Function:
    return py.Function(name, tuple((p, None) for p in params), doc, tuple(body), origin)


def objective_function(program: Program) -> py.Function:
    """objective(params, data)"""
    names = function_hypers(program, program.objective)
    params = ["params", *(hyper_name(program, n) for n in names)]
    if program.data is not None:
        params.append("data")
    cut = chunks(program)
    body = _splits(program.data, tuple(s for s in function_splits(program.objective) if s not in cut))
    body += _function_body(program, program.objective, cut=cut)
    return py.Function(
        "objective",
        tuple((p, None) for p in params),
        f"Outer objective: {program.objective.text}.",
        tuple(body),
        program.objective.origin,
    )


def _splits(data: Data | None, names: tuple[str, ...]) -> list[py.Statement]:
    if data is None:
        return []
    return [py.Assign((py.Id(n),), features_of(data, item("data", n))) for n in names]


def report_functions(program: Program) -> list[py.Statement]:
    """report(params, hypers, data) and images(hypers), where the spec asks for them"""
    out: list[py.Statement] = []
    metrics = [r for r in program.reports if r.shape is None]
    if metrics:
        functions = [r.function for r in metrics]
        body = _hypers_of(program, functions)
        splits = tuple(dict.fromkeys(s for f in functions for s in function_splits(f)))
        body += _splits(program.data, splits)
        lets = dict.fromkeys(let for f in functions for let in f.lets)
        body += _assign_lets(program, tuple(lets))
        scope = function_scope(program)
        entries = tuple((py.Literal(r.key), lower(r.function.value, scope)) for r in metrics)
        body.append(py.Return(py.Dict(entries)))
        params = ("params", "hypers", "data") if program.data is not None else ("params", "hypers")
        doc = f"Reported values: {', '.join(r.key for r in metrics)}."
        out.append(
            py.Function("report", tuple((p, None) for p in params), doc, tuple(body), metrics[0].function.origin)
        )
    pictures = [r for r in program.reports if r.shape is not None]
    if pictures:
        body = _hypers_of(program, [r.function for r in pictures])
        entries = tuple(
            (
                py.Literal(r.key),
                call(
                    "jnp.reshape",
                    lower(r.function.value, function_scope(program)),
                    py.Tuple(tuple(py.Literal(n) for n in r.shape or ())),
                ),
            )
            for r in pictures
        )
        body.append(py.Return(py.Dict(entries), pictures[0].function.origin))
        out.append(py.Function("images", (("hypers", None),), "Hyperparameters as pictures.", tuple(body)))
    return out


def _hypers_of(program: Program, functions: list[Function]) -> list[py.Statement]:
    found = {h for f in functions for h in function_hypers(program, f)}
    names = tuple(h.name for h in program.hypers if h.name in found)
    return hyper_reads(program, names, at_step=False)


def loss_arguments(program: Program, w: py.Expr) -> tuple[py.Expr, ...]:
    """w, l2, batch: what the loss takes inside a step."""
    names = function_hypers(program, program.loss)
    batch = (py.Id("batch"),) if program.batched else ()
    return (w, *(py.Id(hyper_name(program, n)) for n in names), *batch)


def step_parameters(program: Program, *first: str) -> tuple[tuple[str, None], ...]:
    """Parameters of a step function: the given ones, hypers, batch, t."""
    batch = ("batch",) if program.batched else ()
    return tuple((p, None) for p in (*first, "hypers", *batch, "t"))


def step_reads(program: Program, values: list[ir.Expr], *, in_loss: bool = True) -> tuple[list[py.Statement], Scope]:
    """The hyperparameters of a step as locals, those of the rule laid along the parameters; and the step's scope."""
    loss_hypers = function_hypers(program, program.loss) if in_loss else ()
    broadcasts = {
        n.x.id: n for v in values for n in ir.walk(v) if isinstance(n, ir.Broadcast) and isinstance(n.x, ir.Hyper)
    }
    used = {h for value in values for h in ir.hypers_in(value)} | set(loss_hypers)
    names = tuple(h.name for h in program.hypers if h.name in used)
    body: list[py.Statement] = []
    plain = step_scope(program)
    laid_names = {name for name in broadcasts if name not in loss_hypers}
    for name in names:
        (read,) = hyper_reads(program, (name,), at_step=True)
        if name in laid_names and isinstance(read, py.Assign):
            read = py.Assign(read.targets, broadcast_call(program, broadcasts[name], read.value))
        body.append(read)
    return body, Scope(program, plain.name, frozenset(laid_names))


def step_function(program: Program) -> py.Function:
    """step(state, hypers, batch, t)"""
    step = program.step
    values = [e.value for e in step.equations]
    used = {name for value in values for name in ir.names_in(value)}
    body, scope = step_reads(program, values)
    states = [s.name for s in step.states]
    body += [py.Assign((py.Id(step_name(s)),), item("state", s)) for s in ("w", *states) if s in used or s == "w"]
    if "grad" in used:
        gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
        body.append(py.Assign((py.Id("grad"),), gradient, program.loss.origin))
    last = ""
    for let in step.equations:
        origin = let.origin if let.origin != last and let.origin.startswith(program.source) else ""
        last = let.origin
        body.append(py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope), origin))
    entries = tuple((py.Literal(s), py.Id(f"{step_name(s)}_next")) for s in ("w", *states))
    body.append(py.Return(py.Dict(entries)))
    return py.Function(
        "step",
        step_parameters(program, "state"),
        f"One step of {step.rule}.\n\n{step.text.replace('; ', chr(10))}",
        tuple(body),
        step.origin,
    )


def training_loss_function(program: Program) -> py.Function:
    """training_loss(params, hypers, outer, data, t)"""
    names = tuple(h.name for h in program.hypers if h.name in function_hypers(program, program.loss))
    body = hyper_reads(program, names, at_step=True)
    body += [py.Assign((py.Id("batch"),), batch) for batch in batch_arguments(program)]
    body.append(py.Return(py.Call(py.Id("loss"), loss_arguments(program, py.Id("params")))))
    data = ("data",) if program.data is not None else ()
    params = tuple((p, None) for p in ("params", "hypers", "outer", *data, "t"))
    return py.Function("training_loss", params, "Training loss of step t, for learning curves.", tuple(body))


def batch_arguments(program: Program, *, along: bool = False) -> tuple[py.Expr, ...]:
    """minibatch(data, outer, t), where the loss reads one; `along` a stream its raw fields are given."""
    if not program.batched:
        return ()
    raw: tuple[py.Expr, ...] = ()
    if program.streamed:
        raw = (py.Id("raw") if along else call("FEED.one", py.Id("outer"), py.Id("t")),)
    return (call("minibatch", *data_argument(program), *raw, py.Id("outer"), py.Id("t")),)


def along_stream(program: Program, function: str) -> py.Expr:
    """The step function of this name; where minibatches are streamed with the stream that they come from."""
    return call("FEED.along", py.Id("outer"), py.Id(function)) if program.streamed else py.Id(function)


def stepwise(program: Program, *names: str) -> tuple[tuple[str, None], ...]:
    """The parameters of a step function: t, and where minibatches are streamed the raw fields of the one of step t."""
    return tuple((name, None) for name in (*names, "t", *(("raw",) if program.streamed else ())))


def data_argument(program: Program) -> tuple[py.Expr, ...]:
    """data, where there is a source."""
    return (py.Id("data"),) if program.data is not None else ()


def training_function(program: Program) -> py.Function:
    """training(hypers, outer, data)"""
    states: list[tuple[py.Expr, py.Expr]] = [(py.Literal("w"), py.Id("w"))]
    initial_hypers = {h for s in program.step.states if s.initial is not None for h in ir.hypers_in(s.initial)}
    body = hyper_reads(program, tuple(h.name for h in program.hypers if h.name in initial_hypers), at_step=False)
    body.append(py.Assign((py.Id("w"),), call("init", py.Id("hypers"), py.Id("outer"))))
    for state in program.step.states:
        value: py.Expr = call("rt.zeros_like", py.Id("w"))
        if state.initial is not None:
            start = lower(laid(state.initial), function_scope(program))
            value = py.Operator("+", value, start)
        states.append((py.Literal(state.name), value))
    body.append(py.Assign((py.Id("start"),), py.Dict(tuple(states))))
    one = call("step", py.Id("state"), py.Id("hypers"), *batch_arguments(program, along=True), py.Id("t"))
    body.append(py.Function("forward_step", stepwise(program, "state"), "", (py.Return(one),)))
    body.append(py.Return(py.Tuple((py.Id("start"), along_stream(program, "forward_step")))))
    data = ("data",) if program.data is not None else ()
    params = tuple((p, None) for p in ("hypers", "outer", *data))
    doc = "Training from fresh initial parameters: the first state, and what takes it through step t."
    return py.Function("training", params, doc, tuple(body))
