"""What is known of an array in a file before it is read."""

from dataclasses import dataclass


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
