"""The form of an update rule that can be run backwards: states are multiplied and kicked, then the parameters drift.

    s' = decay * s + kick(w, grad, t)
    w' = w + drift(new states, t)

Given w' and the new states, the drift gives w, then the kick gives the old states (Maclaurin et al. 2015, algorithm 3).
"""

from drmadc.compiler.passes.differentiate import Adjoints, accumulated, pull
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite, sub
from drmadc.ir.program import Let, Step
from drmadc.language.strategies.facts import KickDrift

ONE = ir.Const(1.0)


def kick_drift(step: Step) -> KickDrift | str:
    """The leap form of a rule, or why it has none."""
    states = {s.name for s in step.states}
    if not states:
        return f"`{step.rule}` has no velocity: without it a step cannot be run backwards"
    decays: list[Let] = []
    kicks: list[Let] = []
    early: list[Let] = []
    late: list[Let] = []
    forbidden = {"w", "grad", *states}
    primed = {f"{s}'" for s in states}
    for equation in step.equations:
        reads = _reads(equation.value, step)
        if equation.name == "w'":
            drift = _without(equation.value, "w")
            if slope(equation.value, "w") != ONE or _reads(drift, step) & forbidden:
                return f"`{step.rule}` moves the parameters by more than a function of its new state"
            return KickDrift(tuple(decays), tuple(kicks), drift, tuple(early), tuple(late))
        name = equation.name.rstrip("'")
        if not equation.name.endswith("'"):
            if not reads & primed:
                early.append(equation)
            if not reads & {"w", "grad"}:
                late.append(equation)
            continue
        decay = slope(equation.value, name)
        kick = _without(equation.value, name)
        if decay == ir.Const(0.0) or _reads(decay, step) & forbidden or _reads(kick, step) & (states | primed):
            return f"the state `{name}` of `{step.rule}` is not a multiple of itself plus a function of the gradient"
        decays.append(Let(name, decay, equation.origin))
        kicks.append(Let(name, kick, equation.origin))
    return f"`{step.rule}` sets no parameters"


def slope(expr: ir.Expr, name: str) -> ir.Expr:
    """d expr / d name."""
    found: Adjoints = {}
    pull(expr, ONE, lambda node: isinstance(node, ir.Name) and node.id == name, found)
    match accumulated(found, ("name", name)):
        case ir.Binary("+", ir.Binary("*", ir.Const(0.0), ir.Name()), number):  # a number laid along the parameters
            return number
        case derivative:
            return derivative


def inlined(step: Step) -> dict[str, ir.Expr]:
    """The equations of the new values by name, local names replaced by what they stand for."""
    table: dict[str, ir.Expr] = {}

    def put(node: ir.Expr) -> ir.Expr:
        return table.get(node.id, node) if isinstance(node, ir.Name) and not node.id.endswith("'") else node

    for equation in step.equations:
        table[equation.name] = rewrite(equation.value, put)
    return table


def _without(expr: ir.Expr, name: str) -> ir.Expr:
    """The expression with a variable set to 0, simplified."""

    def drop(node: ir.Expr) -> ir.Expr:
        zero = ir.Const(0.0)
        match node:
            case ir.Name(id_) if id_ == name:
                return zero
            case ir.Binary("*", left, right) if zero in (left, right):
                return zero
            case ir.Binary("+", left, right) if left == zero:
                return right
            case ir.Binary("+" | "-", left, right) if right == zero:
                return left
            case ir.Binary("-", left, right) if left == zero:
                return sub(zero, right)
            case _:
                return node

    return rewrite(expr, drop)


def _reads(expr: ir.Expr, step: Step) -> set[str]:
    """Variables that an expression reads, itself or through local equations."""
    table = {e.name: e.value for e in step.equations if not e.name.endswith("'")}
    found: set[str] = set()
    stack = list(ir.names_in(expr))
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(ir.names_in(table[name]) if name in table else ())
    return found
