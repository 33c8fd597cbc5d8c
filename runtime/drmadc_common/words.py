"""Text as words: what a word is."""

import re
from pathlib import Path

WORD = re.compile(r"\w+|[^\w\s]")


def words(path: Path) -> list[str]:
    """The words and punctuation marks of a UTF-8 file in order, in lower case.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    return WORD.findall(path.read_text(encoding="utf-8").lower())
