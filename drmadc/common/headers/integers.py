"""The largest of many whole numbers in a file, without NumPy."""

import sys
from array import array
from typing import IO

TYPES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q"}
CHUNK = 1 << 22  # bytes


def largest(file: IO[bytes], kind: str, *, big_endian: bool) -> int:
    """The largest of the whole numbers that the rest of a file holds; -1 where one is negative or there are none.

    Args:
        kind: NumPy's type string without byte order, one of TYPES; -1 for another.
    """
    most = -1
    if kind not in TYPES:
        return most
    while chunk := file.read(CHUNK):
        numbers = array(TYPES[kind])
        numbers.frombytes(chunk[: len(chunk) // numbers.itemsize * numbers.itemsize])
        if big_endian != (sys.byteorder == "big"):
            numbers.byteswap()
        if not numbers or min(numbers) < 0:
            return -1
        most = max(most, max(numbers))
    return most
