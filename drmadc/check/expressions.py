"""Expressions: syntax tree to typed IR. A mistake is reported once; None then stands for the unknown value."""

from math import prod
from typing import assert_never

from drmadc.check import name_errors, type_errors
from drmadc.check.context import Context
from drmadc.check.functions import FUNCTIONS, Signature
from drmadc.ir import nodes as ir
from drmadc.ir.build import spread as lay
from drmadc.ir.program import Let, Parameter, axis_slots
from drmadc.ir.types import EXAMPLE, GROUP_AXES, SCALAR, Array, Axis, Tree, Type, is_scalar, sizes, without_step
from drmadc.source import Span
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr


def infer(expr: ast.Expr, ctx: Context) -> ir.Expr | None:
    """The typed form of an expression, or None when it is wrong (reported in the context's bag)."""
    match expr:
        case ast.Number():
            return ir.Const(float(expr.value))
        case ast.Name(text):
            return _name(text, expr.span, ctx)
        case ast.Primed(text):
            return _primed(text, expr.span, ctx)
        case ast.Neg(operand):
            x = infer(operand, ctx)
            return None if x is None or not _real(x, operand.span, "`-`", ctx) else ir.Unary("neg", x, x.type)
        case ast.Binary():
            return _binary(expr, ctx)
        case ast.Call():
            return _call(expr, ctx)
        case ast.Member():
            return _member(expr, ctx)
        case ast.Index():
            return _index(expr, ctx)
        case ast.List(items):
            return _list(items, expr.span, ctx)
        case ast.Of():
            return _of(expr, ctx)
        case ast.On():
            return _on(expr, ctx)
        case ast.Quantity() | ast.Each() | ast.Record():
            found = f"`{format_expr(expr)}`"
            ctx.bag.add(type_errors.WrongKind(expr.span, "a value here", "a number or an array", found))
            return None
        case _ as never:
            assert_never(never)


def describe(type_: Type) -> str:
    """A type in words."""
    match type_:
        case Array("real", ()):
            return "a number"
        case Array():
            return str(type_)
        case Tree(group):
            return f"the arrays of {group}"
        case _ as never:
            assert_never(never)


def as_scalar(expr: ir.Expr | None, span: Span, what: str, ctx: Context) -> ir.Expr | None:
    """The expression if it is one real number; otherwise it is reported."""
    if expr is None:
        return None
    if not is_scalar(expr.type):
        ctx.bag.add(type_errors.NotAScalar(span, what, describe(expr.type)))
        return None
    return expr


def spread(x: ir.Expr, group: str, span: Span, ctx: Context) -> ir.Expr | None:
    """A value with one group axis, laid along the arrays of a parameter group."""
    axes = x.type.axes if isinstance(x.type, Array) else ()
    if len(axes) == 1 and axes[0].kind in GROUP_AXES:
        known = ctx.known
        slots = axis_slots(tuple(known.parameters.values()), known.groups[axes[0].group].members, axes[0].kind)
        covered = {slot.path for slot in slots}
        missing = [path for path in known.groups[group].members if path not in covered]
        if not missing:
            return lay(x, group)
        ctx.bag.add(type_errors.AxisDoesNotFit(span, describe(x.type), group, missing[0]))
        return None
    ctx.bag.add(
        type_errors.WrongKind(
            span,
            f"a value combined with the arrays of {group}",
            "a number or a hyperparameter over a group axis",
            describe(x.type),
        )
    )
    return None


def _name(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    known = ctx.known
    if text in ctx.locals:
        type_ = ctx.locals[text]
        return ir.Name(text, type_)
    if known.data is not None and ctx.place in ("minibatch", "outer"):
        for feature in known.data.features:
            if feature.name == text:
                known.used.add(text)
                return _feature(text, feature.value.type, span, ctx)
    if ctx.place in ("data", "constant"):
        if ctx.place == "constant" or text not in (*known.hypers, *known.lets):
            return _unknown(text, span, ctx, tuple(ctx.locals))
    if text in known.lets and ctx.place in ("minibatch", "outer"):
        return _let(text, span, ctx)
    if text in known.hypers and ctx.place not in ("data",):
        return _hyper(text, span, ctx)
    if text in known.parameters and ctx.place in ("minibatch", "outer"):
        return ir.Name(text, _parameter_type(known.parameters[text]))
    if text in known.broken:
        return None
    candidates = [*ctx.locals, *known.hypers, *known.lets, *known.parameters]
    if known.data is not None:
        candidates += [f.name for f in known.data.features]
    return _unknown(text, span, ctx, tuple(candidates))


def _unknown(text: str, span: Span, ctx: Context, candidates: tuple[str, ...]) -> None:
    if text in ctx.known.broken:
        return
    ctx.bag.add(name_errors.UnknownName(span, text, candidates))


def _primed(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    if f"{text}'" in ctx.locals:
        return ir.Name(f"{text}'", ctx.locals[f"{text}'"])
    candidates = tuple(name for name in ctx.locals if name.endswith("'"))
    ctx.bag.add(name_errors.UnknownName(span, f"{text}'", candidates, "updated value"))
    return None


def _feature(text: str, type_: Type, span: Span, ctx: Context) -> ir.Expr | None:
    if ctx.place == "outer" and ctx.split is None:
        splits = tuple(s.name for s in ctx.known.data.splits) if ctx.known.data else ()
        ctx.bag.add(type_errors.NeedsSplit(span, text, splits))
        return None
    return ir.Name(f"{ctx.split or 'batch'}.{text}", type_)


def _hyper(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    type_ = ctx.known.hypers[text].type
    has_step = any(axis.kind == "step" for axis in type_.axes)
    if has_step and ctx.place in ("model", "init"):
        advice = "use it in the update rule or in the loss"
        ctx.bag.add(
            type_errors.WrongKind(
                span, "a hyperparameter used here", "one without a step axis", f"`{type_}`", advice
            )
        )
        return None
    at_step = has_step and ctx.at_step
    return ir.Hyper(text, without_step(type_) if at_step else type_, at_step)


def _let(text: str, span: Span, ctx: Context) -> ir.Expr | None:
    ctx.known.used.add(text)
    if text in ctx.open_lets:
        ctx.bag.add(name_errors.Circular(span, text))
        return None
    if ctx.split is None and text in ctx.lets:
        return ir.Name(text, ctx.lets[text].value.type)
    decl = ctx.known.lets[text]
    before, ctx.open_lets = ctx.open_lets, (*ctx.open_lets, text)
    hidden, ctx.locals = ctx.locals, {}
    value = infer(decl.value, ctx)
    ctx.open_lets, ctx.locals = before, hidden
    if value is None:
        ctx.known.broken.add(text)
        return None
    if ctx.split is not None or isinstance(value.type, Tree):
        return value
    ctx.lets[text] = Let(text, value, decl.span.origin)
    return ir.Name(text, value.type)


def _parameter_type(parameter: Parameter) -> Array:
    return Array("real", sizes(*parameter.shape))


def _path(expr: ast.Member) -> str | None:
    base = expr.base
    if isinstance(base, ast.Name):
        return f"{base.text}.{expr.name}"
    if isinstance(base, ast.Member) and (inner := _path(base)) is not None:
        return f"{inner}.{expr.name}"
    return None


def _member(expr: ast.Member, ctx: Context) -> ir.Expr | None:
    path = _path(expr)
    if path is None or ctx.place not in ("minibatch", "outer"):
        found = f"`{format_expr(expr)}`"
        ctx.bag.add(
            type_errors.WrongKind(expr.span, "a value here", "a number or a hyperparameter", found)
        )
        return None
    known = ctx.known
    if path in known.parameters:
        return ir.Name(path, _parameter_type(known.parameters[path]))
    if path in known.groups:
        return ir.Name(path, Tree(path))
    report_unknown_path(path, expr.span, ctx)
    return None


def report_unknown_path(path: str, span: Span, ctx: Context) -> None:
    """Say that no parameter or group has this path, and what there is."""
    known = ctx.known
    head, _, rest = path.partition(".")
    if head in known.broken:
        return
    if head not in known.models and head not in known.parameters:
        names = (*known.models, *known.parameters)
        ctx.bag.add(name_errors.UnknownName(span, head, names, "model or parameter"))
        return
    members = [name[len(head) + 1 :] for name in (*known.groups, *known.parameters) if name.startswith(head + ".")]
    ctx.bag.add(name_errors.UnknownMember(span, head, rest, tuple(members)))


def _real(x: ir.Expr, span: Span, what: str, ctx: Context) -> bool:
    if isinstance(x.type, Array) and x.type.element == "class":
        ctx.bag.add(
            type_errors.WrongKind(span, f"an operand of {what}", "a number or an array of numbers", "a class label")
        )
        return False
    return True


def _binary(expr: ast.Binary, ctx: Context) -> ir.Expr | None:
    left, right = infer(expr.left, ctx), infer(expr.right, ctx)
    if left is None or right is None:
        return None
    if not (
        _real(left, expr.left.span, f"`{expr.op}`", ctx) and _real(right, expr.right.span, f"`{expr.op}`", ctx)
    ):
        return None
    for tree, other, other_span, first in (
        (left, right, expr.right.span, True),
        (right, left, expr.left.span, False),
    ):
        if isinstance(tree.type, Tree) and isinstance(other.type, Array) and not is_scalar(other.type):
            laid = spread(other, tree.type.group, other_span, ctx)
            if laid is None:
                return None
            left, right = (tree, laid) if first else (laid, tree)
    type_ = _broadcast(left.type, right.type)
    if type_ is None:
        ctx.bag.add(
            type_errors.ShapeMismatch(
                expr.span,
                expr.op,
                describe(left.type),
                describe(right.type),
                expr.left.span,
                expr.right.span,
            )
        )
        return None
    return ir.Binary(expr.op, left, right, type_)


def _broadcast(left: Type, right: Type) -> Type | None:
    if is_scalar(left):
        return Array("real", right.axes) if isinstance(right, Array) else right
    if is_scalar(right):
        return Array("real", left.axes) if isinstance(left, Array) else left
    if isinstance(left, Tree) or isinstance(right, Tree):
        return left if left == right else None
    a = tuple(x for x in left.axes if x.kind != "example")
    b = tuple(x for x in right.axes if x.kind != "example")
    batched = len(a) < len(left.axes) or len(b) < len(right.axes)
    if a == b:
        return Array("real", (EXAMPLE, *a) if batched else a)
    if not batched and (a[-len(b) :] == b or b[-len(a) :] == a):
        return Array("real", max(a, b, key=len))
    return None


def _index(expr: ast.Index, ctx: Context) -> ir.Expr | None:
    base = infer(expr.base, ctx)
    if base is None:
        return None
    axes = base.type.axes if isinstance(base.type, Array) else ()
    indices: list[int] = []
    for item in expr.items:
        if not (isinstance(item, ast.Number) and isinstance(item.value, int)):
            ctx.bag.add(
                type_errors.WrongKind(item.span, "an index", "a whole number", f"`{format_expr(item)}`")
            )
            return None
        indices.append(item.value)
    plain = [axis for axis in axes if axis.kind == "size"]
    if len(plain) < len(axes) or len(indices) > len(axes):
        ctx.bag.add(
            type_errors.WrongKind(
                expr.base.span, "what is indexed", "an array with as many plain axes", describe(base.type)
            )
        )
        return None
    for item, value, axis in zip(expr.items, indices, axes, strict=False):
        if value >= axis.size:
            ctx.bag.add(
                type_errors.WrongKind(
                    item.span, "an index", f"from 0 to {axis.size - 1}", f"{value}"
                )
            )
            return None
    return ir.Item(base, tuple(indices), Array("real", axes[len(indices) :]))


def _list(items: tuple[ast.Expr, ...], span: Span, ctx: Context) -> ir.Expr | None:
    parts = [infer(item, ctx) for item in items]
    good = [part for part in parts if part is not None]
    if len(good) < len(parts):
        return None
    if not good or any(part.type != good[0].type or not isinstance(part.type, Array) for part in good):
        ctx.bag.add(
            type_errors.WrongKind(span, "a list", "one or more values of one shape", "empty or mixed")
        )
        return None
    first = good[0].type
    assert isinstance(first, Array)
    return ir.Stack(tuple(good), Array("real", (*sizes(len(good)), *first.axes)))


def _of(expr: ast.Of, ctx: Context) -> ir.Expr | None:
    x = infer(expr.value, ctx)
    if x is None:
        return None
    known = ctx.known
    axes = x.type.axes if isinstance(x.type, Array) else ()
    if not (isinstance(x, ir.Hyper) and len(axes) == 1 and axes[0].kind in GROUP_AXES):
        ctx.bag.add(
            type_errors.WrongKind(
                expr.value.span, "the left of `of`", "a hyperparameter over one group axis", describe(x.type)
            )
        )
        return None
    members = known.groups[expr.path].members if expr.path in known.groups else (expr.path,)
    if expr.path not in known.groups and expr.path not in known.parameters:
        report_unknown_path(expr.path, expr.path_span, ctx)
        return None
    slots = axis_slots(tuple(known.parameters.values()), known.groups[axes[0].group].members, axes[0].kind)
    mine = [slot for slot in slots if slot.path in members]
    if not mine:
        ctx.bag.add(type_errors.AxisDoesNotFit(expr.path_span, describe(x.type), expr.path, members[0]))
        return None
    start = min(slot.start for slot in mine)
    end = max(slot.start + prod(slot.shape) for slot in mine)
    return ir.Part(x, start, Array("real", sizes(end - start)))


def _on(expr: ast.On, ctx: Context) -> ir.Expr | None:
    known = ctx.known
    if ctx.place != "outer":
        ctx.bag.add(
            type_errors.WrongKind(
                expr.split_span,
                "an expression here",
                "over the minibatch, without `on`",
                f"`on {expr.split}`",
                "`on` belongs into `tune` and `report`",
            )
        )
        return None
    name = expr.split
    if known.data is not None and name.startswith(known.data.name + "."):
        name = name[len(known.data.name) + 1 :]
    splits = tuple(s.name for s in known.data.splits) if known.data else ()
    if name not in splits:
        if not (known.data is None and known.data_decl is not None):
            ctx.bag.add(name_errors.UnknownName(expr.split_span, expr.split, splits, "split"))
        return None
    before, ctx.split = ctx.split, name
    x = infer(expr.value, ctx)
    ctx.split = before
    return None if x is None else ir.OnSplit(x, name, x.type)


def _call(expr: ast.Call, ctx: Context) -> ir.Expr | None:
    if not isinstance(expr.function, ast.Name):
        ctx.bag.add(
            type_errors.WrongKind(
                expr.function.span, "what is called", "the name of a function or model", "an expression"
            )
        )
        return None
    name = expr.function.text
    if name in ctx.known.models:
        return _apply(name, expr, ctx)
    signature = FUNCTIONS.get(name)
    if signature is None:
        if name not in ctx.known.broken:
            names = (*FUNCTIONS, *ctx.known.models)
            ctx.bag.add(name_errors.UnknownFunction(expr.function.span, name, names))
        for arg in expr.args:
            infer(arg.value, ctx)
        return None
    unnamed = [arg for arg in expr.args if arg.name is None]
    for arg in expr.args:
        if arg.name is not None and arg.name not in signature.options:
            problem = f"there is no argument `{arg.name}`"
            ctx.bag.add(type_errors.WrongArguments(arg.span, name, problem, signature.text))
            return None
    if len(unnamed) != signature.arity:
        problem = f"takes {signature.arity} argument{'s' if signature.arity > 1 else ''}, not {len(unnamed)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    return _builtin(name, signature, expr, [arg.value for arg in unnamed], ctx)


def _apply(name: str, expr: ast.Call, ctx: Context) -> ir.Expr | None:
    model = ctx.known.models[name]
    ctx.known.used.add(name)
    text = f"{name}({', '.join(f'{n}: {t}' for n, t in model.inputs)})"
    if ctx.place not in ("minibatch", "outer"):
        ctx.bag.add(
            type_errors.WrongKind(
                expr.span, "a value here", "one that needs no model", f"a call of the model `{name}`"
            )
        )
        return None
    args = [infer(arg.value, ctx) for arg in expr.args]
    if len(args) != len(model.inputs):
        problem = f"takes {len(model.inputs)} arguments, not {len(args)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, text))
        return None
    good: list[ir.Expr] = []
    for arg, x, (input_name, wanted) in zip(expr.args, args, model.inputs, strict=True):
        if x is None:
            return None
        batched = Array("real", (EXAMPLE, *wanted.axes))
        if x.type != batched:
            problem = f"the argument `{input_name}` must be {wanted} of each example, not {describe(x.type)}"
            ctx.bag.add(type_errors.WrongArguments(arg.span, name, problem, text))
            return None
        good.append(x)
    return ir.Apply(name, tuple(good), model.value.type)


def _builtin(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context
) -> ir.Expr | None:
    match signature.kind:
        case "elementwise":
            x = infer(values[0], ctx)
            if x is None or not _real(x, values[0].span, f"`{name}`", ctx):
                return None
            type_ = Array("real", x.type.axes) if isinstance(x.type, Array) else x.type
            return ir.Unary(name, x, type_)
        case "reduction":
            return _reduction(name, values[0], ctx)
        case "loss":
            return _loss(name, signature, expr, values, ctx)
        case "dense":
            return _dense(expr, values, ctx)
        case "flatten":
            x = infer(values[0], ctx)
            if x is None:
                return None
            if not (isinstance(x.type, Array) and x.type.axes[:1] == (EXAMPLE,) and len(x.type.axes) > 1):
                ctx.bag.add(
                    type_errors.WrongKind(values[0].span, "the argument of `flatten`", "an array of each example", describe(x.type))
                )
                return None
            length = prod(axis.size for axis in x.type.axes[1:])
            return ir.Call("flatten", (x,), Array(x.type.element, (EXAMPLE, *sizes(length))))
        case "draw":
            return _draw(name, expr, values[0], ctx)
        case _ as never:
            assert_never(never)


def _reduction(name: str, value: ast.Expr, ctx: Context) -> ir.Expr | None:
    x = infer(value, ctx)
    if x is None or not _real(x, value.span, f"`{name}`", ctx):
        return None
    if ctx.place == "data":
        assert isinstance(x.type, Array)
        if name not in ("mean", "std", "max", "min") or x.type.axes[:1] != (EXAMPLE,):
            ctx.bag.add(
                type_errors.WrongKind(
                    value.span, f"the argument of `{name}` in data", "a value of each example", describe(x.type),
                    "mean, std, max and min are statistics over the train split",
                )
            )
            return None
        type_ = Array("real", x.type.axes[1:])
        statistic = ir.Call(name, (x,), type_, "examples")
        for let in ctx.statistics:
            if let.value == statistic:
                return ir.Name(let.name, type_)
        count = sum(let.name.startswith(name) for let in ctx.statistics)
        label = f"{name}_{count + 1}" if count else name
        ctx.statistics.append(Let(label, statistic, value.span.origin))
        return ir.Name(f"statistics.{label}", type_)
    if is_scalar(x.type):
        return x
    return ir.Call(name, (x,), SCALAR)


def _loss(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context
) -> ir.Expr | None:
    reduce = "mean"
    for arg in expr.args:
        if arg.name == "reduce":
            if not (isinstance(arg.value, ast.Name) and arg.value.text in ("mean", "none")):
                problem = f"`reduce` is `mean` or `none`, not `{format_expr(arg.value)}`"
                ctx.bag.add(type_errors.WrongArguments(arg.span, name, problem, signature.text))
                return None
            reduce = arg.value.text
    output, target = infer(values[0], ctx), infer(values[1], ctx)
    if output is None or target is None:
        return None
    out_type, target_type = output.type, target.type
    labelled = name in ("cross_entropy", "error")
    problem = ""
    if not (isinstance(out_type, Array) and out_type.element == "real" and out_type.axes[:1] == (EXAMPLE,)):
        problem = f"the first argument must be a value of each example, not {describe(out_type)}"
    elif labelled:
        if not (isinstance(target_type, Array) and target_type.element == "class"):
            problem = f"the second argument must be a class label, not {describe(target_type)}"
        elif len(out_type.axes) != 2 or out_type.axes[1].size != target_type.classes:
            problem = (
                f"there are {target_type.classes} classes, but the first argument is {describe(out_type)}"
            )
    elif target_type != out_type:
        problem = f"the two arguments differ: {describe(out_type)} and {describe(target_type)}"
    if problem:
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    type_ = SCALAR if reduce == "mean" else Array("real", (EXAMPLE,))
    return ir.Call(name, (output, target), type_, reduce)


def _dense(expr: ast.Call, values: list[ast.Expr], ctx: Context) -> ir.Expr | None:
    if ctx.place != "model" or ctx.layer is None:
        ctx.bag.add(
            type_errors.WrongKind(expr.span, "a layer", "inside a `model` block", "outside of one")
        )
        return None
    x = infer(values[0], ctx)
    units = values[1]
    if not (isinstance(units, ast.Number) and isinstance(units.value, int) and units.value > 0):
        ctx.bag.add(
            type_errors.WrongKind(units.span, "the number of units", "a whole number above 0", f"`{format_expr(units)}`")
        )
        return None
    if x is None:
        return None
    if not (isinstance(x.type, Array) and len(x.type.axes) == 2 and x.type.axes[0] == EXAMPLE):
        ctx.bag.add(
            type_errors.WrongKind(
                values[0].span, "the input of `dense`", "one vector for each example", describe(x.type),
                "use flatten(...) for images",
            )
        )
        return None
    if f"{ctx.layer}.weight" in ctx.layers:
        problem = f"two layers would both be called `{ctx.layer}`"
        ctx.bag.add(
            type_errors.WrongArguments(
                expr.span, "dense", problem, "h = dense(x, units): a layer has the name of what it is bound to"
            )
        )
        return None
    rows, columns = x.type.axes[1].size, int(units.value)
    for role, shape in (("weight", (rows, columns)), ("bias", (columns,))):
        path = f"{ctx.layer}.{role}"
        ctx.layers[path] = Parameter(path, shape, ctx.layer, "weight" if role == "weight" else "bias")
    return ir.Dense(x, ctx.layer, Array("real", (EXAMPLE, *sizes(columns))))


def _draw(name: str, expr: ast.Call, value: ast.Expr, ctx: Context) -> ir.Expr | None:
    if ctx.place != "init" or "" not in ctx.locals:
        ctx.bag.add(
            type_errors.WrongKind(
                expr.span, "a value here", "without random draws", f"`{name}(...)`", "random draws belong into `init`"
            )
        )
        return None
    scale = infer(value, ctx)
    if scale is None:
        return None
    tree = ctx.locals[""]
    assert isinstance(tree, Tree)
    if not isinstance(scale.type, Tree) and not is_scalar(scale.type):
        scale = spread(scale, tree.group, value.span, ctx)
        if scale is None:
            return None
    draw = ir.Draw(name, ctx.draws, tree)
    ctx.draws += 1
    return ir.Binary("*", scale, draw, tree)


def constant_value(expr: ir.Expr) -> float | None:
    """The value of an expression without variables, or None."""
    import math

    functions = {
        "neg": lambda x: -x,
        "exp": math.exp,
        "log": math.log,
        "sqrt": math.sqrt,
        "tanh": math.tanh,
        "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
        "abs": abs,
    }
    try:
        match expr:
            case ir.Const(value):
                return value
            case ir.Unary(op, x, _) if op in functions:
                inner = constant_value(x)
                return None if inner is None else float(functions[op](inner))
            case ir.Binary(op, left, right, _):
                a, b = constant_value(left), constant_value(right)
                if a is None or b is None:
                    return None
                result = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "^": lambda: a**b}[op]()
                return float(result) if isinstance(result, int | float) else None
            case _:
                return None
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


