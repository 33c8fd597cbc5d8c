"""IR expressions to Python expressions."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import assert_never

from drmadc.compiler.lower.names import axis_constant, batch_key, group_constant, hyper_name, key, local, step_name
from drmadc.compiler.passes.dependence import model_hypers
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.ir.types import Array, Axis, Tree, Type, is_scalar, leading
from drmadc.language.registry import CALLS, ELEMENTWISE, LAYERS
from drmadc.target import tree as py
from drmadc.target.build import call, item, number


@dataclass(frozen=True, slots=True)
class Scope:
    """How the names of a function's body are written; functions and layers read it as their `EmissionContext`.

    `laid` are hyperparameters whose local is spread already; `noise` is the key of the noise, `draw` that of
    augmentation, None where there is none. `dtype` is what the step is cast to where it is not used as an integer; None
    where that is not JAX's business.
    """

    program: Program
    name: Callable[[ir.Name], py.Expr]
    laid: frozenset[str] = frozenset()
    noise: py.Expr | None = None
    draw: py.Expr | None = None
    dtype: py.Expr | None = py.Id("DTYPE")

    @property
    def padded(self) -> bool:
        """Whether tasks are padded to one number of examples, by labels of -1."""
        return self.program.data is not None and self.program.data.alphabets is not None

    def parameter(self, path: str) -> py.Expr:
        """params["h1.weight"]"""
        return item("params", key(self.program, path))

    def layout(self, axis: Axis, group: str) -> py.Expr:
        """The table that says where each array of a group has its entries on an axis."""
        return py.Id(axis_constant(self.program, axis, group))


def function_scope(program: Program, noise: py.Expr | None = None) -> Scope:
    """Names inside models, the loss, the objective and reports: features, parameters, groups, locals."""
    params = "params"

    def name(node: ir.Name) -> py.Expr:
        head, dot, rest = node.id.partition(".")
        paths = {p.path for p in program.parameters}
        if node.id in paths:
            return item(params, key(program, node.id))
        if isinstance(node.type, Tree):
            if set(program.group(node.id).members) == paths:
                return py.Id(params)
            table = py.Id(group_constant(program, node.id))
            return call("rt.select", py.Id(params), table)
        if dot:
            return item(head, rest)
        return py.Id(local(node.id))

    return Scope(program, name, noise=noise)


def step_scope(program: Program) -> Scope:
    """Names inside a step or its adjoint."""
    return Scope(program, lambda node: py.Id(step_name(node.id)))


def lower(expr: ir.Expr, scope: Scope) -> py.Expr:
    """The Python expression that computes an IR expression."""
    program = scope.program
    match expr:
        case ir.Const(value):
            return number(value)
        case ir.Name():
            return scope.name(expr)
        case ir.Hyper(id_):
            return py.Id(hyper_name(program, id_))
        case ir.Unary("neg", x):
            return py.Minus(lower(x, scope))
        case ir.Unary(op, x):
            of = lower(x, scope)
            return ELEMENTWISE[op].emit(expr, of if op in OF_INTEGERS else _real(x, of, scope))
        case ir.Binary(op, left, right):
            a, b = lower(left, scope), lower(right, scope)
            if _overflows(op, left, right):
                a, b = _real(left, a, scope), _real(right, b, scope)
            return py.Operator("**" if op == "^" else op, a, b)
        case ir.Call(function, args):
            return CALLS[function].emit(expr, tuple(lower(a, scope) for a in args), scope)
        case ir.Layer(kind, args):
            return LAYERS[kind].emit(expr, tuple(lower(a, scope) for a in args), scope)
        case ir.Apply(name, args, _, replaced):
            extra = [py.Id(hyper_name(program, h)) for h in model_hypers(program, program.model(name))]
            params: py.Expr = py.Id("params")
            if replaced:
                params = call("rt.join", params, *(_replacement(path, value, scope) for path, value in replaced))
            named = {}
            if scope.noise is not None and program.draws_noise(expr):
                named["noise"] = scope.noise
            inputs = tuple(lower(a, scope) for a in args)
            tasks = any(axis.kind == "task" for axis in leading(expr.type))
            if tasks and not program.model(name).whole:
                return _over_tasks(expr, params, inputs, (*extra, *named.values()), program)
            return call(local(name), params, *inputs, *extra, **named)
        case ir.Item(x, index):
            return py.Subscript(lower(x, scope), tuple(py.Literal(i) for i in index))
        case ir.Stack(items):
            parts = py.List(tuple(lower(i, scope) for i in items))
            if all(isinstance(i, ir.Const | ir.Unary) and not ir.hypers_in(i) for i in items):
                return call("jnp.array", parts, dtype=py.Id("DTYPE"))
            return call("jnp.stack", parts)
        case ir.Broadcast(x):
            laid = isinstance(x, ir.Hyper) and x.id in scope.laid
            return lower(x, scope) if laid else broadcast_call(program, expr, lower(x, scope))
        case ir.Unbroadcast(x, type_):
            return _unbroadcast(x, type_, scope)
        case ir.Part(x, start, type_):
            assert isinstance(type_, Array)
            end = start + prod(axis.size for axis in type_.axes)
            cut = call("rt.part", lower(x, scope), py.Literal(start), py.Literal(end))
            if len(type_.axes) == 1:
                return cut
            return call("jnp.reshape", cut, py.Tuple(tuple(py.Literal(axis.size) for axis in type_.axes)))
        case ir.Rows(x):
            whole = lower(x, scope)
            return py.Subscript(whole, (item("batch", batch_key(program, "rows")),)) if program.batch else whole
        case ir.OnSplit(x):
            return lower(x, scope)
        case ir.ByHyper(values):
            return call("rt.Tree", py.Dict(tuple((py.Literal(name), number(value)) for name, value in values)))
        case ir.Draw(kind, index, type_, name):
            if isinstance(type_, Array):
                shape = py.Tuple(tuple(py.Literal(axis.length) for axis in type_.axes))
                own = py.Dict(((py.Literal(name), shape),))
                drawn = call(f"rt.{kind}", py.Id("SEED"), py.Literal(0), py.Literal(index), own)
                return py.Subscript(drawn, (py.Literal(name),))
            shapes = py.Id(group_constant(program, type_.group))
            return call(f"rt.{kind}", py.Id("SEED"), draw_number(program), py.Literal(index), shapes)
        case _ as never:
            assert_never(never)


OF_INTEGERS = ("neg", "relu", "abs", "sign")
"""Elementwise functions that give integers for integers."""


def _is_integer(expr: ir.Expr) -> bool:
    """Whether an expression of numbers and the step `t` is an integer where it is emitted."""
    match expr:
        case ir.Const(value):
            return value.is_integer()
        case ir.Name("t"):
            return True
        case ir.Unary(op, x):
            return op in OF_INTEGERS and _is_integer(x)
        case ir.Binary("+" | "-" | "*", left, right):
            return _is_integer(left) and _is_integer(right)
        case _:
            return False


def _overflows(op: str, left: ir.Expr, right: ir.Expr) -> bool:
    """Whether an operation on integers is one that 32 bits do not hold, or that does not give an integer."""
    if op == "^":
        return _is_integer(left)
    return _is_integer(left) and _is_integer(right) and (op == "/" or (op == "*" and _counts(left) and _counts(right)))


def _counts(expr: ir.Expr) -> bool:
    """Whether an expression reads the step."""
    return "t" in ir.names_in(expr)


def _real(expr: ir.Expr, value: py.Expr, scope: Scope) -> py.Expr:
    """The value as a real number: JAX divides an int32 in float32 whatever the precision is, and its powers wrap."""
    if scope.dtype is None or not _is_integer(expr) or not _counts(expr):
        return value
    return call("jnp.asarray", value, scope.dtype)


def _over_tasks(
    expr: ir.Apply, params: py.Expr, inputs: tuple[py.Expr, ...], shared: tuple[py.Expr, ...], program: Program
) -> py.Expr:
    """A model applied task by task: to each task's examples, with its own parameters where it has such."""
    own = all(p.tasks for p in program.parameters)
    zero, none = py.Literal(0), py.Literal(None)
    axes = (zero if own else none, *(zero for _ in inputs), *(none for _ in shared))
    function = py.Call(py.Id("jax.vmap"), (py.Id(local(expr.model)),), (("in_axes", py.Tuple(axes)),))
    return py.Call(function, (params, *inputs, *shared))


def _replacement(path: str, value: ir.Expr, scope: Scope) -> py.Expr:
    """The tree of parameters that have other values in one call of a model."""
    program = scope.program
    if isinstance(value.type, Tree):
        return full(value, lower(value, scope), program, value.type.group)
    return call("rt.Tree", py.Dict(((py.Literal(key(program, path)), lower(value, scope)),)))


def full(value: ir.Expr, lowered: py.Expr, program: Program, group: str) -> py.Expr:
    """A tree whose arrays have the shapes of the parameters, also where only hyperparameters make it."""
    if has_full_shape(value):
        return lowered
    return call("rt.tree_broadcast", lowered, py.Id(group_constant(program, group)))


def has_full_shape(value: ir.Expr) -> bool:
    """Whether parameters or draws take part in a tree, so that its arrays are shaped like parameters."""
    match value:
        case ir.Name() | ir.Draw():
            return isinstance(value.type, Tree)
        case ir.Unary() | ir.Binary():
            return any(has_full_shape(child) for child in ir.children(value))
        case ir.Broadcast(x):
            return isinstance(x.type, Array) and x.type.axes[-1].kind == "weight"
        case ir.Call(_, _, type_):
            return isinstance(type_, Tree)
        case _:
            return False


def draw_number(program: Program) -> py.Expr:
    """What random draws depend on beside the seed: the outer step, or nothing where they belong to the run."""
    return py.Id("outer") if program.redraw else py.Literal(0)


def broadcast_call(program: Program, node: ir.Broadcast, value: py.Expr) -> py.Expr:
    """rt.broadcast(value, TABLE)"""
    assert isinstance(node.x.type, Array)
    assert isinstance(node.type, Tree)
    table = axis_constant(program, node.x.type.axes[0], node.type.group)
    return call("rt.broadcast", value, py.Id(table))


def _unbroadcast(x: ir.Expr, type_: Type, scope: Scope) -> py.Expr:
    assert isinstance(type_, Array)
    if is_scalar(type_):
        return call("rt.tree_sum", lower(x, scope))
    assert isinstance(x.type, Tree)
    axis = type_.axes[0]
    table = axis_constant(scope.program, axis, x.type.group)
    return call("rt.unbroadcast", lower(x, scope), py.Id(table))
