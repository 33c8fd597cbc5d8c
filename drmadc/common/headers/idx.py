"""Headers of IDX files, the format of MNIST; plain or compressed by gzip."""

import gzip
import zlib
from pathlib import Path

from drmadc.common.headers.header import BadFile, Header

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx(path: Path) -> Header:
    """The array of an IDX file: two zero bytes, type, number of dimensions, their sizes, big-endian numbers.

    Raises:
        BadFile: it is not there, has another magic number, or is cut off.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(4)
            kind = KINDS.get(head[2]) if len(head) == 4 and head[:2] == b"\0\0" else None
            if kind is None or not head[3]:
                raise BadFile(f"it is not an IDX file: it begins with the bytes {head.hex(' ')}")
            sizes = file.read(4 * head[3])
    except FileNotFoundError:
        raise BadFile("there is no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BadFile("it is cut off or damaged") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    if len(sizes) < 4 * head[3]:
        raise BadFile("it is cut off in its header")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    wanted = int(kind[1])
    for n in shape:
        wanted *= n
    if not packed and path.stat().st_size - 4 - len(sizes) < wanted:
        there = path.stat().st_size - 4 - len(sizes)
        raise BadFile(f"it is cut off: {wanted:,} bytes of numbers are announced, {there:,} are there")
    return Header(kind, shape)
