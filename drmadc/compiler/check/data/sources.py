"""Data sources as a spec names them, `mnist()`, `csv("flowers.csv")`: their fields, and how many examples they have."""

from collections.abc import Callable
from typing import Literal

from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data import file_sources, table_sources
from drmadc.compiler.check.data import synthetic_sources as made_sources
from drmadc.compiler.check.data.source import argument_text, images
from drmadc.compiler.check.errors import argument_errors, data_errors, name_errors, source_errors
from drmadc.compiler.check.settings import Settings
from drmadc.compiler.check.source import Source
from drmadc.ir.program import Alphabets
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common import omniglot
from drmadc_common.datasets import DATASETS

Check = Callable[[ast.Call, Known], Source | None]
OTHERS: dict[str, Check] = {
    "omniglot": lambda call, known: _omniglot(call, known),
    "npz": file_sources.npz,
    "npy": file_sources.npy,
    "idx": file_sources.idx,
    "csv": table_sources.csv,
    "parquet": table_sources.parquet,
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
        named = value.text if isinstance(value, ast.Name) and value.text in DATASETS else ""
        known.bag.add(data_errors.NotASource(value.span, found, named))
        return None
    name = value.function.text
    dataset = DATASETS.get(name)
    if dataset is not None:
        if value.args:
            known.bag.add(argument_errors.TakesNoArguments(value.args[0].span, name, f"{name}()"))
            return None
        return Source(name, images(dataset.shape, dataset.classes), dataset.counts)
    check = OTHERS.get(name)
    if check is None:
        names = (*DATASETS, *OTHERS)
        known.bag.add(name_errors.UnknownFunction(value.function.span, name, names, "source"))
        return None
    return check(value, known)


def _omniglot(call: ast.Call, known: Known) -> Source | None:
    alphabets = _alphabets(call, known)
    if alphabets is None:
        return None
    return Source("omniglot", images((28, 28), alphabets.characters), {"train": omniglot.DRAWERS}, alphabets)


def _alphabets(call: ast.Call, known: Known) -> Alphabets | None:
    """`omniglot(small1, copies: rotated, task: each outer)`"""
    signature = "omniglot(small1 | small2 | all, copies: rotated | flipped, task: each outer)"
    name, copies, sampled = "", "none", False
    for arg in call.args:
        match arg.name, arg.value:
            case None, ast.Name(text) if text in omniglot.SETS and not name:
                name = text
            case "copies", ast.Name("rotated" | "flipped" as word) if copies == "none":
                copies = word
            case "task", ast.Each("outer") if not sampled:
                sampled = True
            case _:
                found = argument_text(arg)
                known.bag.add(argument_errors.UnexpectedArgument(arg.span, "omniglot", signature, found))
                return None
    if not name:
        known.bag.add(source_errors.NeedsAlphabets(call.span, "omniglot", signature))
        return None
    sizes_ = omniglot.characters(name)
    count = len(sizes_) * (1 if copies == "none" else 2)
    kind: Literal["none", "rotated", "flipped"] = (
        "rotated" if copies == "rotated" else "flipped" if copies == "flipped" else "none"
    )
    return Alphabets(name, kind, count, max(sizes_), sampled)
