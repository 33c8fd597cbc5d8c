"""Tasks of the source `omniglot(small1, copies: rotated, task: each outer)`."""

from typing import Literal

from drmadc.check import type_errors
from drmadc.check.context import Known
from drmadc.check.settings import Settings
from drmadc.ir.program import Alphabets
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

OMNIGLOT = {
    "small1": (24, 22, 24, 40, 26),
    "small2": (24, 47, 26, 42, 17),
    "all": (24, 22, 24, 40, 26, 47, 42, 17),
}  # characters of each alphabet
DRAWERS = 20


def check_alphabets(settings: Settings, known: Known) -> Alphabets | None:
    """`omniglot(small1, copies: rotated, task: each outer)`"""
    call = settings.optional("source")
    assert isinstance(call, ast.Call)
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
