"""Calls of functions and models."""

from math import prod
from typing import assert_never

from drmadc.compiler.check.context import Context, Infer
from drmadc.compiler.check.errors import name_errors, type_errors
from drmadc.compiler.check.expr import draws, transforms
from drmadc.compiler.check.expr.functions import FUNCTIONS, Signature
from drmadc.compiler.check.expr.shapes import describe, is_real
from drmadc.ir import nodes as ir
from drmadc.ir.program import Parameter, axis_length, axis_slots
from drmadc.ir.types import EXAMPLE, GROUP_AXES, SCALAR, Array, Axis, Tree, is_scalar, leading, sizes
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.amounts import count_text


def call(expr: ast.Call, ctx: Context, infer: Infer) -> ir.Expr | None:
    if not isinstance(expr.function, ast.Name):
        ctx.bag.add(
            type_errors.WrongKind(
                expr.function.span, "what is called", "the name of a function or model", "an expression"
            )
        )
        return None
    name = expr.function.text
    if name in ctx.known.models:
        return _apply(name, expr, ctx, infer)
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
        problem = f"takes {count_text(signature.arity, 'argument')}, not {len(unnamed)}"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    return _builtin(name, signature, expr, [arg.value for arg in unnamed], ctx, infer)


def _apply(name: str, expr: ast.Call, ctx: Context, infer: Infer) -> ir.Expr | None:
    model = ctx.known.models[name]
    ctx.known.used.add(name)
    text = f"{name}({', '.join(f'{n}: {t}' for n, t in model.inputs)})"
    if ctx.place not in ("minibatch", "outer", "model"):
        ctx.bag.add(
            type_errors.WrongKind(expr.span, "a value here", "one that needs no model", f"a call of the model `{name}`")
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
        tasks = tuple(axis for axis in leading(x.type) if axis.kind == "task")
        batched = Array("real", (*tasks, EXAMPLE, *wanted.axes))
        if x.type != batched:
            problem = f"the argument `{input_name}` must be {wanted} of each example, not {describe(x.type)}"
            ctx.bag.add(type_errors.WrongArguments(arg.span, name, problem, text))
            return None
        good.append(x)
    leads = {leading(x.type) for x in good}
    own = model.whole or any(p.tasks for p in ctx.known.parameters.values() if p.layer.startswith(f"{name}."))
    if len(leads) > 1 or (own and leads == {(EXAMPLE,)}):
        each = "its parameters belong to tasks, and so must every argument"
        problem = each if own else "all arguments have tasks, or none has"
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, text))
        return None
    assert isinstance(model.value.type, Array)
    result = model.value.type.axes[len(leading(model.value.type)) :]
    return ir.Apply(name, tuple(good), Array("real", (*leads.pop(), *result)))


def _builtin(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    match signature.kind:
        case "elementwise":
            x = infer(values[0], ctx)
            if x is None or not is_real(x, values[0].span, f"`{name}`", ctx):
                return None
            type_ = Array("real", x.type.axes) if isinstance(x.type, Array) else x.type
            return ir.Unary(name, x, type_)
        case "reduction":
            by = next((arg.value for arg in expr.args if arg.name == "by"), None)
            if by is not None:
                return _sum_by(values[0], by, ctx, infer)
            return _reduction(name, values[0], ctx, infer)
        case "loss":
            return _loss(name, signature, expr, values, ctx, infer)
        case "dense":
            return _dense(expr, values, ctx, infer)
        case "flatten":
            x = infer(values[0], ctx)
            if x is None:
                return None
            if not (isinstance(x.type, Array) and x.type.axes[:1] == (EXAMPLE,) and len(x.type.axes) > 1):
                ctx.bag.add(
                    type_errors.WrongKind(
                        values[0].span,
                        "the argument of `flatten`",
                        "an array of each example",
                        describe(x.type),
                    )
                )
                return None
            length = prod(axis.size for axis in x.type.axes[1:])
            return ir.Call("flatten", (x,), Array(x.type.element, (EXAMPLE, *sizes(length))))
        case "draw":
            return draws.draw(name, expr, values[0], ctx, infer)
        case "expm":
            x = infer(values[0], ctx)
            axes = x.type.axes if x is not None and isinstance(x.type, Array) else ()
            if x is not None and not (len(axes) == 2 and axes[0] == axes[1] and axes[0].kind == "size"):
                problem = f"takes a square matrix, not {describe(x.type)}"
                ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
                return None
            return None if x is None else ir.Call("expm", (x,), x.type)
        case "mix":
            return _mix(expr, values, ctx, infer)
        case "append":
            a, b = infer(values[0], ctx), infer(values[1], ctx)
            if a is None or b is None:
                return None
            if a.type != b.type or leading(a.type) != (EXAMPLE,):
                problem = (
                    f"takes two values of each example, of one shape, not {describe(a.type)} and {describe(b.type)}"
                )
                ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
                return None
            return ir.Call("append", (a, b), a.type)
        case "neighbours":
            return _neighbours(expr, signature, values, ctx, infer)
        case "transform":
            return transforms.transform(name, signature, expr, values, ctx, infer)
        case "augment":
            return transforms.augment(name, signature, expr, values, ctx, infer)
        case "noise":
            return draws.noise(name, signature, expr, values, ctx, infer)
        case "softmax":
            x = infer(values[0], ctx)
            if x is None:
                return None
            if not (isinstance(x.type, Array) and x.type.element == "real" and x.type.axes):
                found = describe(x.type)
                ctx.bag.add(type_errors.WrongKind(values[0].span, "the argument of `softmax`", "an array", found))
                return None
            return ir.Call("softmax", (x,), x.type)
        case "range":
            problem = "gives the labels of a learned training set: data NAME { x = images; y: class[10] = range(10) }"
            ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
            return None
        case "array":
            return draws.array(name, signature, expr, values, ctx, infer)
        case _ as never:
            assert_never(never)


def _reduction(name: str, value: ast.Expr, ctx: Context, infer: Infer) -> ir.Expr | None:
    x = infer(value, ctx)
    if x is None or not is_real(x, value.span, f"`{name}`", ctx):
        return None
    if ctx.place == "data":
        assert isinstance(x.type, Array)
        if name not in ("mean", "std", "max", "min") or x.type.axes[:1] != (EXAMPLE,):
            ctx.bag.add(
                type_errors.WrongKind(
                    value.span,
                    f"the argument of `{name}` in data",
                    "a value of each example",
                    describe(x.type),
                    "mean, std, max and min are statistics over the train split",
                )
            )
            return None
        type_ = Array("real", x.type.axes[1:])
        return transforms.statistic(name, x, type_, value.span, ctx)
    if is_scalar(x.type):
        return x
    return ir.Call(name, (x,), SCALAR)


def _sum_by(value: ast.Expr, by: ast.Expr, ctx: Context, infer: Infer) -> ir.Expr | None:
    """`sum(mlp.weights ^ 2, by: out_unit)`: one sum for each entry of a group axis."""
    x = infer(value, ctx)
    if x is None or not is_real(x, value.span, "`sum`", ctx):
        return None
    kind = next((k for k in GROUP_AXES if isinstance(by, ast.Name) and by.text == k), None)
    if kind is None or not isinstance(x.type, Tree) or ctx.place not in ("minibatch", "outer", "model"):
        what = f"`sum(..., by: {format_expr(by)})`"
        wanted = f"over the arrays of a group, by one of {', '.join(GROUP_AXES)}, in a loss, an objective or a report"
        ctx.bag.add(type_errors.WrongKind(value.span, what, wanted, describe(x.type)))
        return None
    known = ctx.known
    members = known.groups[x.type.group].members
    slots = axis_slots(tuple(known.parameters.values()), members, kind)
    if {slot.path for slot in slots} != set(members):
        lost = next(path for path in members if path not in {slot.path for slot in slots})
        ctx.bag.add(type_errors.AxisDoesNotFit(by.span, kind, x.type.group, lost))
        return None
    return ir.Unbroadcast(x, Array("real", (Axis(kind, axis_length(slots), x.type.group),)))


def _loss(
    name: str, signature: Signature, expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    reduce = "mean"
    for arg in expr.args:
        if arg.name == "reduce":
            if not (isinstance(arg.value, ast.Name) and arg.value.text in ("mean", "none", "task")):
                problem = f"`reduce` is `mean`, `none` or `task`, not `{format_expr(arg.value)}`"
                ctx.bag.add(type_errors.WrongArguments(arg.span, name, problem, signature.text))
                return None
            reduce = arg.value.text
    output, target = infer(values[0], ctx), infer(values[1], ctx)
    if output is None or target is None:
        return None
    out_type, target_type = output.type, target.type
    soft = name == "cross_entropy" and isinstance(target_type, Array) and target_type.element == "real"
    labelled = name in ("cross_entropy", "error") and not soft
    problem = ""
    lead = leading(out_type)
    if not (isinstance(out_type, Array) and out_type.element == "real" and lead[-1:] == (EXAMPLE,)):
        problem = f"the first argument must be a value of each example, not {describe(out_type)}"
    elif labelled:
        if not (isinstance(target_type, Array) and target_type.element == "class"):
            problem = f"the second argument must be a class label, not {describe(target_type)}"
        elif len(out_type.axes) != len(lead) + 1 or out_type.axes[-1].size != target_type.classes:
            problem = f"there are {target_type.classes} classes, but the first argument is {describe(out_type)}"
    elif target_type != out_type:
        problem = f"the two arguments differ: {describe(out_type)} and {describe(target_type)}"
    if not problem and (leading(target_type) != lead or (len(lead) > 1 and not labelled)):
        problem = "with tasks both arguments have them, and the loss is cross_entropy or error of labels"
    if not problem and reduce == "task" and len(lead) < 2:
        problem = "`reduce: task` needs data with tasks"
    if problem:
        ctx.bag.add(type_errors.WrongArguments(expr.span, name, problem, signature.text))
        return None
    type_ = {"mean": SCALAR, "none": Array("real", lead), "task": Array("real", lead[:1])}[reduce]
    return ir.Call(name, (output, target), type_, reduce)


def _dense(expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer) -> ir.Expr | None:
    if ctx.place != "model" or ctx.layer is None:
        ctx.bag.add(type_errors.WrongKind(expr.span, "a layer", "inside a `model` block", "outside of one"))
        return None
    x = infer(values[0], ctx)
    units = values[1]
    if not (isinstance(units, ast.Number) and isinstance(units.value, int) and units.value > 0):
        ctx.bag.add(
            type_errors.WrongKind(
                units.span, "the number of units", "a whole number above 0", f"`{format_expr(units)}`"
            )
        )
        return None
    if x is None:
        return None
    if not (isinstance(x.type, Array) and len(x.type.axes) == 2 and x.type.axes[0] == EXAMPLE):
        ctx.bag.add(
            type_errors.WrongKind(
                values[0].span,
                "the input of `dense`",
                "one vector for each example",
                describe(x.type),
                "use flatten(...) for images",
            )
        )
        return None
    if f"{ctx.layer}.weight" in ctx.layers:
        problem = f"two layers would both be called `{ctx.layer}`"
        ctx.bag.add(
            type_errors.WrongArguments(
                expr.span,
                "dense",
                problem,
                "h = dense(x, units): a layer has the name of what it is bound to",
            )
        )
        return None
    rows, columns = x.type.axes[1].size, int(units.value)
    for role, shape in (("weight", (rows, columns)), ("bias", (columns,))):
        path = f"{ctx.layer}.{role}"
        ctx.layers[path] = Parameter(path, shape, ctx.layer, "weight" if role == "weight" else "bias", ctx.tasks)
    return ir.Dense(x, ctx.layer, Array("real", (EXAMPLE, *sizes(columns))))


def _neighbours(
    expr: ast.Call, signature: Signature, values: list[ast.Expr], ctx: Context, infer: Infer
) -> ir.Expr | None:
    """Logits of a soft nearest-neighbour classifier; points and labels may be of another split than x."""
    found = [infer(value, ctx) for value in values]
    args = tuple(x for x in found if x is not None)
    if len(args) < 4:
        return None
    x, points, labels, width = (arg.type for arg in args)
    problem = ""
    if not (isinstance(x, Array) and leading(x) == (EXAMPLE,) and len(x.axes) == 2 and x == points):
        problem = f"`x` and `points` are one vector of each example, not {describe(x)} and {describe(points)}"
    elif not (isinstance(labels, Array) and labels.element == "class" and leading(labels) == (EXAMPLE,)):
        problem = f"`labels` are the points' class labels, not {describe(labels)}"
    elif not is_scalar(width):
        problem = f"`width` is a number, not {describe(width)}"
    if problem or not isinstance(labels, Array):
        ctx.bag.add(type_errors.WrongArguments(expr.span, "neighbours", problem, signature.text))
        return None
    return ir.Call("neighbours", args, Array("real", (EXAMPLE, *sizes(labels.classes))), str(labels.classes))


def _mix(expr: ast.Call, values: list[ast.Expr], ctx: Context, infer: Infer) -> ir.Expr | None:
    """`mix_tasks(sharing, mlp.h1)`: each task's arrays as a mixture of all tasks' arrays."""
    matrix, tree = infer(values[0], ctx), infer(values[1], ctx)
    if matrix is None or tree is None:
        return None
    axes = matrix.type.axes if isinstance(matrix.type, Array) else ()
    members = ctx.known.groups[tree.type.group].members if isinstance(tree.type, Tree) else ()
    if [axis.kind for axis in axes] != ["task", "task"] or not all(
        ctx.known.parameters[m].tasks for m in members or ()
    ):
        problem = f"takes a matrix [task, task] and a group of task parameters, not {describe(matrix.type)} and "
        problem += describe(tree.type)
        ctx.bag.add(type_errors.WrongArguments(expr.span, "mix_tasks", problem, "mix_tasks(sharing, mlp.h1)"))
        return None
    if not members:
        found = describe(tree.type)
        ctx.bag.add(type_errors.WrongKind(values[1].span, "what is mixed", "a group of task parameters", found))
        return None
    return ir.Call("mix_tasks", (matrix, tree), tree.type)
