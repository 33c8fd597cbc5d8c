"""Words of a text file."""

from pathlib import Path

from drmadc.common.headers.header import BadFile
from drmadc_common.words import words


def count_words(path: Path) -> int:
    """The number of words of a file.

    Raises:
        BadFile: it is not UTF-8 text, or cannot be read.
    """
    try:
        return len(words(path))
    except UnicodeDecodeError as error:
        raise BadFile(f"it is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
