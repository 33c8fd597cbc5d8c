"""Calls of functions, layers and models."""

from drmadc.compiler.check.context import Context, Infer
from drmadc.compiler.check.errors import argument_errors, expression_errors, name_errors
from drmadc.compiler.check.expr.call_site import CallSite
from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, Array, leading
from drmadc.language.op import WrongCall
from drmadc.language.registry import FUNCTIONS, SCHEDULES
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc_common.amounts import count_text


class UnknownArgument(WrongCall):
    """A named argument that the function does not have."""

    argument: str

    def problem(self) -> str:
        return f"has no argument `{self.argument}`"


class WrongCount(WrongCall):
    """More or fewer arguments than the function takes."""

    found: int

    def problem(self) -> str:
        were = "was" if self.found == 1 else "were"
        least = "at least " if self.op.variadic else ""
        return f"takes {least}{count_text(self.op.arity, 'argument')}, but {self.found} {were} given"


def call(expr: ast.Call, ctx: Context, infer: Infer) -> ir.Expr | None:
    """The typed form of a call, or None when it is wrong (and reported)."""
    if not isinstance(expr.function, ast.Name):
        ctx.report(expression_errors.NotCallable(expr.function.span))
        return None
    name = expr.function.text
    if name in ctx.known.models and not (ctx.place == "update" and name in SCHEDULES):
        return _apply(name, expr, ctx, infer)
    op = FUNCTIONS.get(name)
    if op is None:
        if name not in ctx.known.broken:
            names = (*FUNCTIONS, *ctx.known.models)
            ctx.report(name_errors.UnknownFunction(expr.function.span, name, names))
        for arg in expr.args:
            infer(arg.value, ctx)
        return None
    for arg in expr.args:
        if arg.name is not None and arg.name not in op.options:
            ctx.report(UnknownArgument(arg.span, op, arg.name))
            return None
    unnamed = tuple(arg.value for arg in expr.args if arg.name is None)
    if len(unnamed) < op.arity or (len(unnamed) > op.arity and not op.variadic):
        ctx.report(WrongCount(expr.span, op, len(unnamed)))
        return None
    return op.infer(expr, unnamed, CallSite(ctx, infer))


def _apply(name: str, expr: ast.Call, ctx: Context, infer: Infer) -> ir.Expr | None:
    model = ctx.known.models[name]
    ctx.known.used.add(name)
    text = f"{name}({', '.join(f'{n}: {t}' for n, t in model.inputs)})"
    if ctx.place not in ("minibatch", "outer", "model"):
        ctx.report(expression_errors.ModelNotAllowed(expr.span, name))
        return None
    args = [infer(arg.value, ctx) for arg in expr.args]
    if len(args) != len(model.inputs):
        ctx.report(argument_errors.ModelArguments(expr.span, name, text, len(model.inputs), len(args)))
        return None
    good: list[ir.Expr] = []
    for arg, x, (input_name, wanted) in zip(expr.args, args, model.inputs, strict=True):
        if x is None:
            return None
        tasks = tuple(axis for axis in leading(x.type) if axis.kind == "task")
        batched = Array("real", (*tasks, EXAMPLE, *wanted.axes))
        if x.type != batched:
            ctx.report(argument_errors.ModelInput(arg.span, name, text, input_name, f"{wanted}", describe(x.type)))
            return None
        good.append(x)
    leads = {leading(x.type) for x in good}
    own = model.whole or any(p.tasks for p in ctx.known.parameters.values() if p.layer.startswith(f"{name}."))
    if len(leads) > 1 or (own and leads == {(EXAMPLE,)}):
        ctx.report(argument_errors.ModelTasks(expr.span, name, text, own))
        return None
    assert isinstance(model.value.type, Array)
    result = model.value.type.axes[len(leading(model.value.type)) :]
    return ir.Apply(name, tuple(good), Array("real", (*leads.pop(), *result)))
