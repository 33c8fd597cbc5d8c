"""What the text in a cell of a table means: a number, a date, a word, or that the value is missing."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

MISSING = frozenset(("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "#N/A", "<NA>"))
"""Texts that stand for a missing value; spaces around a text do not count."""

CellKind = Literal["whole", "number", "decimal comma", "date", "word"]
TRUTH = {"false": 0.0, "true": 1.0}
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400.0


def whole(text: str) -> int:
    """A whole number; `1_000` is none.

    Raises:
        ValueError: it is not one.
    """
    if "_" in text:
        raise ValueError(text)
    return int(text)


def number(text: str) -> float:
    """A number; `1_000` is none.

    Raises:
        ValueError: it is not one.
    """
    if "_" in text:
        raise ValueError(text)
    return float(text)


def decimal_comma(text: str) -> float:
    """A number whose decimals follow a comma, `3,14`; or a whole number.

    Raises:
        ValueError: it is not one.
    """
    return number(text.replace(",", ".", 1) if DECIMAL_COMMA.fullmatch(text) else text)


def days(text: str) -> float:
    """Days since 1970-01-01 of an ISO 8601 date, or date and time; a time without a zone is in UTC.

    Raises:
        ValueError: it is not one.
    """
    if not DATE.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH).total_seconds() / DAY


READERS: Mapping[CellKind, Callable[[str], float]] = {
    "whole": whole,
    "number": number,
    "decimal comma": decimal_comma,
    "date": days,
}
"""The kinds that are numbers, from the narrowest, and what makes a number of a text."""


def kind_of(texts: Iterable[str], separator: str) -> CellKind:
    """The narrowest kind that holds every text; none of them is missing.

    A comma is a decimal point only in tables that it does not separate.
    """
    texts = tuple(texts)
    for kind, read in READERS.items():
        if (kind != "decimal comma" or separator != ",") and all(reads(text, read) for text in texts):
            return kind
    return "word"


def misread(texts: Iterable[str], separator: str) -> frozenset[str]:
    """The texts that keep a column from being numbers: those that the reader of most others does not accept."""
    texts = frozenset(texts)
    readers = [read for kind, read in READERS.items() if kind != "decimal comma" or separator != ","]
    return min((frozenset(text for text in texts if not reads(text, read)) for read in readers), key=len)


def reads(text: str, read: Callable[[str], float]) -> bool:
    """Whether a reader accepts a text."""
    try:
        read(text)
    except ValueError:
        return False
    return True
