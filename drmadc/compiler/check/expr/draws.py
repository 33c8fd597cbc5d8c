"""Functions that draw random numbers, or make arrays of an initial value: normal, inverse_cdf, noise, linspace."""

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Infer
from drmadc.compiler.check.errors import type_errors
from drmadc.compiler.check.expr.functions import Signature
from drmadc.compiler.check.expr.shapes import broadcast_to_group, broadcast_types, describe
from drmadc.ir import nodes as ir
from drmadc.ir.types import SCALAR, Array, Tree, is_scalar
from drmadc.syntax import ast


def inverse_cdf(bins: ir.Expr, tree: Tree, span: Span, ctx: Context) -> ir.Expr | None:
    """Draws from a distribution given by its inverse CDF at evenly spaced probabilities, by array or for all."""
    axes = bins.type.axes if isinstance(bins.type, Array) else ()
    if not axes or axes[-1].kind != "size" or len(axes) > 2 or (len(axes) == 2 and axes[0].kind != "param"):
        wanted = "over a size of bins, or [param of G, size]"
        ctx.bag.add(type_errors.WrongKind(span, "the argument of `inverse_cdf`", wanted, describe(bins.type)))
        return None
    if len(axes) == 2 and broadcast_to_group(ir.Name("", Array("real", axes[:1])), tree.group, span, ctx) is None:
        return None
    draw = ir.Draw("uniform", ctx.draws, tree)
    ctx.draws += 1
    return ir.Call("inverse_cdf", (bins, draw), tree)


def noise(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    """Noise whose level may be a hyperparameter: in models, where it acts in training only, and in the loss."""
    if ctx.place not in ("model", "minibatch"):
        wanted = "in a model or in the training loss"
        ctx.bag.add(type_errors.WrongKind(expr.span, "noise", wanted, "somewhere else"))
        return None
    x, level = infer(values[0], ctx), infer(values[1], ctx)
    if x is None or level is None:
        return None
    type_ = broadcast_types(x.type, level.type) if isinstance(x.type, Array) and isinstance(level.type, Array) else None
    if type_ is None or type_ != x.type or x.type == SCALAR:
        problem = f"{describe(level.type)} is no level for each entry of {describe(x.type)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    ctx.known.noises += 1
    return ir.Call(name, (x, level), x.type, str(ctx.known.noises - 1))


def array(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    """`linspace(a, b)` along the last axis of a hyperparameter, `identity()` on its last two."""
    lengths = [axis.length for axis in ctx.shape.axes] if ctx.shape is not None else []
    problem = ""
    if ctx.shape is None:
        problem = "belongs into the initial value of a hyperparameter"
    elif name == "identity" and not (len(lengths) > 1 and lengths[-1] == lengths[-2]):
        problem = f"the last two axes must be of one length, not {describe(ctx.shape)}"
    elif name == "linspace" and not lengths:
        problem = "a number has no axis"
    if problem or ctx.shape is None:
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    args = [infer(value, ctx) for value in values]
    good = tuple(arg for arg in args if arg is not None)
    if len(good) < len(args):
        return None
    if not all(is_scalar(arg.type) for arg in good):
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, "takes numbers", signature.text))
        return None
    return ir.Call(name, good, ctx.shape)


def draw(name: str, expr: ast.Call, value: ast.Expr, ctx: Context, infer: Infer) -> ir.Expr | None:
    if ctx.place == "initial" and ctx.shape is not None and name != "inverse_cdf":
        scale = infer(value, ctx)
        if scale is None:
            return None
        drawn = ir.Draw(name, ctx.draws, ctx.shape, ctx.name)
        ctx.draws += 1
        type_ = broadcast_types(scale.type, drawn.type)
        if type_ is None:
            found = describe(scale.type)
            ctx.bag.add(type_errors.WrongKind(value.span, f"the argument of `{name}`", "a number", found))
            return None
        return ir.Binary("*", scale, drawn, type_)
    if ctx.place != "init" or "" not in ctx.locals:
        ctx.bag.add(
            type_errors.WrongKind(
                expr.span,
                "a value here",
                "without random draws",
                f"`{name}(...)`",
                "random draws belong into `init`, or into the initial value of a hyperparameter",
            )
        )
        return None
    scale = infer(value, ctx)
    if scale is None:
        return None
    tree = ctx.locals[""]
    assert isinstance(tree, Tree)
    if name == "inverse_cdf":
        return inverse_cdf(scale, tree, value.span, ctx)
    if not isinstance(scale.type, Tree) and not is_scalar(scale.type):
        scale = broadcast_to_group(scale, tree.group, value.span, ctx)
        if scale is None:
            return None
    draw = ir.Draw(name, ctx.draws, tree)
    ctx.draws += 1
    return ir.Binary("*", scale, draw, tree)
