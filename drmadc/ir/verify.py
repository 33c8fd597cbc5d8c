"""Checks that a program is well formed: types agree, names are defined, the adjoint is complete."""

from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import ALL, HYPERS, Adjoint, Let, Program, Step, parameter_type
from drmadc.ir.types import GROUP_AXES, Array, Axis, Tree, Type, is_scalar, leading, without_step


class InvalidProgram(AssertionError):
    """A pass, or the check, produced a program that breaks the IR's rules: a bug in drmadc."""


def verify(program: Program) -> None:
    """Raise InvalidProgram where the program breaks a rule of the IR."""
    names = [p.path for p in program.parameters]
    _require(len(set(names)) == len(names), "parameter paths are distinct")
    for group in program.groups:
        _require(set(group.members) <= set(names), f"group {group.name} holds parameters")
    _require(any(g.name == ALL for g in program.groups), "the group of all parameters exists")
    outer = _outer_names(program)
    for function in (program.objective, *(r.function for r in program.reports)):
        _verify_lets(program, (*function.lets, Let("result", function.value)), outer)
    _require(is_scalar(program.objective.value.type), "the objective is a number")
    loss_scope = {**outer, **_features(program, "batch")}
    _verify_lets(program, (*program.loss.lets, Let("result", program.loss.value)), loss_scope)
    _require(is_scalar(program.loss.value.type), "the loss is a number")
    _verify_step(program, program.step, Tree(ALL))
    for stage in program.stages:
        if not stage.library:
            _verify_step(program, stage.step, Tree(HYPERS))
    covered = [m for i in program.init for m in program.group(i.group).members]
    _require(sorted(covered) == sorted(names), "every parameter is initialised once")
    if program.adjoint is not None:
        _verify_adjoint(program, program.adjoint)


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise InvalidProgram(rule)


def _features(program: Program, prefix: str) -> dict[str, Type]:
    if program.data is None:
        return {}
    lead = (Axis("task", program.data.tasks),) if program.data.tasks else ()
    types = {f.name: f.value.type for f in program.data.features}
    return {
        f"{prefix}.{name}": Array(type_.element, (*lead, *type_.axes), type_.classes)
        for name, type_ in types.items()
        if isinstance(type_, Array)
    }


def _outer_names(program: Program) -> dict[str, Type]:
    scope: dict[str, Type] = {}
    for p in program.parameters:
        scope[p.path] = parameter_type(p)
    for g in program.groups:
        if g.name not in scope:
            scope[g.name] = Tree(g.name)
    if program.data is not None:
        for split in program.data.splits:
            scope.update(_features(program, split.name))
    return scope


def _verify_lets(program: Program, lets: tuple[Let, ...], scope: dict[str, Type]) -> None:
    scope = dict(scope)
    for let in lets:
        _verify_expr(program, let.value, scope)
        scope[let.name] = let.value.type


def _verify_step(program: Program, step: Step, tree: Tree) -> None:
    scope: dict[str, Type] = {"w": tree, "grad": tree, "t": Array("real")}
    scope.update({s.name: tree for s in step.states})
    _verify_lets(program, step.equations, scope)
    defined = {e.name for e in step.equations}
    for name in ("w", *(s.name for s in step.states)):
        _require(f"{name}'" in defined, f"the rule sets {name}'")


def _verify_adjoint(program: Program, adjoint: Adjoint) -> None:
    tree = Tree(ALL)
    states = ("w", *(s.name for s in program.step.states))
    scope: dict[str, Type] = {"t": Array("real")}
    scope.update(dict.fromkeys(adjoint.before, tree))
    scope.update({f"{name}'": tree for name in adjoint.after})
    scope.update({f"d:{name}": tree for name in states})
    if adjoint.needs_grad:
        scope["grad"] = tree
    for let in (*adjoint.recomputed, *adjoint.statements):
        _verify_expr(program, let.value, scope)
        scope[let.name] = let.value.type
    if adjoint.pull is not None:
        _require(adjoint.pull.cotangent in scope, "the cotangent is defined")
        scope["hessian:product"] = tree
        if adjoint.pull.primal:
            scope["grad"] = tree
        for name in adjoint.pull.hypers:
            scope[f"mixed:{name}"] = without_step(program.hyper(name).type)
    for let in (*adjoint.states, *adjoint.hypers):
        _verify_expr(program, let.value, scope)
    for let in adjoint.hypers:
        _require(
            let.value.type == without_step(program.hyper(let.name).type),
            f"adjoint of {let.name} has its type",
        )
    _require(tuple(s.name for s in adjoint.states) == states, "every state has an adjoint")


def _verify_expr(program: Program, expr: ir.Expr, scope: dict[str, Type]) -> None:
    for node in ir.walk(expr):
        match node:
            case ir.Name(id_, type_):
                _require(id_ in scope, f"{id_} is defined")
                _require(scope[id_] == type_, f"{id_} has its declared type")
            case ir.Hyper(id_, type_, at_step):
                declared = program.hyper(id_).type
                _require(type_ == (without_step(declared) if at_step else declared), f"{id_} has its type")
            case ir.Unary(_, x, type_):
                _require(_same_shape(x.type, type_), "an elementwise function keeps the shape")
            case ir.Binary(_, left, right, type_):
                _require(_fits(left.type, type_) and _fits(right.type, type_), "operands fit the result")
            case ir.Broadcast(x, type_):
                _require(isinstance(type_, Tree), "broadcast gives a tree")
                _verify_broadcast(program, x.type, type_)
            case ir.Unbroadcast(x, type_):
                _require(isinstance(type_, Array), "unbroadcast gives an array")
                if type_ != Array("real"):
                    _verify_broadcast(program, type_, x.type)
            case _:
                pass


def _verify_broadcast(program: Program, array: Type, tree: Type) -> None:
    _require(isinstance(array, Array) and len(array.axes) == 1, "one axis is spread")
    _require(isinstance(tree, Tree), "over a tree")
    assert isinstance(array, Array)
    assert isinstance(tree, Tree)
    axis = array.axes[0]
    _require(axis.kind in GROUP_AXES, "a group axis is spread")
    slots = axis_slots(program.parameters, program.group(axis.group).members, axis.kind)
    members = set(program.group(tree.group).members)
    _require(members <= {slot.path for slot in slots}, f"{axis} covers {tree.group}")


def _same_shape(a: Type, b: Type) -> bool:
    if isinstance(a, Tree) or isinstance(b, Tree):
        return a == b
    return a.axes == b.axes


def _fits(part: Type, whole: Type) -> bool:
    if is_scalar(part) or part == whole:
        return True
    if isinstance(part, Tree) or isinstance(whole, Tree):
        return False
    inner = part.axes[len(leading(part)) :]
    outer = whole.axes[len(leading(whole)) :]
    return inner == outer[len(outer) - len(inner) :]
