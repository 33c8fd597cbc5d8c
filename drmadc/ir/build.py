"""Smart constructors of IR expressions (they simplify as they build), and a bottom-up rewrite."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import assert_never

from drmadc.ir.nodes import (
    Apply,
    Binary,
    Broadcast,
    ByHyper,
    Call,
    Const,
    Draw,
    Expr,
    Hyper,
    Item,
    Layer,
    Name,
    OnSplit,
    Part,
    Rows,
    Stack,
    Unary,
    Unbroadcast,
)
from drmadc.ir.types import Tree, Type, is_scalar


def rewrite(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """Apply `change` to every node, children first."""
    match expr:
        case Const() | Name() | Hyper() | Draw() | ByHyper():
            return change(expr)
        case Binary(_, left, right):
            return change(replace(expr, left=rewrite(left, change), right=rewrite(right, change)))
        case Call(_, args) | Layer(_, args):
            return change(replace(expr, args=tuple(rewrite(a, change) for a in args)))
        case Apply(_, args, _, replaced):
            others = tuple((path, rewrite(value, change)) for path, value in replaced)
            return change(replace(expr, args=tuple(rewrite(a, change) for a in args), replaced=others))
        case Stack(items):
            return change(replace(expr, items=tuple(rewrite(i, change) for i in items)))
        case Unary() | Item() | Broadcast() | Unbroadcast() | Part() | Rows() | OnSplit():
            return change(replace(expr, x=rewrite(expr.x, change)))
        case _ as never:
            assert_never(never)


def join(left: Type, right: Type) -> Type:
    """The type of an elementwise combination of two types that fit."""
    if isinstance(left, Tree) or isinstance(right, Tree):
        return left if isinstance(left, Tree) else right
    return left if len(left.axes) >= len(right.axes) else right


def exact(op: str, a: float, b: float) -> float | None:
    """The result of an operation on decimal literals, rounded once; None where it is not a number.

    `1 - 0.95` gives 0.05, as a reader expects, not 0.050000000000000044.
    """
    try:
        x, y = Fraction(repr(a)), Fraction(repr(b))
        match op:
            case "+":
                return float(x + y)
            case "-":
                return float(x - y)
            case "*":
                return float(x * y)
            case "/":
                return float(x / y) if y else None
            case "^":
                power_ = x ** int(y) if y.denominator == 1 and abs(y) < 64 else a**b
                return None if isinstance(power_, complex) else float(power_)
            case _:
                return None
    except (OverflowError, ValueError, ZeroDivisionError):
        return None


def neg(x: Expr) -> Expr:
    """-x"""
    match x:
        case Const(value):
            return Const(-value)
        case Unary("neg", inner):
            return inner
        case Binary("-", left, right):
            return sub(right, left)
        case Binary("*" | "/" as op, Const(value), right):
            return binary(op, Const(-value), right)
        case Binary("*" | "/" as op, left, right) if _negative(left):
            return binary(op, neg(left), right)
        case _:
            return Unary("neg", x, x.type)


def _negative(x: Expr) -> bool:
    """Whether a chain of products and quotients begins with a negative number."""
    match x:
        case Const(value):
            return value < 0
        case Binary("*" | "/", left, _):
            return _negative(left)
        case _:
            return False


def add(x: Expr, y: Expr) -> Expr:
    """x + y; common left factors and collected sums are joined."""
    match x, y:
        case _, Const(0.0) if is_scalar(y.type):
            return x
        case Const(0.0), _:
            return y
        case Binary("+", Binary("*", Const(0.0)), number), _ if x.type == y.type:  # laid along what y has already
            return binary("+", number, y)
        case _, Binary("+", Binary("*", Const(0.0)), number) if x.type == y.type:
            return binary("+", x, number)
        case Unbroadcast(a), Unbroadcast(b) if x.type == y.type and a.type == b.type:
            return Unbroadcast(add(a, b), x.type)
        case Binary("*", f, a), Binary("*", g, b) if f == g and a.type == b.type:
            return mul(f, add(a, b))
        case _, Unary("neg", inner):
            return sub(x, inner)
        case _, Binary("*" | "/") if _negative(y):
            return sub(x, neg(y))
        case _:
            return binary("+", x, y)


def sub(x: Expr, y: Expr) -> Expr:
    """x - y"""
    match x, y:
        case _, Const(0.0):
            return x
        case Const(0.0), _:
            return neg(y)
        case _, Unary("neg", inner):
            return add(x, inner)
        case Binary("+", left, Const() as c), Const():
            return add(left, sub(c, y))
        case _, Binary("*" | "/") if _negative(y):
            return add(x, neg(y))
        case _:
            return binary("-", x, y)


def mul(x: Expr, y: Expr) -> Expr:
    """x * y; constants and signs move to the left, 0 and 1 vanish."""
    match x, y:
        case Const(1.0), _:
            return y
        case _, Const(1.0):
            return x
        case (Const(0.0), _) | (_, Const(0.0)):
            return Const(0.0)
        case Const(-1.0), _:
            return neg(y)
        case Unary("neg", inner), _:
            return neg(mul(inner, y))
        case _, Unary("neg", inner):
            return neg(mul(x, inner))
        case Const(), Binary("*", Const() as c, right):
            return mul(mul(x, c), right)
        case Const(), _:
            return binary("*", x, y)
        case _, Const():
            return mul(y, x)
        case Binary("*", Const() as c, right), _:
            return mul(c, mul(right, y))
        case _, Binary("*", Const() as c, right):
            return mul(c, mul(x, right))
        case _, Binary("/", Const(1.0), below):
            return div(x, below)
        case _:
            return binary("*", x, y)


def div(x: Expr, y: Expr) -> Expr:
    """x / y"""
    match x, y:
        case Const(0.0), _:
            return x
        case _, Const(1.0):
            return x
        case Unary("neg", inner), _:
            return neg(div(inner, y))
        case _:
            return binary("/", x, y)


def power(x: Expr, y: Expr) -> Expr:
    """x ^ y"""
    match y:
        case Const(1.0):
            return x
        case Const(0.0):
            return Const(1.0)
        case _:
            return binary("^", x, y)


def binary(op: str, x: Expr, y: Expr) -> Expr:
    """An operator applied, folded where both sides are constants."""
    if isinstance(x, Const) and isinstance(y, Const):
        value = exact(op, x.value, y.value)
        if value is not None:
            return Const(value)
    return Binary(op, x, y, join(x.type, y.type))


def apply(op: str, x: Expr) -> Expr:
    """An elementwise function applied."""
    return neg(x) if op == "neg" else Unary(op, x, x.type)


def broadcast(x: Expr, group: str) -> Expr:
    """A value laid along a group; it is the leaves that are broadcast; numbers need no broadcasting."""
    match x:
        case _ if is_scalar(x.type):
            return x
        case Unary(op, inner):
            return Unary(op, broadcast(inner, group), Tree(group))
        case Binary(op, left, right):
            return Binary(op, broadcast(left, group), broadcast(right, group), Tree(group))
        case _:
            return Broadcast(x, Tree(group))


def unbroadcast(x: Expr, type_: Type) -> Expr:
    """A tree summed into a hyperparameter's axes."""
    match x:
        case Const(0.0):
            return x
        case Unary("neg", inner):
            return neg(unbroadcast(inner, type_))
        case _:
            return x if x.type == type_ else Unbroadcast(x, type_)
