"""Messages on one page: every class of diagnostics is there, and none is phrased in a banned way."""

import re

import pytest

from drmadc.common.diagnostics.model import Diagnostic
from tests.messages import Message, diagnostic_classes, diagnostics, other_texts, page, rendered

BANNED = (
    r"belongs? into",
    r"\bthere (is|are) no\b",
    r"\bthere is already\b|\bis there already\b",
    r"\bcannot serve\b|\bserves? (it|every|this|any)\b",
    r"\bof each example\b",
    r"\bis no (type|picture|run folder|strategy|number|array)\b",
    r"\bare announced\b",
    r"\bcome to rest\b|\bcomes to rest\b",
    r"\bwhole numbers?\b",
    r"\bclos(es|ing) the circle\b",
    r"\bit is called as\b",
    r"\bnothing here says\b",
    r"\bdo not go together\b",
    r"\bgo on with\b",
    r"\bon the way back\b",
    r"\bmust be left out\b",
    r"\bis damaged\b|\bis cut off\b",
)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return diagnostics() + other_texts()


def test_the_page_shows_every_diagnostic_and_what_is_raised() -> None:
    text = page()
    for cls in diagnostic_classes():
        assert f"{cls.code} {cls.__name__} ({cls.__module__})" in text
    assert "such as `train` has no setting `los` | unknown setting | did you mean `loss`?" in text
    assert re.search(r"\d+ DataError: \{path\} is not a valid image", text)
    assert "help: Tune the hyperparameters of SPEC" in text


@pytest.mark.parametrize("pattern", BANNED)
def test_no_message_is_phrased_in_a_banned_way(messages: list[Message], pattern: str) -> None:
    found = [f"{message.where}: {message.text}" for message in messages if re.search(pattern, message.text)]
    assert not found, "\n".join(found)


def leaves() -> list[type[Diagnostic]]:
    bases = {base for cls in diagnostic_classes() for base in cls.__mro__[1:]}
    return [cls for cls in diagnostic_classes() if cls not in bases]


def test_every_diagnostic_says_what_is_wrong() -> None:
    assert not [cls.__name__ for cls in leaves() if cls.message.__qualname__ == "Diagnostic.message"]


def test_every_diagnostic_is_rendered_by_a_bad_case() -> None:
    """A message that no golden holds was read by nobody."""
    assert {cls.__name__ for cls in leaves()} - rendered().keys() == set()
