"""Words of a text file."""

import re
from pathlib import Path

from drmadc.common.headers.header import BadFile

WORD = re.compile(r"\w+|[^\w\s]")


def words_of(path: Path) -> list[str]:
    """Words and signs in order, in lower case.

    Raises:
        BadFile: it is not UTF-8 text.
    """
    try:
        return WORD.findall(path.read_text(encoding="utf-8").lower())
    except UnicodeDecodeError as error:
        raise BadFile(f"it is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
