"""The penalties of a training loss, for other libraries: the terms that read parameters and hyperparameters, no data.

A penalty is a sum over a group's parameters of an elementwise expression; where this is c w^2, its gradient is 2 c w, a
weight decay that is added to the gradient.
"""

from dataclasses import dataclass

from drmadc.compiler.lower.exported.leaf import NotElementwise, leafwise
from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.compiler.lower.names import hyper_name, key, local
from drmadc.compiler.passes.dependence import inlined
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.ir.types import SCALAR, Tree
from drmadc.target import tree as py

TWO = ir.Const(2.0)


@dataclass(frozen=True, slots=True)
class Penalty:
    """The sum over the parameters `paths` of `value`, an elementwise expression of `w` and hyperparameters.

    Attributes:
        group: the parameters' group, or the only one's path.
        decay: what multiplies w in the gradient, where that does not depend on w.
        hypers: that are read, in declared order.
    """

    group: str
    paths: tuple[str, ...]
    value: ir.Expr
    decay: ir.Expr | None
    hypers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Penalties:
    """The penalties of a loss, and whether it has terms without data that are none of this form."""

    terms: tuple[Penalty, ...]
    complete: bool = True


def penalties(program: Program) -> Penalties:
    """The penalties of the training loss."""
    found: list[Penalty] = []
    complete = True
    for term in _terms(inlined(program.loss)):
        if _reads_data(program, term) or not _parameters(program, term):
            continue
        parts = _linear(term)
        own = [_penalty(program, factor, total) for factor, total in parts or ()]
        complete = complete and bool(own) and None not in own
        if None not in own:
            found += [penalty for penalty in own if penalty is not None]
    return Penalties(tuple(found), complete)


def _terms(expr: ir.Expr) -> list[ir.Expr]:
    """What a sum is the sum of."""
    match expr:
        case ir.Binary("+", left, right):
            return [*_terms(left), *_terms(right)]
        case ir.Binary("-", left, right):
            return [*_terms(left), *(ir.Unary("neg", term, term.type) for term in _terms(right))]
        case _:
            return [expr]


def _reads_data(program: Program, term: ir.Expr) -> bool:
    parameters = {p.path for p in program.parameters}
    return any(
        isinstance(node, ir.Apply | ir.Layer | ir.Rows)
        or (isinstance(node, ir.Name) and not isinstance(node.type, Tree) and node.id not in parameters)
        for node in ir.walk(term)
    )


def _parameters(program: Program, expr: ir.Expr) -> tuple[str, ...]:
    """The groups and single parameters that an expression reads."""
    paths = {p.path for p in program.parameters}
    names = [node for node in ir.walk(expr) if isinstance(node, ir.Name)]
    return tuple(dict.fromkeys(node.id for node in names if isinstance(node.type, Tree) or node.id in paths))


def _linear(expr: ir.Expr) -> list[tuple[ir.Expr, ir.Expr]] | None:
    """Factors and what is summed, of an expression that is linear in sums; None for another."""

    def constant(node: ir.Expr) -> bool:
        return not any(isinstance(inner, ir.Call | ir.Name) for inner in ir.walk(node))

    match expr:
        case ir.Call("sum", (total,)):
            return [(ir.Const(1.0), total)]
        case ir.Unary("neg", x):
            found = _linear(x)
            return None if found is None else [(ir.Unary("neg", f, SCALAR), total) for f, total in found]
        case ir.Binary("+" | "-", _, _):
            found = []
            for term in _terms(expr):
                own = _linear(term)
                if own is None:
                    return None
                found += own
            return found
        case ir.Binary("*", left, right) if constant(left) or constant(right):
            factor, x = (left, right) if constant(left) else (right, left)
            found = _linear(x)
            return None if found is None else [(_product(factor, f), total) for f, total in found]
        case ir.Binary("/", x, factor) if constant(factor):
            found = _linear(x)
            return None if found is None else [(ir.Binary("/", f, factor, SCALAR), total) for f, total in found]
        case _:
            return None


def _product(left: ir.Expr, right: ir.Expr) -> ir.Expr:
    if ir.Const(1.0) in (left, right):
        return right if left == ir.Const(1.0) else left
    return ir.Binary("*", left, right, SCALAR)


def _penalty(program: Program, factor: ir.Expr, total: ir.Expr) -> Penalty | None:
    """A factor times the sum of an expression of one group; None where that is not elementwise."""
    try:
        value = _product(factor, leafwise(total))
    except NotElementwise:
        return None
    read = _parameters(program, total)
    if len(read) != 1:
        return None
    (group,) = read
    paths = program.group(group).members if isinstance(total.type, Tree) else (group,)
    used = set(ir.hypers_in(value))
    hypers = tuple(h.name for h in program.hypers if h.name in used)
    half = _over_square(value)
    return Penalty(group, paths, value, None if half is None else _product(TWO, half), hypers)


def _over_square(expr: ir.Expr) -> ir.Expr | None:
    """c of an expression c w^2; None for another."""

    def without(node: ir.Expr) -> bool:
        return not ir.names_in(node)

    match expr:
        case ir.Binary("^", ir.Name(), ir.Const(2.0)):
            return ir.Const(1.0)
        case ir.Binary("*", ir.Name(a), ir.Name(b)) if a == b:
            return ir.Const(1.0)
        case ir.Unary("neg", x):
            half = _over_square(x)
            return None if half is None else ir.Unary("neg", half, SCALAR)
        case ir.Binary("*", left, right) if without(left) or without(right):
            factor, x = (left, right) if without(left) else (right, left)
            half = _over_square(x)
            return None if half is None else _product(factor, half)
        case ir.Binary("/", x, factor) if without(factor):
            half = _over_square(x)
            return None if half is None else ir.Binary("/", half, factor, SCALAR)
        case ir.Binary("+" | "-" as op, left, right):
            first, second = _over_square(left), _over_square(right)
            return None if first is None or second is None else ir.Binary(op, first, second, SCALAR)
        case _:
            return None


def penalty_functions(program: Program, found: Penalties) -> tuple[list[py.Statement], py.Expr]:
    """A function of one parameter for each penalty and its decay, and the table of them.

    PENALTIES = ((penalty_of_weights, decay_of_weights, ("l2",), ("h1.weight", "out.weight")),)
    """
    out: list[py.Statement] = []
    rows: list[py.Expr] = []
    taken: set[str] = set()
    for penalty in found.terms:
        stem = local(penalty.group.rpartition(".")[2])
        name = next(n for n in (stem, *(f"{stem}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)
        taken.add(name)
        params = tuple((p, None) for p in ("w", *(hyper_name(program, h) for h in penalty.hypers)))
        scope = Scope(program, lambda node: py.Id("w"), dtype=None)
        doc = f"A penalty on {penalty.group}, by entry."
        out.append(py.Function(f"penalty_of_{name}", params, doc, (py.Return(lower(penalty.value, scope)),)))
        decay: py.Expr = py.Literal(None)
        if penalty.decay is not None:
            about = "Its gradient over w."
            body = (py.Return(lower(penalty.decay, scope)),)
            out.append(py.Function(f"decay_of_{name}", params[1:], about, body))
            decay = py.Id(f"decay_of_{name}")
        paths = py.Tuple(tuple(py.Literal(key(program, path)) for path in penalty.paths))
        hypers = py.Tuple(tuple(map(py.Literal, penalty.hypers)))
        rows.append(py.Tuple((py.Id(f"penalty_of_{name}"), decay, hypers, paths)))
    return out, py.Tuple(tuple(rows))
