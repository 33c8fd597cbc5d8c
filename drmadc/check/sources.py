"""Data sources as a spec names them: `mnist()`, `omniglot(small1)`, `npz("data.npz")`; their fields and sizes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drmadc.check import name_errors, program_errors, type_errors
from drmadc.check.context import Known
from drmadc.check.settings import Settings
from drmadc.ir.program import Alphabets, Field
from drmadc.ir.types import EXAMPLE, Array, Element, sizes
from drmadc.npz import BadFile, headers_of
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

OMNIGLOT = {
    "small1": (24, 22, 24, 40, 26),
    "small2": (24, 47, 26, 42, 17),
    "all": (24, 22, 24, 40, 26, 47, 42, 17),
}  # characters of each alphabet
DRAWERS = 20
NAMES = ("mnist", "omniglot", "npz")


@dataclass(frozen=True)
class Source:
    """A source: its fields of each example, and the examples of its parts (of tasks: drawers of each character)."""

    name: str
    fields: tuple[Field, ...]
    parts: dict[Literal["train", "test"], int]
    alphabets: Alphabets | None = None
    path: str = ""


def check_source(settings: Settings, known: Known) -> Source | None:
    """The source that a data block names."""
    value = settings.required("source", "source = mnist()")
    if value is None:
        return None
    if not (isinstance(value, ast.Call) and isinstance(value.function, ast.Name)):
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "a source", "a call such as `mnist()`", found))
        return None
    match value.function.text:
        case "mnist" if not value.args:
            return Source("mnist", _images(10), {"train": 60000, "test": 10000})
        case "mnist":
            problem = "takes no arguments"
            known.bag.add(type_errors.WrongArguments(value.args[0].span, "mnist", problem, "mnist()"))
            return None
        case "omniglot":
            alphabets = _alphabets(value, known)
            if alphabets is None:
                return None
            return Source("omniglot", _images(alphabets.characters), {"train": DRAWERS}, alphabets)
        case "npz":
            return _npz(value, known)
        case name:
            known.bag.add(name_errors.UnknownFunction(value.function.span, name, NAMES, "source"))
            return None


def _images(classes: int) -> tuple[Field, ...]:
    return (
        Field("image", Array("byte", (EXAMPLE, *sizes(28, 28)))),
        Field("label", Array("class", (EXAMPLE,), classes)),
    )


def _npz(call: ast.Call, known: Known) -> Source | None:
    """The arrays of a file: bytes of 8 bits, whole numbers along one axis as labels, other numbers as they are."""
    match call.args:
        case (ast.Arg(None, ast.Text(path)),):
            pass
        case _:
            problem = "takes the path of a file"
            known.bag.add(type_errors.WrongArguments(call.span, "npz", problem, 'npz("data.npz")'))
            return None
    span = call.args[0].span
    try:
        headers = headers_of(Path(path))
    except BadFile as error:
        known.bag.add(program_errors.BadData(span, path, str(error)))
        return None
    fields: list[Field] = []
    counts: dict[str, int] = {}
    for name, header in headers.items():
        if not header.shape or not name.isidentifier() or header.kind[0] not in "fiub":
            continue
        counts[name] = header.shape[0]
        element: Element = "real"
        if header.kind == "u1" and len(header.shape) > 1:
            element = "byte"
        elif header.kind[0] in "iu" and len(header.shape) == 1:
            element = "class"
        fields.append(Field(name, Array(element, (EXAMPLE, *sizes(*header.shape[1:])))))
    problem = ""
    if not fields:
        problem = "it holds no array of numbers over examples, with a name of letters"
    elif len(set(counts.values())) > 1:
        lengths = ", ".join(f"{name} {count}" for name, count in counts.items())
        problem = f"its arrays are of different lengths: {lengths}"
    elif not next(iter(counts.values())):
        problem = "it holds no examples"
    if problem:
        known.bag.add(program_errors.BadData(span, path, problem))
        return None
    return Source("npz", tuple(fields), {"train": next(iter(counts.values()))}, None, path)


def _alphabets(call: ast.Call, known: Known) -> Alphabets | None:
    """`omniglot(small1, copies: rotated, task: each outer)`"""
    signature = "omniglot(small1 | small2 | all, copies: rotated | flipped, task: each outer)"
    name, copies, sampled = "", "none", False
    for arg in call.args:
        match arg.name, arg.value:
            case None, ast.Name(text) if text in OMNIGLOT and not name:
                name = text
            case "copies", ast.Name("rotated" | "flipped" as word) if copies == "none":
                copies = word
            case "task", ast.Each("outer") if not sampled:
                sampled = True
            case _:
                problem = f"cannot take `{f'{arg.name}: ' if arg.name else ''}{format_expr(arg.value)}`"
                known.bag.add(type_errors.WrongArguments(arg.span, "omniglot", problem, signature))
                return None
    if not name:
        known.bag.add(type_errors.WrongArguments(call.span, "omniglot", "needs a set of alphabets", signature))
        return None
    sizes_ = OMNIGLOT[name]
    count = len(sizes_) * (1 if copies == "none" else 2)
    kind: Literal["none", "rotated", "flipped"] = (
        "rotated" if copies == "rotated" else "flipped" if copies == "flipped" else "none"
    )
    return Alphabets(name, kind, count, max(sizes_), sampled)
