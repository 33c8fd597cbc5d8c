"""Elementwise functions: code, value of a number, and derivative, each in one place."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.build import add, apply, div, mul, neg, power, sub
from drmadc.ir.types import Array, Tree
from drmadc.language.context import TypingContext
from drmadc.language.op import Family, Op
from drmadc.language.shapes import is_real
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call

Derivative = Callable[[ir.Expr, ir.Expr], ir.Expr]
ONE = ir.Const(1.0)
TWO = ir.Const(2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise(Op):
    """A function of each entry: an `ir.Unary`.

    `code` is its name in emitted modules, `value` computes it for a constant of a spec. `derivative` gives dy/dx for
    y = f(x), as an expression in x and y; without one the function may not stand in an update rule. `slow` ones take
    several times as long as an addition.
    """

    family: ClassVar[Family] = "elementwise"
    each: ClassVar[bool] = True
    code: str
    value: Callable[[float], float]
    derivative: Derivative | None = None
    slow: bool = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        del expr
        x = ctx.infer(args[0])
        if x is None or not is_real(x, args[0].span, f"`{self.name}`", ctx):
            return None
        type_ = Array("real", x.type.axes) if isinstance(x.type, Array) else x.type
        return ir.Unary(self.name, x, type_)

    def emit(self, node: ir.Unary, x: py.Expr) -> py.Expr:
        """The function applied to an array, or to each array of a tree."""
        if isinstance(node.type, Tree):
            return call("rt.tree_map", py.Id(self.code), x)
        return call(self.code, x)


def _op(
    name: str,
    about: str,
    code: str,
    value: Callable[[float], float],
    derivative: Derivative | None = None,
    *,
    slow: bool = True,
    public: bool = True,
    surrogate: str = "",
) -> Elementwise:
    signature = f"{name}(x)"
    return Elementwise(
        name,
        signature,
        about,
        public=public,
        surrogate=surrogate,
        code=code,
        value=value,
        derivative=derivative,
        slow=slow,
    )


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _silu_derivative(x: ir.Expr, y: ir.Expr) -> ir.Expr:
    s = apply("sigmoid", x)
    return mul(s, add(ONE, mul(x, sub(ONE, s))))


OPS = (
    _op("tanh", "hyperbolic tangent", "jnp.tanh", math.tanh, lambda x, y: sub(ONE, power(y, TWO))),
    _op("relu", "max(x, 0)", "jax.nn.relu", lambda x: max(x, 0.0), lambda x, y: apply("step", x), slow=False),
    _op("sigmoid", "1 / (1 + exp(-x))", "jax.nn.sigmoid", _sigmoid, lambda x, y: mul(y, sub(ONE, y))),
    _op(
        "softplus",
        "log(1 + exp(x))",
        "jax.nn.softplus",
        lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
        lambda x, y: apply("sigmoid", x),
    ),
    _op("silu", "x / (1 + exp(-x))", "jax.nn.silu", lambda x: x * _sigmoid(x), _silu_derivative),
    _op("gelu", "x times the normal CDF of x, exactly", "rt.gelu", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
    _op("exp", "e to the x", "jnp.exp", math.exp, lambda x, y: y),
    _op("log", "natural logarithm", "jnp.log", math.log, lambda x, y: div(ONE, x)),
    _op(
        "sqrt",
        "square root; its derivative at 0 is taken as 0",
        "rt.sqrt",
        math.sqrt,
        lambda x, y: mul(ir.Const(0.5), apply("inverse", y)),
    ),
    _op("abs", "absolute value", "jnp.abs", abs, lambda x, y: apply("sign", x), slow=False),
    _op(
        "sign",
        "-1, 0 or 1",
        "jnp.sign",
        lambda x: float((x > 0) - (x < 0)),
        lambda x, y: ir.Const(0.0),
        slow=False,
        surrogate="tanh(x)",
    ),
    _op("sin", "sine", "jnp.sin", math.sin, lambda x, y: apply("cos", x)),
    _op("cos", "cosine", "jnp.cos", math.cos, lambda x, y: neg(apply("sin", x))),
    _op(
        "step",
        "1 where x > 0, else 0: the derivative of relu",
        "rt.unit_step",
        lambda x: float(x > 0),
        lambda x, y: ir.Const(0.0),
        slow=False,
        public=False,
        surrogate="sigmoid(x)",
    ),
    _op(
        "inverse",
        "1 / x, and 0 at 0: twice the derivative of sqrt",
        "rt.inverse",
        lambda x: 1 / x if x else 0.0,
        lambda x, y: neg(power(y, TWO)),
        slow=False,
        public=False,
    ),
    _op(
        "round_decay",
        "n / 65536, x rounded up: what exact(reversible) multiplies by; its derivative is taken as 1",
        "rt.round_decay",
        lambda x: min(max(math.floor(65536 * x + 1), 1), 65536) / 65536,
        lambda x, y: ONE,
        slow=False,
        public=False,
    ),
    _op(
        "floor",
        "the largest integer that is not above x",
        "jnp.floor",
        math.floor,
        lambda x, y: ir.Const(0.0),
        slow=False,
        public=False,
        surrogate="sigmoid(x)",
    ),
)
