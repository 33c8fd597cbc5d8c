"""The outer update of an emitted module: for each stage its rule, ties, frozen hyperparameters and projections."""

from drmadc.compiler.lower.expressions import lower, step_scope
from drmadc.compiler.lower.names import axis_constant, step_name
from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import axis_length, axis_slots
from drmadc.ir.program import Program, Stage
from drmadc.ir.ties import Projection, Tie
from drmadc.ir.types import GROUP_AXES, Axis
from drmadc.target import tree as py
from drmadc.target.build import call, item, number


def stage_function(name: str, stage: Stage) -> str:
    """The name of a stage's function: `tune_step`, or `tune_step_units` where there are several."""
    return f"{name}_{stage.name}" if stage.name else name


def tie_axes(program: Program) -> list[tuple[Axis, str]]:
    """The layouts that ties name: each with the group along which it lies."""
    out: list[tuple[Axis, str]] = []
    for stage in program.stages:
        for tie in stage.ties:
            if tie.grain not in ("network", "step"):
                fine, coarse = _layouts(program, tie)
                out += [(fine, fine.group), (coarse, coarse.group)]
    return out


def _layouts(program: Program, tie: Tie) -> tuple[Axis, Axis]:
    """The hyperparameter's group axis, and the axis of its classes."""
    fine = program.hyper(tie.hyper).type.axes[-1]
    assert fine.kind in GROUP_AXES
    assert tie.grain != "network"
    slots = axis_slots(program.parameters, program.group(fine.group).members, tie.grain)
    return fine, Axis(tie.grain, axis_length(slots), fine.group)


def tune_functions(program: Program) -> list[py.Statement]:
    """For each stage initial_tune_state(free) and tune_step(state, grad, t)"""
    ruled = [stage for stage in program.stages if not stage.library]
    return [function for stage in ruled for function in (_start(program, stage), _step(program, stage))]


def stages(program: Program) -> py.Expr:
    """(rt.Stage(steps=TUNE_STEPS, origin=..., initial_state=initial_tune_state, step=tune_step),)"""
    rows: list[py.Expr] = []
    for stage in program.stages:
        named: dict[str, py.Expr] = {"name": py.Literal(stage.name)} if stage.name else {}
        named["steps"] = py.Id("TUNE_STEPS") if len(program.stages) == 1 else py.Literal(stage.steps)
        named["origin"] = py.Literal(stage.step.origin)
        if stage.library:
            named["optimizer"] = py.Literal(stage.step.rule)
            if stage.frozen:
                named["frozen"] = py.Tuple(tuple(py.Literal(name) for name in stage.frozen))
        else:
            named["initial_state"] = py.Id(stage_function("initial_tune_state", stage))
            named["step"] = py.Id(stage_function("tune_step", stage))
        rows.append(call("rt.Stage", **named))
    return py.Tuple(tuple(rows))


def _start(program: Program, stage: Stage) -> py.Function:
    states: list[tuple[py.Expr, py.Expr]] = [(py.Literal("w"), py.Id("free"))]
    for state in stage.step.states:
        value: py.Expr = call("rt.zeros_like", py.Id("free"))
        if state.initial is not None:
            value = py.Operator("+", value, lower(state.initial, step_scope(program)))
        states.append((py.Literal(state.name), value))
    alike = [_tied(program, tie, "free", mean=True) for tie in stage.ties if not tie.mean]
    body = [*alike, py.Return(py.Dict(tuple(states)))]
    doc = "State of the outer update before its first step."
    if alike:
        doc += " Entries that are tied begin at their mean."
    return py.Function(stage_function("initial_tune_state", stage), (("free", None),), doc, tuple(body))


def _step(program: Program, stage: Stage) -> py.Function:
    step = stage.step
    scope = step_scope(program)
    states = ["w", *(s.name for s in step.states)]
    read = {name for let in step.equations for name in ir.names_in(let.value)}
    if stage.frozen:
        read.add("w")
    body: list[py.Statement] = [_tied(program, tie, "grad", mean=tie.mean) for tie in stage.ties]
    body += [py.Assign((py.Id(step_name(s)),), item("state", s)) for s in states if s in read]
    for let in step.equations:
        body.append(py.Assign((py.Id(step_name(let.name)),), lower(let.value, scope)))
    if stage.frozen:
        body.append(_replaced("w_next", {name: item("w", name) for name in stage.frozen}))
    if stage.projections:
        body.append(_replaced("w_next", {p.hyper: _projected(p) for p in stage.projections}))
    entries = tuple((py.Literal(s), py.Id(f"{step_name(s)}_next")) for s in states)
    body.append(py.Return(py.Dict(entries)))
    params = tuple((p, None) for p in ("state", "grad", "t"))
    equations = step.text.replace("; ", "\n")
    doc = f"One step of {step.rule} on the unconstrained hyperparameters.\n\n{equations}"
    return py.Function(stage_function("tune_step", stage), params, doc, tuple(body), step.origin)


def _tied(program: Program, tie: Tie, tree: str, *, mean: bool) -> py.Statement:
    """grad = rt.replaced(grad, {"l2": rt.tied(grad["l2"], ...)})"""
    value = item(tree, tie.hyper)
    named: dict[str, py.Expr] = {"mean": py.Literal(True)} if mean else {}
    match tie.grain:
        case "step":
            tied = call("rt.tied_steps", value, py.Literal(tie.bins), **named)
        case "network":
            axes = program.hyper(tie.hyper).type.axes
            if axes[0].kind == "step":
                named["axis"] = py.Literal(-1)
            tied = call("rt.tied_all", value, **named)
        case _:
            fine, coarse = (py.Id(axis_constant(program, axis, axis.group)) for axis in _layouts(program, tie))
            tied = call("rt.tied", value, fine, coarse, **named)
    return _replaced(tree, {tie.hyper: tied})


def _replaced(tree: str, entries: dict[str, py.Expr]) -> py.Statement:
    """w_next = rt.replaced(w_next, {"l2": ...})"""
    pairs = py.Dict(tuple((py.Literal(name), value) for name, value in entries.items()))
    return py.Assign((py.Id(tree),), call("rt.replaced", py.Id(tree), pairs))


def _projected(projection: Projection) -> py.Expr:
    value = item("w_next", projection.hyper)
    match projection.kind:
        case "sort":
            return call("jnp.sort", value)
        case "symmetric":
            turned = call("jnp.swapaxes", value, py.Literal(-1), py.Literal(-2))
            return py.Operator("/", py.Operator("+", value, turned), py.Literal(2))
        case "clip":
            sides = (projection.low, projection.high)
            return call("jnp.clip", value, *(py.Literal(None) if side is None else number(side) for side in sides))
