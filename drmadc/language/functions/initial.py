"""Initial values: random draws, and arrays computed from their shape."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from drmadc.ir import nodes as ir
from drmadc.ir.types import Array, Axis, Tree, Type, is_scalar
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.op import Family, Function, InRules, Misplaced, WrongArgument, WrongCall
from drmadc.language.shapes import broadcast_types, describe
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Draw(Function):
    """A scale times random numbers, of initial parameters or of a hyperparameter."""

    family: ClassVar[Family] = "initial value"
    takes: ClassVar[str] = "a number, or a hyperparameter over the parameters' axes"
    allowed_in: ClassVar[str] = "`init` and in the initial value of a hyperparameter"
    distribution: Literal["normal", "uniform"] = "normal"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        (arg,) = args
        if ctx.hyper is None and ctx.group is None:
            ctx.report(Misplaced(expr.span, self))
            return None
        scale = ctx.infer(arg)
        if scale is None:
            return None
        if ctx.hyper is not None:
            name, shape = ctx.hyper
            drawn = ir.Draw(self.distribution, ctx.next_draw(), shape, name)
            type_ = broadcast_types(scale.type, shape)
            if type_ is None:
                ctx.report(WrongArgument(arg.span, self, scale.type))
                return None
            return _scaled(scale, drawn, type_)
        assert ctx.group is not None
        if not isinstance(scale.type, Tree) and not is_scalar(scale.type):
            scale = ctx.broadcast(scale, ctx.group.group, arg.span)
            if scale is None:
                return None
        return _scaled(scale, ir.Draw(self.distribution, ctx.next_draw(), ctx.group), ctx.group)


def _scaled(scale: ir.Expr, drawn: ir.Draw, type_: Type) -> ir.Expr:
    return drawn if scale == ir.Const(1.0) else ir.Binary("*", scale, drawn, type_)


class InverseCdf(Function):
    """Draws from a distribution given by its inverse CDF at evenly spaced probabilities, by array or for all."""

    family: ClassVar[Family] = "initial value"
    takes: ClassVar[str] = "a hyperparameter over [bins], or over [param of G, bins]"
    allowed_in: ClassVar[str] = "`init`"
    in_rules: ClassVar[InRules] = "traced"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        (arg,) = args
        if ctx.group is None:
            ctx.report(Misplaced(expr.span, self))
            return None
        bins = ctx.infer(arg)
        if bins is None:
            return None
        axes = bins.type.axes if isinstance(bins.type, Array) else ()
        if not axes or axes[-1].kind != "size" or len(axes) > 2 or (len(axes) == 2 and axes[0].kind != "param"):
            ctx.report(WrongArgument(arg.span, self, bins.type))
            return None
        each = ir.Name("", Array("real", axes[:1]))
        if len(axes) == 2 and ctx.broadcast(each, ctx.group.group, arg.span) is None:
            return None
        return ir.Call(self.name, (bins, ir.Draw("uniform", ctx.next_draw(), ctx.group)), ctx.group)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.inverse_cdf", *args, *(ctx.layout(axis, group) for axis, group in self.layouts(node)))

    def layouts(self, node: ir.Call) -> tuple[tuple[Axis, str], ...]:
        bins, group = node.args[0].type, node.type
        assert isinstance(bins, Array)
        assert isinstance(group, Tree)
        return ((bins.axes[0], group.group),) if len(bins.axes) == 2 else ()


class WrongShape(WrongCall):
    """An array of an initial value for a hyperparameter of another shape."""

    needs: str
    shape: Type

    def problem(self) -> str:
        return f"needs {self.needs}"

    def label(self) -> str:
        return f"the hyperparameter is {describe(self.shape)}"


class _Filled(Function):
    """An array of a hyperparameter's own shape."""

    family: ClassVar[Family] = "initial value"
    takes: ClassVar[str] = "numbers"
    allowed_in: ClassVar[str] = "the initial value of a hyperparameter"
    needs: ClassVar[str]

    @abstractmethod
    def fits(self, lengths: tuple[int, ...]) -> bool:
        """Whether there are the axes to be filled."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.hyper is None:
            ctx.report(Misplaced(expr.span, self))
            return None
        _, shape = ctx.hyper
        if not self.fits(tuple(axis.length for axis in shape.axes)):
            ctx.report(WrongShape(expr.span, self, self.needs, shape))
            return None
        inferred = [ctx.infer(value) for value in args]
        values = tuple(x for x in inferred if x is not None)
        if len(values) < len(args):
            return None
        for arg, x in zip(args, values, strict=True):
            if not is_scalar(x.type):
                ctx.report(WrongArgument(arg.span, self, x.type))
                return None
        return ir.Call(self.name, values, shape)

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        assert isinstance(node.type, Array)
        return call(f"rt.{self.name}", *args, py.Tuple(tuple(py.Literal(axis.length) for axis in node.type.axes)))


class Linspace(_Filled):
    """Evenly spaced numbers along the last axis."""

    needs: ClassVar[str] = "a hyperparameter with an axis"

    def fits(self, lengths: tuple[int, ...]) -> bool:
        return bool(lengths)


class Identity(_Filled):
    """The identity on the last two axes."""

    needs: ClassVar[str] = "the last two axes to have equal length"

    def fits(self, lengths: tuple[int, ...]) -> bool:
        return len(lengths) > 1 and lengths[-1] == lengths[-2]


class FewAxes(WrongCall):
    """An initialiser of matrices for an array of fewer axes, which has no fan-in."""

    path: str

    def problem(self) -> str:
        return "needs arrays of two or more axes"

    def label(self) -> str:
        return f"`{self.path}` has fewer"

    def help(self) -> str:
        return "initialise biases by `zeros` or by a number"


@dataclass(frozen=True, slots=True)
class Zeros(Function):
    """0 everywhere."""

    family: ClassVar[Family] = "initial value"
    allowed_in: ClassVar[str] = "`init`"

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.group is None:
            ctx.report(Misplaced(expr.span, self))
            return None
        return ir.Const(0.0)


@dataclass(frozen=True, slots=True)
class Initialiser(Function):
    """Random matrices whose scale follows from their shape; the arrays of a layer may have more axes than two.

    `draws` is what each is made of, `option` says that a first axis runs over tasks and is no part of the shape.
    """

    family: ClassVar[Family] = "initial value"
    allowed_in: ClassVar[str] = "`init`"
    in_rules: ClassVar[InRules] = "derived"
    draws: ClassVar[Literal["normal", "truncated_normal"]]

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        if ctx.group is None:
            ctx.report(Misplaced(expr.span, self))
            return None
        members = ctx.members(ctx.group.group)
        for parameter in members:
            if len(parameter.shape) < 2:
                ctx.report(FewAxes(expr.span, self, parameter.path))
                return None
        drawn = ir.Draw(self.draws, ctx.next_draw(), ctx.group)
        return ir.Call(self.name, (drawn,), ctx.group, "tasks" if any(p.tasks for p in members) else "")

    def _stacked(self, node: ir.Call) -> dict[str, py.Expr]:
        return {"stacked": py.Literal(1)} if node.option == "tasks" else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceScaling(Initialiser):
    """Truncated normal numbers of variance scale / fan."""

    draws: ClassVar[Literal["normal", "truncated_normal"]] = "truncated_normal"
    scale: float
    fan: Literal["fan_in", "fan_avg"]

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        scale, fan = py.Literal(self.scale), py.Literal(self.fan)
        return call("rt.variance_scaled", *args, scale, fan, **self._stacked(node))


class Orthogonal(Initialiser):
    """Matrices with orthonormal columns (or rows, where there are more columns)."""

    draws: ClassVar[Literal["normal", "truncated_normal"]] = "normal"

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        return call("rt.orthogonal", *args, **self._stacked(node))


OPS = (
    Draw("normal", "normal(standard_deviation)", "normal random numbers of mean 0"),
    Draw("uniform", "uniform(half_width)", "random numbers between -half_width and half_width", distribution="uniform"),
    InverseCdf("inverse_cdf", "inverse_cdf(bins)", "draws from the distribution with this inverse CDF"),
    VarianceScaling("he", "he", "truncated normal of variance 2 / fan_in (He et al. 2015)", 0, scale=2.0, fan="fan_in"),
    VarianceScaling(
        "glorot", "glorot", "truncated normal of variance 2 / (fan_in + fan_out)", 0, scale=1.0, fan="fan_avg"
    ),
    VarianceScaling(
        "lecun", "lecun", "truncated normal of variance 1 / fan_in, a weight's default", 0, scale=1.0, fan="fan_in"
    ),
    Orthogonal("orthogonal", "orthogonal", "orthonormal columns, or rows where there are fewer of them", 0),
    Zeros("zeros", "zeros", "0, a bias's default", 0),
    Linspace("linspace", "linspace(first, last)", "evenly spaced numbers along the last axis", 2),
    Identity("identity", "identity()", "the identity on the last two axes", 0),
)
