"""What is known of an array in a file before it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from drmadc_common.printable import printable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Header:
    """An array in a file: NumPy's type string without byte order (`f8`, `u1`, `U7` for text, `O`), and its shape.

    Of columns of a table also: `example`, the first value that is not a number, and where it stands; the number of
    `missing` values of each column that has some, among the first `examined` rows.
    """

    kind: str
    shape: tuple[int, ...]
    example: str = ""
    missing: tuple[tuple[str, int], ...] = ()
    examined: int = 0


class BadFile(ValueError):
    """A file that cannot be used; the message says why."""


def examined(path: Path, read: Callable[[Path], T]) -> T:
    """What a reader finds in a file or folder, of which anything may be wrong.

    Raises:
        BadFile: it is not there, is a pipe or a device, or is damaged.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise BadFile("it is not a regular file")  # a pipe would wait for who writes into it
        return read(path)
    except BadFile:
        raise
    except Exception as error:  # readers of other formats raise a dozen types of error on damaged bytes
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BadFile(f"it cannot be read ({printable(reason)})") from error
