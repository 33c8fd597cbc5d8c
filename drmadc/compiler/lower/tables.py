"""Constant tables at the head of an emitted module: sizes, shapes of groups, layouts of group axes."""

from drmadc.compiler.lower.expressions import has_full_shape
from drmadc.compiler.lower.names import axis_constant, group_constant, key
from drmadc.compiler.lower.outer.tuning import tie_axes
from drmadc.compiler.passes.adjoint import laid
from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import Slot, axis_length, axis_slots
from drmadc.ir.program import Let, Program
from drmadc.ir.types import Array, Axis, Tree, Type
from drmadc.language.registry import CALLS
from drmadc.target import tree as py
from drmadc.target.build import call


def tables(program: Program) -> list[py.Statement]:
    """Assignments of the tables that the module's expressions name."""
    expressions = _expressions(program)
    groups: dict[str, None] = {}
    axes: dict[tuple[Axis, str], None] = {}
    for expr in expressions:
        for node in ir.walk(expr):
            match node:
                case ir.Draw(_, _, Tree(group)):
                    groups[group] = None
                case ir.Name(id_, Tree(group)) if id_ == group and not _is_all(program, group):
                    groups[group] = None
                case ir.Broadcast(x, Tree(group)):
                    axes[_axes(x.type)[0], group] = None
                case ir.Call(function):
                    axes.update(dict.fromkeys(CALLS[function].layouts(node)))
                case ir.Apply(_, _, _, replaced):
                    for _, value in replaced:
                        if isinstance(value.type, Tree) and not has_full_shape(value):
                            groups[value.type.group] = None
                case ir.Unbroadcast(x, Array(_, (axis, *_))) if isinstance(x.type, Tree):
                    axes[axis, x.type.group] = None
                case _:
                    pass
    for axis, group in tie_axes(program):
        axes[axis, group] = None
    for init in program.init:
        if not (isinstance(init.value.type, Array) and init.value.type.axes):
            groups[init.group] = None
    out: list[py.Statement] = [
        py.Assign((py.Id(group_constant(program, group)),), _shapes(program, group), "shapes") for group in groups
    ]
    out += [
        py.Assign((py.Id(axis_constant(program, axis, group)),), _layout(program, axis, group)) for axis, group in axes
    ]
    return list(dict.fromkeys(out))


def _is_all(program: Program, group: str) -> bool:
    return group == "params" or set(program.group(group).members) == {p.path for p in program.parameters}


def _axes(type_: Type) -> tuple[Axis, ...]:
    assert isinstance(type_, Array)
    return type_.axes


def _expressions(program: Program) -> list[ir.Expr]:
    lets: list[Let] = [*program.step.equations]
    functions = [program.loss, program.objective, *(r.function for r in program.reports)]
    for function in functions:
        lets += [*function.lets, Let("", function.value)]
    for model in program.models:
        lets += [*model.lets, Let("", model.value)]
    lets += [Let("", init.value) for init in program.init]
    lets += [Let("", laid(s.initial)) for s in program.step.states if s.initial is not None]
    if program.adjoint is not None:
        a = program.adjoint
        lets += [*a.recomputed, *a.statements, *a.states, *a.hypers, *a.init]
    return [let.value for let in lets]


def _shape(shape: tuple[int, ...]) -> py.Expr:
    return py.Tuple(tuple(py.Literal(n) for n in shape))


def _shapes(program: Program, group: str) -> py.Expr:
    members = program.group(group).members
    return py.Dict(tuple((py.Literal(key(program, m)), _shape(program.parameter(m).full_shape)) for m in members))


def _layout(program: Program, axis: Axis, group: str) -> py.Expr:
    """rt.Layout(length=790, entries={"h1.weight": rt.At(0, shape=(784, 1)), ...})"""
    members = set(program.group(group).members)
    slots = axis_slots(program.parameters, program.group(axis.group).members, axis.kind)
    assert axis_length(slots) == axis.length
    entries = tuple((py.Literal(key(program, s.path)), _at(s)) for s in slots if s.path in members)
    return call("rt.Layout", length=py.Literal(axis.length), entries=py.Dict(entries))


def _at(slot: Slot) -> py.Expr:
    named = {"shape": _shape(slot.shape)} if slot.shape else {}
    return call("rt.At", py.Literal(slot.start), **named)
