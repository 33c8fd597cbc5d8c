"""Parsing and formatting: round trips, comments, recovery; and that no text leads to a traceback."""

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from drmadc.common.diagnostics.model import Bag
from drmadc.common.diagnostics.render import as_json, render
from drmadc.common.source import SourceFile
from drmadc.compiler.driver import compile_source
from drmadc.ir import nodes, program, reverse, types
from drmadc.language.strategies.registry import STRATEGIES
from drmadc.syntax import grammar
from drmadc.syntax import parse as parse_module
from drmadc.syntax.format import format_spec
from drmadc.syntax.parse import parse
from drmadc_grammar import prelude_text
from tests.conftest import CASES, ROOT, compiled

VALID = {path.name: path.read_text() for folder in (CASES / "ok", ROOT / "specs") for path in folder.glob("*.drm")}
VALID["prelude.drm"] = prelude_text()
PIECES = [
    "train",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "=",
    ":",
    ",",
    "of",
    "on",
    "each",
    "'",
    "w'",
    "1e9",
    "^",
    "-",
    "é",
    "\0",
    "\n",
]


def parsed(text: str) -> tuple[object, Bag]:
    bag = Bag()
    return parse(SourceFile("x.drm", text), bag), bag


@pytest.mark.parametrize("name", VALID)
def test_format_then_parse_is_the_same_tree(name: str) -> None:
    tree, bag = parsed(VALID[name])
    assert not bag.failed
    text = format_spec(tree)
    again, _ = parsed(text)
    assert again == tree
    assert format_spec(again) == text
    assert sorted(c.text for c in again.comments) == sorted(c.text for c in tree.comments)


def test_every_terminal_has_a_word() -> None:
    """Messages name what is expected; Lark's own names of terminals are not for people."""
    named = {terminal.name for terminal in grammar.parser().terminals} - {"COMMENT", "__IGNORE_0"}
    assert named <= parse_module._WORDS.keys() | parse_module._OPERATORS


@pytest.mark.parametrize("case", ["mnist_l2", "adam_all", "own_rule", "units"])
def test_repr_of_ir_evaluates_to_it(case: str) -> None:
    ir = compiled(case).ir
    names = {**vars(nodes), **vars(types), **vars(program), **vars(reverse), **{s.__name__: s for s in STRATEGIES}}
    assert eval(repr(ir), names) == ir


def test_messy_layout_keeps_every_comment_in_its_place() -> None:
    text = """# head
  hyper   a :positive=1 # behind a

# before w
params w: real = 2
train{ # behind the brace
# above
loss=w^2;update=sgd(rate:a) # behind update
steps=3
# last
} # behind the block
tune { minimize = w  update = sgd(rate: 1)  steps = 1 }
# end
"""
    tree, bag = parsed(text)
    assert not bag.failed
    assert (
        format_spec(tree)
        == """# head
hyper a: positive = 1  # behind a

# before w
params w: real = 2

train {  # behind the brace
  # above
  loss   = w ^ 2
  update = sgd(rate: a)  # behind update
  steps  = 3
  # last
}  # behind the block

tune {
  minimize = w
  update   = sgd(rate: 1)
  steps    = 1
}

# end
"""
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-x ^ 2", "-x ^ 2"),
        ("(-x) ^ 2", "(-x) ^ 2"),
        ("x ^ -y ^ z", "x ^ -y ^ z"),
        ("(x ^ y) ^ z", "(x ^ y) ^ z"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a * b) * c / d", "a * b * c / d"),
        ("a * (b + c) on valid", "a * (b + c) on valid"),
        ("(a on valid) + b", "(a on valid) + b"),
    ],
)
def test_brackets_of_expressions(text: str, expected: str) -> None:
    tree, bag = parsed(f"let x = {text}")
    assert not bag.failed
    assert format_spec(tree) == f"let x = {expected}\n"


def survives(text: str) -> None:
    """Compile a text; whatever comes out must be diagnostics that can be drawn."""
    result = compile_source(SourceFile("fuzz.drm", text))
    assert result.ok or result.diagnostics
    drawn = render(result.diagnostics)
    assert isinstance(drawn, str)
    for item in result.diagnostics:
        as_json(item)
        assert item.message()
        assert item.code


def mutate(text: str, draws: random.Random) -> str:
    """A few random edits: characters, words and lines removed, doubled, swapped or inserted."""
    for _ in range(draws.randint(1, 4)):
        kind = draws.randrange(6)
        lines = text.split("\n")
        if kind == 0 and text:
            at = draws.randrange(len(text))
            text = text[:at] + text[at + draws.randint(1, 5) :]
        elif kind == 1:
            at = draws.randrange(len(text) + 1)
            text = text[:at] + draws.choice(PIECES) + text[at:]
        elif kind == 2:
            del lines[draws.randrange(len(lines))]
            text = "\n".join(lines)
        elif kind == 3:
            lines.insert(draws.randrange(len(lines) + 1), draws.choice(lines or [""]))
            text = "\n".join(lines)
        elif kind == 4:
            words = text.split(" ")
            a, b = draws.randrange(len(words)), draws.randrange(len(words))
            words[a], words[b] = words[b], words[a]
            text = " ".join(words)
        else:
            text = text[: draws.randrange(len(text) + 1)]
    return text


@pytest.mark.parametrize("seed", range(4))
def test_mutated_specs_never_crash(seed: int) -> None:
    draws = random.Random(seed)
    texts = list(VALID.values())
    for _ in range(500):
        survives(mutate(draws.choice(texts), draws))


@pytest.mark.long
def test_many_mutated_specs_never_crash() -> None:
    draws = random.Random()
    texts = list(VALID.values())
    for _ in range(20000):
        survives(mutate(draws.choice(texts), draws))


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_never_crashes(text: str) -> None:
    survives(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "hyper", "let", "x", "3", "real", "loss", "sum", "tune", "+"]), max_size=40))
def test_any_words_never_crash(words: list[str]) -> None:
    survives(" ".join(words))
