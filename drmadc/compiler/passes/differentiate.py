"""Reverse-mode differentiation of elementwise expressions, symbolically."""

from collections.abc import Callable

from drmadc.ir import nodes as ir
from drmadc.ir.build import add, apply, div, mul, neg, power, sub, unbroadcast
from drmadc.ir.types import SCALAR, Type, is_scalar
from drmadc.language.registry import CALLS, ELEMENTWISE

Key = tuple[str, str]
Adjoints = dict[Key, ir.Expr]

ONE = ir.Const(1.0)


def pull(expr: ir.Expr, seed: ir.Expr, active: Callable[[ir.Expr], bool], into: Adjoints, name: str = "") -> None:
    """Add to `into` what `seed`, the adjoint of `expr`, contributes to each active leaf.

    Leaves are variables, keyed ("name", id), and hyperparameters, keyed ("hyper", id). The chain rule runs
    through elementwise operators and through Spread, whose transpose is Collect. `name` is the variable that holds
    the value of `expr`, where there is one.
    """
    if seed == ir.Const(0.0) or not _depends(expr, active):
        return
    match expr:
        case ir.Name(id_):
            _accumulate(into, ("name", id_), _full(_fit(seed, expr.type), expr))
        case ir.Hyper(id_):
            _accumulate(into, ("hyper", id_), _full(_fit(seed, expr.type), expr))
        case ir.Unary("neg", x):
            pull(x, neg(seed), active, into)
        case ir.Unary(op, x):
            y = ir.Name(name, expr.type) if name else expr
            derivative = ELEMENTWISE[op].derivative
            assert derivative is not None, f"not an expression of an update rule: {expr}"
            pull(x, mul(seed, derivative(x, y)), active, into)
        case ir.Binary("+", left, right):
            pull(left, _fit(seed, left.type), active, into)
            pull(right, _fit(seed, right.type), active, into)
        case ir.Binary("-", left, right):
            pull(left, _fit(seed, left.type), active, into)
            pull(right, _fit(neg(seed), right.type), active, into)
        case ir.Binary("*", left, right):
            pull(left, _fit(mul(seed, right), left.type), active, into)
            pull(right, _fit(mul(seed, left), right.type), active, into)
        case ir.Binary("/", left, right):
            pull(left, _fit(div(seed, right), left.type), active, into)
            if _depends(right, active):
                below = neg(div(mul(seed, left), power(right, ir.Const(2.0))))
                pull(right, _fit(below, right.type), active, into)
        case ir.Binary("^", left, right):
            slope = mul(right, power(left, sub(right, ONE)))
            pull(left, _fit(mul(seed, slope), left.type), active, into)
            if _depends(right, active):
                growth = mul(mul(seed, expr), apply("log", left))
                pull(right, _fit(growth, right.type), active, into)
        case ir.Broadcast(x):
            pull(x, unbroadcast(seed, x.type), active, into)
        case ir.Stack(items):
            for place, item in enumerate(items):
                pull(item, ir.Item(seed, (place,), item.type), active, into)
        case ir.Call(function, args):
            for arg, part in zip(args, CALLS[function].pullback(expr, seed), strict=True):
                pull(arg, part, active, into)
        case ir.Item() | ir.Part() | ir.Rows() | ir.Layer() | ir.Apply() | ir.OnSplit() | ir.Unbroadcast():
            raise AssertionError(f"not an expression of an update rule: {expr}")
        case ir.Const() | ir.Draw() | ir.ByHyper():
            return


def accumulated(into: Adjoints, key: Key) -> ir.Expr:
    """What was gathered for a leaf; 0 when nothing reached it."""
    return into.get(key, ir.Const(0.0))


def _accumulate(into: Adjoints, key: Key, value: ir.Expr) -> None:
    into[key] = add(into[key], value) if key in into else value


def _depends(expr: ir.Expr, active: Callable[[ir.Expr], bool]) -> bool:
    return any(active(node) for node in ir.walk(expr))


def _full(seed: ir.Expr, leaf: ir.Expr) -> ir.Expr:
    """A number, the adjoint of a plain sum, as an adjoint of the leaf's shape."""
    if is_scalar(seed.type) and not is_scalar(leaf.type):
        zeros = ir.Binary("*", ir.Const(0.0), leaf, leaf.type)
        return ir.Binary("+", zeros, seed, leaf.type)
    return seed


def _fit(seed: ir.Expr, type_: Type) -> ir.Expr:
    """Sum a seed over what broadcasting had repeated."""
    if is_scalar(type_) and not is_scalar(seed.type):
        return unbroadcast(seed, SCALAR)
    return seed
