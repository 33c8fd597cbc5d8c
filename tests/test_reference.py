"""The reference and the editor's grammar name the functions and layers of the tables: they are written from them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drmadc.language.layers.layer import Layer
from drmadc.language.reference import explanation, highlight_pattern, listing, markdown_table
from drmadc.language.registry import CALLS, ELEMENTWISE, FUNCTIONS, LAYERS, SCHEDULES
from tests.conftest import ROOT

REFERENCE = ROOT / "grammar" / "README.md"
GRAMMAR = ROOT / "grammar" / "drm.tmLanguage.json"
TABLE = re.compile(r"(<!-- functions: .*? -->\n).*?(<!-- end of functions -->)", re.DOTALL)
PATTERN = re.compile(r'("function": \{ "match": )".*?"(?=, "name": "support.function.drm")')


def test_the_reference_has_the_table_of_functions(golden: Callable[[Path, str], None]) -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    assert len(TABLE.findall(page)) == 1
    golden(REFERENCE, TABLE.sub(lambda found: found[1] + "\n" + markdown_table() + "\n" + found[2], page))


def test_the_editor_knows_the_functions(golden: Callable[[Path, str], None]) -> None:
    text = GRAMMAR.read_text(encoding="utf-8")
    assert len(PATTERN.findall(text)) == 1
    golden(GRAMMAR, PATTERN.sub(lambda found: found[1] + json.dumps(highlight_pattern()), text))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_can_be_explained(name: str) -> None:
    op = FUNCTIONS[name]
    assert op.signature == name or op.signature.startswith(f"{name}(")
    assert op.signature in explanation(name)
    assert op.about in listing()


def test_names_are_unique() -> None:
    assert len(ELEMENTWISE) + len(CALLS) + len(SCHEDULES) + len(LAYERS) == len(
        {*ELEMENTWISE, *CALLS, *SCHEDULES, *LAYERS}
    )
    assert {name for name, op in FUNCTIONS.items() if isinstance(op, Layer)} == set(LAYERS)
