"""Sources that a function makes: `synthetic(...)`; and `python`, `huggingface`, whose fields the spec must say."""

from typing import Literal

from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data.source import argument_text, positive
from drmadc.compiler.check.errors import argument_errors, source_errors
from drmadc.compiler.check.source import Source
from drmadc.ir.program import Field, Option
from drmadc.ir.types import EXAMPLE, Array, Element, sizes
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.parts import PARTS, SourcePart

KINDS: dict[str, dict[str, float]] = {
    "blobs": {"examples": 1000, "features": 2, "classes": 3, "noise": 0.5},
    "regression": {"examples": 1000, "features": 10, "noise": 0.1},
    "teacher": {"examples": 1000, "features": 10, "classes": 3, "units": 20, "noise": 0.0},
}


def synthetic(call: ast.Call, known: Known) -> Source | None:
    """`synthetic(blobs, examples: 1000, features: 2, classes: 3, noise: 0.5)`"""
    signature = "synthetic(blobs | regression | teacher, examples: 1000, features: 10, noise: 0.1)"
    kind = ""
    values: dict[str, float] = {}
    for arg in call.args:
        match arg.name, arg.value:
            case None, ast.Name(text) if text in KINDS and not kind:
                kind = text
                continue
            case str(name), ast.Number() if kind and name in KINDS[kind] and name not in values:
                value, whole = arg.value.value, name != "noise"
                if value >= (1 if whole else 0) and (isinstance(value, int) or not whole):
                    values[name] = value
                    continue
        if kind:
            signature = f"synthetic({kind}, {', '.join(f'{name}: {value}' for name, value in KINDS[kind].items())})"
        known.bag.add(argument_errors.UnexpectedArgument(arg.span, "synthetic", signature, argument_text(arg)))
        return None
    if not kind:
        known.bag.add(source_errors.NeedsKind(call.span, "synthetic", signature))
        return None
    settings = {**KINDS[kind], **values}
    fields = [Field("x", Array("real", (EXAMPLE, *sizes(int(settings["features"])))))]
    if kind == "regression":
        fields.append(Field("y", Array("real", (EXAMPLE, *sizes(1)))))
    else:
        fields.append(Field("label", Array("class", (EXAMPLE,), int(settings["classes"]))))
    options: tuple[tuple[str, Option], ...] = (("kind", kind), *settings.items())
    return Source("synthetic", tuple(fields), {"train": int(settings["examples"])}, options=options)


def python(call: ast.Call, known: Known) -> Source | None:
    """`python("module:function", x: real[20], label: class[3], train: 800, test: 200)`"""
    return _typed(call, known, 'python("module:function", x: real[20], label: class[3], train: 800)', "function")


def huggingface(call: ast.Call, known: Known) -> Source | None:
    """`huggingface("name", image: byte[28, 28], label: class[10], train: 60000, test: 10000)`"""
    return _typed(call, known, 'huggingface("mnist", image: byte[28, 28], label: class[10], train: 60000)', "name")


def _typed(call: ast.Call, known: Known, signature: str, what: Literal["function", "name"]) -> Source | None:
    """A source whose types and sizes stand in the spec; the run compares them with what there is."""
    name = signature.partition("(")[0]
    target = configuration = ""
    place = call.span
    fields: list[Field] = []
    parts: dict[SourcePart, int] = {}
    failed = False
    for arg in call.args:
        match arg.name, arg.value:
            case None, ast.Text(text) if not target and text:
                target, place = text, arg.value.span
            case None, ast.Text(text) if name == "huggingface" and not configuration and text:
                configuration = text
            case "train" | "valid" | "test" as part, value if positive(value) and part not in parts:
                parts[next(p for p in PARTS if p == part)] = positive(value)
            case str(field), ast.Name() | ast.Index() if field not in PARTS and field not in {f.name for f in fields}:
                type_ = _type(arg.value)
                if type_ is None:
                    found = f"`{format_expr(arg.value)}`"
                    known.bag.add(source_errors.NotAFieldType(arg.value.span, name, signature, found))
                    failed = True
                    continue
                fields.append(Field(field, type_))
            case _:
                known.bag.add(argument_errors.UnexpectedArgument(arg.span, name, signature, argument_text(arg)))
                return None
    if failed:
        return None
    if not target or not fields or "train" not in parts:
        known.bag.add(source_errors.NeedsFields(call.span, name, signature, what))
        return None
    if name == "python" and ":" not in target:
        known.bag.add(source_errors.NotAFunctionPath(place, name, signature, f'"{target}"'))
        return None
    options: tuple[tuple[str, Option], ...] = ((what, target), *parts.items())
    if configuration:
        options = (*options, ("configuration", configuration))
    return Source(name, tuple(fields), parts, options=options)


def _type(value: ast.Expr) -> Array | None:
    """`real[20]`, `byte[28, 28]`, `class[10]`; written where a value stands."""
    match value:
        case ast.Index(ast.Name("real" | "byte" | "class" as word), items):
            numbers = [item.value for item in items if isinstance(item, ast.Number) and isinstance(item.value, int)]
            if len(numbers) < len(items) or min(numbers) < 1:
                return None
            if word == "class":
                return Array("class", (EXAMPLE,), numbers[0]) if len(numbers) == 1 else None
            element: Element = "byte" if word == "byte" else "real"
            return Array(element, (EXAMPLE, *sizes(*numbers)))
        case _:
            return None
