"""Model blocks: layers, their parameters and groups."""

import re

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.hypers import check_hyper, over_group
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.data.block import declared_type
from drmadc.compiler.check.errors import data_errors, name_errors, training_errors, type_errors
from drmadc.compiler.check.expr.expressions import infer
from drmadc.ir.program import ALL, Let, Model
from drmadc.ir.types import EXAMPLE, Array, Axis, Tree, Type, leading
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_type


def mentions(decl: ast.ModelDecl, name: str) -> bool:
    """Whether a word occurs in a declaration's text."""
    return re.search(rf"\b{name}\b", re.sub(r"#[^\n]*", "", decl.span.text)) is not None


def check_models(known: Known) -> None:
    """The models, each behind those that it calls and behind the hyperparameters that it reads."""
    for model in _ordered(known.all(ast.ModelDecl), known):
        for hyper in known.all(ast.HyperDecl):
            if over_group(hyper) and hyper.name not in known.hypers and mentions(model, hyper.name):
                check_hyper(hyper, known)
        check_model(model, known)


def close_groups(known: Known) -> None:
    """Declare the group of all parameters, which either all belong to tasks, or none."""
    known.add_group(ALL, tuple(known.parameters))
    own = [p for p in known.parameters.values() if p.tasks]
    shared = [p for p in known.parameters.values() if not p.tasks]
    if own and shared:
        name = shared[0].path.partition(".")[0]
        for decl in known.spec.decls:
            if isinstance(decl, ast.ModelDecl | ast.ParamsDecl) and decl.name == name:
                known.bag.add(training_errors.PartlyOfTasks(decl.name_span, name, isinstance(decl, ast.ModelDecl)))


def _ordered(decls: list[ast.ModelDecl], known: Known) -> list[ast.ModelDecl]:
    """Models behind those that they call; a cycle is reported, and its models are left out."""
    ordered: list[ast.ModelDecl] = []
    waiting = list(decls)
    while waiting:
        names = {decl.name for decl in waiting}
        ready = [d for d in waiting if not any(mentions(d, name) for name in names - {d.name})]
        if not ready:
            known.bag.add(name_errors.Circular(waiting[0].name_span, waiting[0].name))
            known.broken.update(names)
            return ordered
        ordered += ready
        waiting = [d for d in waiting if d not in ready]
    return ordered


def check_model(decl: ast.ModelDecl, known: Known) -> None:
    """Add a model, its parameters (`mlp.h1.weight`) and its groups (`mlp.weights`) to what is known."""
    tasks = _tasks(decl, known)
    ctx = Context(known, "model", tasks=tasks)
    of_tasks = {p.layer.partition(".")[0] for p in known.parameters.values() if p.tasks}
    of_tasks |= {model.name for model in known.models.values() if model.whole}
    whole = bool(tasks) and any(mentions(decl, name) for name in of_tasks)
    lead = (Axis("task", tasks), EXAMPLE) if whole else (EXAMPLE,)
    inputs: list[tuple[str, Array]] = []
    failed = False
    for item in decl.inputs:
        type_ = declared_type(item.type, known)
        if type_ is None:
            failed = True
            continue
        inputs.append((item.name, type_))
        ctx.locals[item.name] = Array(type_.element, (*lead, *type_.axes), type_.classes)
    lets: list[Let] = []
    first: dict[str, Span] = {}
    for binding in decl.body:
        if binding.name in first:
            known.bag.add(name_errors.DeclaredTwice(binding.name_span, binding.name, first[binding.name]))
            failed = True
        first[binding.name] = binding.name_span
        ctx.layer = f"{decl.name}.{binding.name}"
        value = None if failed and not inputs else infer(binding.value, ctx)
        if value is None:
            failed = True
            known.broken.add(binding.name)
            continue
        ctx.locals[binding.name] = value.type
        lets.append(Let(binding.name, value, binding.span.origin))
    ctx.layer = f"{decl.name}.out"
    result = infer(decl.returned, ctx)
    wanted = declared_type(decl.result, known)
    known.broken.difference_update(first)
    _declare_layers(decl.name, ctx, known)
    if failed or result is None or wanted is None:
        known.broken.add(decl.name)
        return
    if result.type != Array("real", (*lead, *wanted.axes)):
        found = _per_example(result.type)
        known.bag.add(type_errors.WrongResult(decl.returned.span, decl.name, describe(wanted), found, decl.result.span))
        known.broken.add(decl.name)
        return
    takes = ", ".join(format_type(item.type) for item in decl.inputs)
    text = f"{takes} -> {format_type(decl.result)}"
    known.models[decl.name] = Model(decl.name, tuple(inputs), tuple(lets), result, text, decl.span.origin, whole)


def _tasks(decl: ast.ModelDecl, known: Known) -> int:
    """The tasks of `model mlp[task](...)`, each with parameters of its own; 0 without."""
    if not decl.axis:
        return 0
    tasks = known.data.tasks if known.data is not None else 0
    if decl.axis != "task":
        known.bag.add(name_errors.UnknownAxis(decl.axis_span, decl.axis, ("task",)))
    elif not tasks and not known.data_is_wrong:
        known.bag.add(data_errors.NoTasks(decl.axis_span))
    return tasks


def _declare_layers(name: str, ctx: Context, known: Known) -> None:
    known.parameters.update(ctx.layers)
    paths = tuple(ctx.layers)
    known.add_group(f"{name}.weights", tuple(p for p in paths if ctx.layers[p].role == "weight"))
    known.add_group(f"{name}.biases", tuple(p for p in paths if ctx.layers[p].role == "bias"))
    known.add_group(f"{name}.params", paths)
    for layer in dict.fromkeys(p.layer for p in ctx.layers.values()):
        known.add_group(layer, tuple(p for p in paths if ctx.layers[p].layer == layer))


def _per_example(type_: Type) -> str:
    if isinstance(type_, Tree) or not leading(type_):
        return describe(type_)
    return describe(Array(type_.element, type_.axes[len(leading(type_)) :], type_.classes))
