"""Data sources as a spec names them, `mnist()`, `csv("flowers.csv")`: their fields, and how many examples they have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data import file_sources
from drmadc.compiler.check.data import synthetic_sources as made_sources
from drmadc.compiler.check.data.source import Source, images
from drmadc.compiler.check.errors import name_errors, type_errors
from drmadc.compiler.check.settings import Settings
from drmadc.ir.program import Alphabets, SourcePart
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

OMNIGLOT = {
    "small1": (24, 22, 24, 40, 26),
    "small2": (24, 47, 26, 42, 17),
    "all": (24, 22, 24, 40, 26, 47, 42, 17),
}  # characters of each alphabet
DRAWERS = 20


@dataclass(frozen=True)
class Collection:
    """A data set that everybody knows: image shape, classes, examples for training and testing."""

    shape: tuple[int, ...]
    classes: int
    train: int
    test: int = 0


COLLECTIONS = {
    "digits": Collection((8, 8), 10, 1797),
    "mnist": Collection((28, 28), 10, 60000, 10000),
    "fashion_mnist": Collection((28, 28), 10, 60000, 10000),
    "cifar10": Collection((32, 32, 3), 10, 50000, 10000),
    "cifar100": Collection((32, 32, 3), 100, 50000, 10000),
    "svhn": Collection((32, 32, 3), 10, 73257, 26032),
}
Check = Callable[[ast.Call, Known], Source | None]
OTHERS: dict[str, Check] = {
    "omniglot": lambda call, known: _omniglot(call, known),
    "npz": file_sources.npz,
    "npy": file_sources.npy,
    "idx": file_sources.idx,
    "csv": file_sources.csv,
    "parquet": file_sources.parquet,
    "images": file_sources.pictures,
    "text": file_sources.text,
    "synthetic": made_sources.synthetic,
    "python": made_sources.python,
    "huggingface": made_sources.huggingface,
}


def check_source(settings: Settings, known: Known) -> Source | None:
    """The source that a data block names."""
    value = settings.required("source", "source = mnist()")
    if value is None:
        return None
    if not (isinstance(value, ast.Call) and isinstance(value.function, ast.Name)):
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "a source", "a call such as `mnist()`", found))
        return None
    name = value.function.text
    collection = COLLECTIONS.get(name)
    if collection is not None:
        if value.args:
            problem = "takes no arguments"
            known.bag.add(type_errors.WrongArguments(value.args[0].span, name, problem, f"{name}()"))
            return None
        parts: dict[SourcePart, int] = {"train": collection.train}
        if collection.test:
            parts["test"] = collection.test
        return Source(name, images(collection.shape, collection.classes), parts)
    check = OTHERS.get(name)
    if check is None:
        names = (*COLLECTIONS, *OTHERS)
        known.bag.add(name_errors.UnknownFunction(value.function.span, name, names, "source"))
        return None
    return check(value, known)


def _omniglot(call: ast.Call, known: Known) -> Source | None:
    alphabets = _alphabets(call, known)
    if alphabets is None:
        return None
    return Source("omniglot", images((28, 28), alphabets.characters), {"train": DRAWERS}, alphabets)


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
