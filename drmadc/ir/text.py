"""The IR as text: what `drmadc emit --stage ir` and `--stage adjoint` show."""

from typing import assert_never

from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Adjoint, Function, Let, Program, Stage, Step

_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "^": 4}


def program_text(program: Program) -> str:
    """The whole program; deterministic, and without paths or times."""
    out = [f"program {program.name}: {program.precision}, seed {program.seed}", ""]
    if program.data is not None:
        data = program.data
        splits = ", ".join(f"{s.name} {s.size} of {s.part}" for s in data.splits)
        scope = "each outer" if data.resample else "each run"
        given = data.alphabets
        source = f"{data.source}({given.name}, {given.count} tasks)" if given is not None else f"{data.source}()"
        out.append(f"data {data.name} = {source} split {splits}, resampled {scope}")
        out += [f"  field {f.name}: {f.type}" for f in data.fields]
        out += [f"  statistics.{let.name}: {let.value.type} = {expr_text(let.value)}" for let in data.statistics]
        out += [f"  move {name}: {', '.join(f'{k}({a})' for k, a in chain)}" for name, chain in data.geometric]
        out += [f"  feature {let.name}: {let.value.type} = {expr_text(let.value)}" for let in data.features]
        out.append("")
    if program.learned is not None:
        out.append(f"learned {program.learned.name}: {program.learned.size} examples")
        out += [*_lets(program.learned.features), ""]
    for model in program.models:
        inputs = ", ".join(f"{name}: {type_}" for name, type_ in model.inputs)
        out.append(f"model {model.name}({inputs})")
        out += _lets(model.lets)
        out += [f"  return {expr_text(model.value)}: {model.value.type}", ""]
    out += [
        f"parameter {p.path}: real{list(p.full_shape)} ({p.role}{', of tasks' if p.tasks else ''})"
        for p in program.parameters
    ]
    out += [f"group {g.name} = {', '.join(g.members)}" for g in program.groups]
    out += [f"hyper {h.name}: {h.domain}{list(h.shape)} over {h.type} = {expr_text(h.initial)}" for h in program.hypers]
    out += [f"init {i.group} = {expr_text(i.value)}" for i in program.init]
    out += ["", *_function("loss", program.loss), *_step("step", program.step)]
    scope = f", in {program.parts} parts" if program.parts > 1 else ""
    scope += "" if program.redraw else ", draws of one run"
    out += [f"train {program.steps} steps, batch {program.batch} {program.sampling}{scope}", ""]
    out += [*_function("objective", program.objective)]
    averaged = f", averaged over {program.seeds} draws" if program.seeds > 1 else ""
    stopped = f", until it grows {program.stop} times in a row" if program.stop else ""
    patient = f", until {program.patience} steps are no better" if program.patience else ""
    out += [f"reverse {program.reverse.strategy.text}{averaged}{stopped}{patient}"]
    for stage in program.stages:
        out += [*_step(f"outer step{' of ' if stage.name else ''}{stage.name}", stage.step), *_stage(stage), ""]
    for report in program.reports:
        out += _function(f"report {report.key}", report.function)
    if program.sweep is not None:
        along = program.sweep.along
        grid = ", ".join(f"{h} = {expr_text(x)}" for h, x in program.sweep.over)
        out.append(f"sweep {grid}" if along is None else f"sweep along the hypergradient {expr_text(along)}")
    if program.retrain is not None:
        out.append(f"retrain on {', '.join(program.retrain.splits)}")
        for name, changed in program.retrain.arms:
            out.append(f"  arm {name}: {', '.join(f'{h} = {expr_text(x)}' for h, x in changed) or 'as tuned'}")
    out += [e.text for e in program.expectations]
    if program.adjoint is not None:
        out += ["", *_adjoint(program.adjoint)]
    return "\n".join(out).rstrip() + "\n"


def _lets(lets: tuple[Let, ...]) -> list[str]:
    return [f"  {let.name} = {expr_text(let.value)}: {let.value.type}" for let in lets]


def _function(name: str, function: Function) -> list[str]:
    return [
        f"{name}:",
        *_lets(function.lets),
        f"  return {expr_text(function.value)}: {function.value.type}",
    ]


def _step(name: str, step: Step) -> list[str]:
    out = [f"{name} ({step.rule}):"]
    for state in step.states:
        start = "0" if state.initial is None else expr_text(state.initial)
        out.append(f"  state {state.name} = {start}")
    return out + _lets(step.equations)


def _stage(stage: Stage) -> list[str]:
    out = []
    for tie in stage.ties:
        grain = f"step(bins: {tie.bins})" if tie.grain == "step" else tie.grain
        out.append(f"  tie {tie.hyper} by {'mean over ' if tie.mean else ''}{grain}")
    out += [f"  freeze {name}" for name in stage.frozen]
    out += [
        f"  project {p.hyper}: {p.kind}{'' if p.kind != 'clip' else f' {p.low} {p.high}'}" for p in stage.projections
    ]
    return [*out, f"tune {stage.steps} steps"]


def _adjoint(adjoint: Adjoint) -> list[str]:
    out = [
        "adjoint of step:",
        f"  path gives {', '.join([*adjoint.before, *(f'{name}{chr(39)}' for name in adjoint.after)])}",
    ]
    if adjoint.needs_grad:
        out.append("  grad = gradient of the loss at w")
    out += _lets(adjoint.recomputed)
    out += _lets(adjoint.statements)
    if adjoint.pull is not None:
        targets = ["hessian:product", *(f"mixed:{name}" for name in adjoint.pull.hypers)]
        if adjoint.pull.primal:
            targets = ["grad", *targets]
        out.append(f"  {', '.join(targets)} = pull back {adjoint.pull.cotangent} through the loss gradient")
    out += [f"  d:{let.name} <- {expr_text(let.value)}" for let in adjoint.states]
    out += [f"  d:{let.name} += {expr_text(let.value)}: {let.value.type}" for let in adjoint.hypers]
    if adjoint.init:
        out.append("adjoint of init:")
        out += [f"  d:{let.name} += {expr_text(let.value)}: {let.value.type}" for let in adjoint.init]
    return out


def expr_text(expr: ir.Expr) -> str:
    """An expression on one line."""
    return _expr(expr)[0]


def equation_text(expr: ir.Expr) -> str:
    """An expression as a reader of mathematics writes it: broadcasting and its transpose are understood."""

    def plain(node: ir.Expr) -> ir.Expr:
        match node:
            case ir.Broadcast(x):
                return x
            case ir.Unbroadcast(x):
                return ir.Call("sum", (x,), node.type)
            case ir.Const(value) if value.is_integer():
                return ir.Name(str(int(value)), node.type)
            case _:
                return node

    text = expr_text(rewrite(expr, plain))
    return text.replace("d:", "d_").replace("mixed:", "mixed_").replace("hessian:", "hessian_")


def _expr(expr: ir.Expr) -> tuple[str, int]:
    match expr:
        case ir.Const(value):
            return repr(value), 5 if value >= 0 else 3
        case ir.Name(id_):
            return id_, 5
        case ir.Hyper(id_, _, at_step):
            return (f"{id_}[t]" if at_step else id_), 5
        case ir.Unary("neg", x):
            return f"-{_inside(x, 3)}", 3
        case ir.Unary(op, x):
            return f"{op}({expr_text(x)})", 5
        case ir.Binary("^", left, right):
            return f"{_inside(left, 5)} ^ {_inside(right, 3)}", 4
        case ir.Binary(op, left, right):
            own = _STRENGTH[op]
            return f"{_inside(left, own)} {op} {_inside(right, own + 1)}", own
        case ir.Call(function, args, _, option):
            extra = f", {option}" if option else ""
            return f"{function}({', '.join(map(expr_text, args))}{extra})", 5
        case ir.Layer(kind, args, path, _, settings):
            named = "".join(f", {name}: {value}" for name, value in settings)
            return f"{kind}({', '.join(map(expr_text, args))}, {path}{named})", 5
        case ir.Apply(model, args, _, replaced):
            change = "".join(f" with {path} = {expr_text(value)}" for path, value in replaced)
            return f"{model}({', '.join(map(expr_text, args))}{change})", 5
        case ir.Item(x, index):
            return f"{_inside(x, 5)}[{', '.join(map(str, index))}]", 5
        case ir.Stack(items):
            return f"[{', '.join(map(expr_text, items))}]", 5
        case ir.Broadcast(x, type_):
            return f"broadcast({expr_text(x)}, {type_})", 5
        case ir.Unbroadcast(x, type_):
            return f"unbroadcast({expr_text(x)}, {type_})", 5
        case ir.Part(x, start, type_):
            return f"part({expr_text(x)}, {start}, {type_})", 5
        case ir.Rows(x):
            return f"rows({expr_text(x)})", 5
        case ir.OnSplit(x, split):
            return f"on_{split}({expr_text(x)})", 5
        case ir.Draw(kind, index, type_):
            return f"draw_{kind}_{index}({type_})", 5
        case ir.ByHyper(values):
            return f"{{{', '.join(f'{name}: {value!r}' for name, value in values)}}}", 5
        case _ as never:
            assert_never(never)


def _inside(expr: ir.Expr, strength: int) -> str:
    text, own = _expr(expr)
    return f"({text})" if own < strength else text
