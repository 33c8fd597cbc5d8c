"""What is known of an array in a file before it is read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """An array in a file: NumPy's type string without byte order (`f8`, `u1`, `U7` for text, `O`), and its shape.

    `words` is, of a column that is not all numbers, the first value that is none, and where it stands.
    """

    kind: str
    shape: tuple[int, ...]
    words: str = ""


class BadFile(ValueError):
    """A file that cannot be used; the message says why."""
