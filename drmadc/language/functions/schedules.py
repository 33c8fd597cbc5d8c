"""Schedules by name: arguments of a training rule as expressions in `t`, so their derivatives are derived.

`t` is a 32-bit integer in emitted modules: it is multiplied by reciprocals, since JAX divides such integers in float32.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.build import add, apply, mul, power, sub
from drmadc.ir.types import SCALAR, Type, is_scalar
from drmadc.language.context import TypingContext
from drmadc.language.op import Family, Misplaced, Op, WrongCall, WrongLiteral
from drmadc.language.shapes import describe, is_real
from drmadc.syntax import ast

T = ir.Name("t", SCALAR)
ONE = ir.Const(1.0)


class LongWarmup(WrongCall):
    """A warm-up that leaves no step for the decay."""

    warmup: int
    steps: int

    def problem(self) -> str:
        return f"takes a warmup shorter than training ({self.steps} steps)"

    def label(self) -> str:
        return f"warms up for {self.warmup} steps"


class WithoutSetting(WrongCall):
    """A schedule without a setting that has no default."""

    setting: str

    def problem(self) -> str:
        return f"needs `{self.setting}`"


class WrongFactor(WrongCall):
    """A factor with axes, where one number is meant."""

    found: Type

    def problem(self) -> str:
        return "takes a single number as its `factor`"

    def label(self) -> str:
        return f"found {describe(self.found)}"


@dataclass(frozen=True, slots=True)
class Schedule(Op):
    """The peak times a number for each step t of 0 .. steps - 1, as Optax's schedule of the same name."""

    family: ClassVar[Family] = "schedule"
    allowed_in: ClassVar[str] = "the update rule of `train`"
    example: ClassVar[str] = "it is a schedule, an argument of a rule: `update = sgd(rate: cosine(0.1))`"

    @abstractmethod
    def share(self, expr: ast.Call, steps: int, ctx: TypingContext) -> ir.Expr | None:
        """The share of the peak at step t; None where a setting is wrong (and reported)."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.place != "update":
            ctx.report(Misplaced(expr.span, self))
            return None
        peak = ctx.infer(args[0])
        if peak is None or ctx.steps is None or not is_real(peak, args[0].span, f"`{self.name}`", ctx):
            return None
        share = self.share(expr, ctx.steps, ctx)
        return None if share is None else mul(peak, share)

    def count(self, expr: ast.Call, setting: str, ctx: TypingContext) -> int | None:
        """A setting that is a number of steps."""
        value = _given(expr, setting)
        if value is None:
            ctx.report(WithoutSetting(expr.span, self, setting))
            return None
        if not (isinstance(value, ast.Number) and isinstance(value.value, int) and value.value > 0):
            ctx.report(WrongLiteral(value.span, self, f"`{setting}`", "a positive integer", value))
            return None
        return value.value


class Cosine(Schedule):
    """Half a cosine, from the peak to 0 (Loshchilov and Hutter 2017, without restarts)."""

    def share(self, expr: ast.Call, steps: int, ctx: TypingContext) -> ir.Expr | None:
        return _half_cosine(T, steps)


class Linear(Schedule):
    """A straight line from the peak to 0."""

    def share(self, expr: ast.Call, steps: int, ctx: TypingContext) -> ir.Expr | None:
        return sub(ONE, mul(ir.Const(1 / steps), T))


class WarmupCosine(Schedule):
    """A straight line from 0 to the peak, then half a cosine to 0; one of the two factors is 1 at every step."""

    def share(self, expr: ast.Call, steps: int, ctx: TypingContext) -> ir.Expr | None:
        warmup = self.count(expr, "warmup", ctx)
        if warmup is None:
            return None
        if warmup >= steps:
            ctx.report(LongWarmup(expr.span, self, warmup, steps))
            return None
        end = ir.Const(float(warmup))
        rise = sub(ONE, mul(ir.Const(1 / warmup), apply("relu", sub(end, T))))
        return mul(rise, _half_cosine(apply("relu", sub(T, end)), steps - warmup))


class StepDecay(Schedule):
    """A staircase: the peak times a factor after every so many steps."""

    def share(self, expr: ast.Call, steps: int, ctx: TypingContext) -> ir.Expr | None:
        every = self.count(expr, "every", ctx)
        given = _given(expr, "factor")
        factor = ir.Const(0.1) if given is None else ctx.infer(given)
        if every is None or factor is None:
            return None
        if given is not None and not is_scalar(factor.type):
            ctx.report(WrongFactor(given.span, self, factor.type))
            return None
        middle = add(T, ir.Const(0.5))  # of the step, away from where the staircase falls
        return power(factor, apply("floor", mul(ir.Const(1 / every), middle)))


def _half_cosine(t: ir.Expr, steps: int) -> ir.Expr:
    """(1 + cos(pi t / steps)) / 2"""
    return mul(ir.Const(0.5), add(ONE, apply("cos", mul(ir.Const(math.pi / steps), t))))


def _given(expr: ast.Call, setting: str) -> ast.Expr | None:
    return next((arg.value for arg in expr.args if arg.name == setting), None)


OPS = (
    Cosine("cosine", "cosine(peak)", "peak (1 + cos(pi t / steps)) / 2: half a cosine from the peak to 0"),
    Linear("linear", "linear(peak)", "peak (1 - t / steps): a straight line from the peak to 0"),
    WarmupCosine(
        "warmup_cosine",
        "warmup_cosine(peak, warmup: 100)",
        "a straight line from 0 to the peak in `warmup` steps, then half a cosine to 0",
        options=("warmup",),
    ),
    StepDecay(
        "step_decay",
        "step_decay(peak, factor: 0.1, every: 1000)",
        "the peak times `factor` (default 0.1) after `every` so many steps",
        options=("factor", "every"),
    ),
)
