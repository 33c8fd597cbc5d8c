"""`--set l2=0.01,0.1`: the values that a setting takes in a group of runs, and all combinations of several settings."""

import re
from collections.abc import Iterable
from itertools import product

_SHAPE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=")
_OPEN, _CLOSE = "([{", ")]}"


class NotASetting(ValueError):
    """Says what is wrong with the text and how it should look."""


def alternatives(text: str) -> tuple[str, ...]:
    """Overrides, one for each value of `TARGET=VALUE,VALUE`.

    A comma inside brackets or quotes belongs to its value; single quotes around a value are taken away.

    Raises:
        NotASetting: there is no target, or a value is empty.
    """
    found = _SHAPE.match(text)
    if found is None:
        raise NotASetting(f"`{text}` is not a setting; write for example l2=0.01,0.1")
    values = [_bare(value) for value in _cut(text[found.end() :])]
    if not all(values):
        raise NotASetting(f"`{text}` has an empty value; write for example l2=0.01,0.1")
    return tuple(f"{found[1]}={value}" for value in values)


def combinations(settings: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Every combination of the alternatives, the last one varying fastest; without any, the empty one."""
    return tuple(product(*settings))


def _bare(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] == "'" and "'" not in value[1:-1]
    return value[1:-1].strip() if quoted else value


def _cut(text: str) -> list[str]:
    """The parts between the commas that stand in neither brackets nor quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += 0 if quote else (character in _OPEN) - (character in _CLOSE)
        if character == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return parts
