"""Suggestions by meaning: every name that they give is one of the language's, and none that is foreign is."""

import pytest

from drmadc.common.diagnostics.meanings import MEANT, PHRASES
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.compiler.check.blocks.training import TRAIN
from drmadc.compiler.check.blocks.tuning import EACH, FIRST
from drmadc.compiler.check.data.block import SETTINGS as DATA
from drmadc.compiler.driver import prelude
from drmadc.language.registry import FUNCTIONS
from drmadc.syntax import ast

RULES = {decl.name: decl for decl in prelude().decls if isinstance(decl, ast.UpdateDecl)}
NAMES = {
    "train": {*TRAIN},
    "tune": {*FIRST, *EACH},
    "data": {*DATA},
    "function": {*FUNCTIONS, "conv", "max_pool", "mean_pool"},
    "update rule": {*RULES, "bfgs", "clip"},
    "argument": {param.name for decl in RULES.values() for param in decl.params} | {"norm"},
}


@pytest.mark.parametrize("place", NAMES)
def test_what_is_meant_is_a_name_here_and_the_foreign_word_is_none(place: str) -> None:
    assert set(MEANT[place].values()) <= NAMES[place]
    assert not set(MEANT[place]) & NAMES[place]
    assert all(word == word.lower() for word in MEANT[place])
    assert not set(PHRASES.get(place, {})) & NAMES[place]


@pytest.mark.parametrize(
    ("name", "place", "names", "expected"),
    [
        ("SGD", "update rule", RULES, "did you mean `sgd`?"),
        ("CrossEntropyLoss", "function", FUNCTIONS, "did you mean `cross_entropy`?"),
        ("maxpool", "function", (*FUNCTIONS, "max_pool"), "did you mean `max_pool`?"),
        ("lr", "target", ("rate", "train.steps"), "did you mean `rate`?"),
        ("epochs", "target", ("rate", "train.steps"), "did you mean `train.steps`?"),
        ("cosine", "update rule", RULES, "it is a schedule, an argument of a rule: `update = sgd(rate: cosine(0.1))`"),
        ("pow", "function", FUNCTIONS, "write `x ^ y`"),
    ],
)
def test_a_foreign_name_is_understood(name: str, place: str, names: tuple[str, ...], expected: str) -> None:
    assert did_you_mean(name, names, place) == expected


def test_of_many_names_the_nearest_are_listed() -> None:
    text = did_you_mean("qqqqsoftqqqqq", FUNCTIONS, "function")
    assert text.startswith("the nearest functions are ")
    assert text.endswith("; `drmadc explain functions` lists all")
    assert text.count(",") == 4
    many = [f"unit{number}" for number in range(40)]
    assert did_you_mean("xyz", many, "member").endswith("; 35 more")
