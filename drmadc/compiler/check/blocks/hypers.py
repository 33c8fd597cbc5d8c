"""Hyperparameters and free parameters: types, axes, domains and initial values."""

from itertools import chain
from math import prod
from typing import Literal

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.errors import data_errors, name_errors, training_errors, type_errors, value_errors
from drmadc.compiler.check.expr.constants import constant_value
from drmadc.compiler.check.expr.expressions import infer, report_unknown_path
from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import axis_length, axis_slots
from drmadc.ir.program import HyperParameter, Parameter
from drmadc.ir.types import AXES, DOMAINS, GROUP_AXES, Array, Axis, Domain, sizes
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr, format_type


def check_params(known: Known) -> None:
    """The trained arrays that belong to no model."""
    for decl in known.all(ast.ParamsDecl):
        _check_params(decl, known)


def _check_params(decl: ast.ParamsDecl, known: Known) -> None:
    """`params w: real[2] = [1.4, 3.9]`: a trained array that belongs to no model."""
    if decl.type.name != "real":
        known.bag.add(name_errors.UnknownType(decl.type.span, decl.type.name, ("real",)))
        known.broken.add(decl.name)
        return
    shape: list[int] = []
    for axis in decl.type.axes:
        size = _size(axis)
        if size is None:
            found = f"`{format_expr(axis)}`"
            known.bag.add(value_errors.NotAPositiveInteger(axis.span, found, "a size"))
            known.broken.add(decl.name)
            return
        shape.append(size)
    known.parameters[decl.name] = Parameter(decl.name, tuple(shape), decl.name, "array")
    known.add_group(decl.name, (decl.name,))


def check_free_hypers(known: Known) -> None:
    """The hyperparameters whose axes do not need a model."""
    for decl in known.all(ast.HyperDecl):
        if not over_group(decl):
            check_hyper(decl, known)


def check_group_hypers(known: Known) -> None:
    """The hyperparameters over a parameter group that no model has read yet."""
    for decl in known.all(ast.HyperDecl):
        if over_group(decl) and decl.name not in known.hypers:
            check_hyper(decl, known)


def check_hyper(decl: ast.HyperDecl, known: Known) -> None:
    """A hyperparameter by itself: its type, axes, domain and initial value."""
    domain = next((d for d in DOMAINS if d == decl.type.name), None)
    axes = [_axis(axis, known.steps, known) for axis in decl.type.axes]
    if domain is None:
        known.bag.add(name_errors.UnknownType(decl.type.span, decl.type.name, DOMAINS))
    good = tuple(axis for axis in axes if axis is not None)
    if domain is None or len(good) < len(axes) or not _axes_in_order(decl, good, known):
        known.broken.add(decl.name)
        return
    type_ = Array("real", good)
    initial = initial_value(decl.name, decl.value, type_, domain, decl.type.span, known)
    if initial is None:
        known.broken.add(decl.name)
        return
    text = format_type(decl.type)
    known.hypers[decl.name] = HyperParameter(decl.name, domain, type_, initial, text, decl.span.origin)
    known.hyper_spans[decl.name] = decl.name_span


def named_hyper(name: str, span: Span, known: Known) -> HyperParameter | None:
    """The hyperparameter of a name; an unknown one is reported."""
    if name in known.hypers:
        return known.hypers[name]
    if name not in known.broken:
        known.bag.add(name_errors.UnknownName(span, name, tuple(known.hypers), "hyperparameter"))
    return None


def entries_by_hyper(record: ast.Record, known: Known) -> list[tuple[HyperParameter, ast.Entry]]:
    """The entries of a record whose keys are hyperparameters; unknown and repeated ones are reported."""
    out: list[tuple[HyperParameter, ast.Entry]] = []
    seen: dict[str, Span] = {}
    for entry in record.entries:
        if entry.path in seen:
            known.bag.add(name_errors.GivenTwice(entry.path_span, entry.path, seen[entry.path]))
            continue
        seen[entry.path] = entry.path_span
        hyper = named_hyper(entry.path, entry.path_span, known)
        if hyper is not None:
            out.append((hyper, entry))
    return out


def over_group(decl: ast.HyperDecl) -> bool:
    """Whether a hyperparameter has an axis over a parameter group (then models must be known first)."""
    return any(isinstance(axis, ast.Of) for axis in decl.type.axes)


def _size(expr: ast.Expr) -> int | None:
    if isinstance(expr, ast.Number) and isinstance(expr.value, int) and expr.value > 0:
        return expr.value
    return None


def _axes_in_order(decl: ast.HyperDecl, axes: tuple[Axis, ...], known: Known) -> bool:
    """`step` comes first and once, and there is at most one group axis."""
    kinds = [axis.kind for axis in axes]
    groups = sum(kind in GROUP_AXES for kind in kinds)
    wrong: Literal["step", "example", "task", "groups"] | None = None
    if kinds.count("step") > 1 or ("step" in kinds and kinds[0] != "step"):
        wrong = "step"
    elif "example" in kinds and len(kinds) > 1:
        wrong = "example"
    elif "task" in kinds and set(kinds) - {"task"}:
        wrong = "task"
    elif groups > 1 or (groups and {"size", "class"} & set(kinds) and kinds != ["param", "size"]):
        wrong = "groups"
    if wrong is not None:
        known.bag.add(training_errors.AxisOrder(decl.type.span, f"`{format_type(decl.type)}`", wrong))
    return wrong is None


def _axis(expr: ast.Expr, steps: int | None, known: Known) -> Axis | None:
    size = _size(expr)
    if size is not None:
        return Axis("size", size)
    match expr:
        case ast.Name("task"):
            tasks = known.data.tasks if known.data is not None else 0
            if not tasks and not known.data_is_wrong:
                known.bag.add(data_errors.NoTasks(expr.span))
            return Axis("task", tasks) if tasks else None
        case ast.Name("step"):
            return None if steps is None else Axis("step", steps)
        case ast.Call(ast.Name("step"), (ast.Arg("bins", value),)):
            bins = _size(value)
            if bins is None or (steps is not None and bins > steps):
                found = f"`{format_expr(value)}`"
                if steps:
                    known.bag.add(value_errors.OutOfRange(value.span, found, "the number of bins", 1, steps))
                else:
                    known.bag.add(value_errors.NotAPositiveInteger(value.span, found, "the number of bins"))
                return None
            if steps is not None and bins * steps >= 2**31:
                known.bag.add(value_errors.TooManyBins(value.span, f"`{bins}`", (2**31 - 1) // steps, steps))
                return None
            return None if steps is None else Axis("step", steps, bins=bins)
        case ast.Of(ast.Name("example"), path):
            return _example_axis(expr, path, known)
        case ast.Of(ast.Name("class"), path):
            return _class_axis(expr, path, known)
        case ast.Of(ast.Name(kind), path):
            return _group_axis(kind, expr, path, known)
        case ast.Name(text):
            known.bag.add(name_errors.UnknownAxis(expr.span, text, AXES))
            return None
        case _:
            known.bag.add(name_errors.UnknownAxis(expr.span, format_expr(expr), AXES))
            return None


def _example_axis(expr: ast.Of, path: str, known: Known) -> Axis | None:
    """`example of mnist.train`: one entry for each example of the train split."""
    data = known.data
    split = f"{data.name}.train" if data is not None else "NAME.train"
    if data is None or path != split:
        if known.data_decl is None or data is not None:
            known.bag.add(training_errors.ExampleOf(expr.path_span, f"`example of {path}`", split))
        return None
    if data.resample:
        known.bag.add(training_errors.ExamplesRedrawn(expr.path_span, "resample = each outer"))
        return None
    if data.folds:
        known.bag.add(training_errors.ExamplesRedrawn(expr.path_span, "folds"))
        return None
    if data.alphabets is not None and data.alphabets.sampled:
        known.bag.add(training_errors.ExamplesRedrawn(expr.path_span, "task: each outer"))
        return None
    return Axis("example", data.size_of("train"), split)


def _class_axis(expr: ast.Of, path: str, known: Known) -> Axis | None:
    """`class of y`: one entry for each class of a label."""
    features = (block.features for block in (known.data, known.learned) if block is not None)
    labels = {
        let.name: let.value.type.classes
        for let in chain.from_iterable(features)
        if isinstance(let.value.type, Array) and let.value.type.element == "class"
    }
    if path in labels:
        return Axis("class", labels[path], path)
    if path not in known.broken and not known.data_is_wrong:
        known.bag.add(name_errors.UnknownName(expr.path_span, path, tuple(labels), "label"))
    return None


def _group_axis(text: str, expr: ast.Of, path: str, known: Known) -> Axis | None:
    kind = next((k for k in GROUP_AXES if k == text), None)
    if kind is None:
        known.bag.add(name_errors.UnknownAxis(expr.value.span, text, GROUP_AXES))
        return None
    if path not in known.groups and path in known.parameters:
        known.add_group(path, (path,))
    if path not in known.groups:
        report_unknown_path(path, expr.path_span, Context(known, "constant"))
        return None
    slots = axis_slots(tuple(known.parameters.values()), known.groups[path].members, kind)
    if not slots:
        known.bag.add(training_errors.GroupWithoutUnits(expr.path_span, kind, path))
        return None
    return Axis(kind, axis_length(slots), path)


def initial_value(
    name: str, written: ast.Expr, type_: Array, domain: Domain, declared: Span, known: Known, *, closed: bool = False
) -> ir.Expr | None:
    """One value for all entries, a list with one value for each entry of the only axis, or an array expression.

    `closed` also admits 0 in `positive` and `unit`: of a value that is never moved.
    """
    ctx = Context(known, "initial", shape=type_, name=name)
    value = infer(written, ctx)
    if value is None:
        return None
    if any(isinstance(node, ir.Draw | ir.Call) for node in ir.walk(value)):
        return value if _fits_initial(value, type_, name, written, declared, known) else None
    items = value.items if isinstance(value, ir.Stack) else (value,)
    numbers = [constant_value(item) for item in items]
    if any(number is None for number in numbers):
        found = f"`{format_expr(written)}`"
        known.bag.add(value_errors.NotNumbers(written.span, found, "an initial value", "a number or a list of numbers"))
        return None
    size = prod(axis.length for axis in type_.axes)
    if isinstance(value, ir.Stack) and (len(type_.axes) != 1 or len(numbers) != size):
        known.bag.add(type_errors.WrongResult(written.span, name, describe(type_), describe(value.type), declared))
        return None
    good = tuple(float(number) for number in numbers if number is not None)
    for number in good:
        if not in_domain(number, domain, closed=closed):
            _out_of_domain(written.span, name, number, domain, declared, known)
            return None
    if len(good) == 1 and not isinstance(value, ir.Stack):
        return ir.Const(good[0])
    return ir.Stack(tuple(ir.Const(number) for number in good), Array("real", sizes(len(good))))


def _fits_initial(value: ir.Expr, type_: Array, name: str, written: ast.Expr, declared: Span, known: Known) -> bool:
    """Whether an array of draws or computed entries has the hyperparameter's shape."""
    shapes = [tuple(axis.length for axis in t.axes) for t in (value.type, type_) if isinstance(t, Array)]
    if shapes[0] != shapes[1]:
        known.bag.add(type_errors.WrongResult(written.span, name, describe(type_), describe(value.type), declared))
        return False
    return True


def in_domain(value: float, domain: str, *, closed: bool) -> bool:
    """Whether a number lies in a domain; `closed` also admits 0 (a constant that is never moved)."""
    if value != value or value in (float("inf"), float("-inf")):
        return False
    if closed and value == 0:
        return True
    return {"real": True, "positive": value > 0, "unit": 0 < value < 1}[domain]


def _out_of_domain(span: Span, name: str, value: float, domain: Domain, declared: Span, known: Known) -> None:
    known.bag.add(type_errors.OutOfDomain(span, name, f"{value:g}", domain, declared))
