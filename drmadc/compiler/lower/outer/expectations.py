"""What a run must show, as a table in the record at the end of an emitted module."""

from drmadc.compiler.lower.expressions import Scope, lower
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.ir.types import SERIES
from drmadc.target import tree as py
from drmadc.target.build import call, item, number


def expectations(program: Program) -> py.Expr:
    """(rt.Expectation("last(test) < 0.09", lambda run: run["test"][-1], "<", lambda run: 0.09), ...)"""
    scope = Scope(program, lambda node: item("run", node.id))
    rows: list[py.Expr] = []
    for expected in program.expectations:
        sides = (py.Lambda(("run",), _side(side, scope)) for side in (expected.left, expected.right))
        left, right = sides
        named = {"within": number(expected.within)} if expected.within else {}
        text = expected.text.removeprefix("expect ")
        rows.append(call("rt.Expectation", py.Literal(text), left, py.Literal(expected.compare), right, **named))
    return py.Tuple(tuple(rows))


def _side(side: ir.Expr, scope: Scope) -> py.Expr:
    """A side; reductions over the outer steps are NumPy's, so that nothing is traced."""
    match side:
        case ir.Stack(items):
            return py.List(tuple(_side(x, scope) for x in items))
        case ir.Call("min" | "max" | "mean" as name, (x,)) if x.type == SERIES:
            return py.Call(py.Attribute(_side(x, scope), name))
        case ir.Binary(op, left, right):
            return py.Operator("**" if op == "^" else op, _side(left, scope), _side(right, scope))
        case ir.Unary("neg", x):
            return py.Minus(_side(x, scope))
        case ir.Call("first" | "last" | "at" as name, (x,), _, option):
            place = {"first": 0, "last": -1}[name] if name != "at" else int(option)
            return py.Subscript(_side(x, scope), (py.Literal(place),))
        case _:
            return lower(side, scope)
