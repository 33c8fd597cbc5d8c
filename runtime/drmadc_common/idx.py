"""IDX files, the format of MNIST: magic number, sizes, then big-endian numbers; plain or compressed by gzip."""

import gzip
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, cast

from drmadc_common.tables.archive import bounded

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


@dataclass(frozen=True, slots=True)
class IdxHeader:
    """The type of the numbers, NumPy's string without byte order, and the shape of the array."""

    kind: str
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """Bytes of the header, where the numbers begin."""
        return 4 + 4 * len(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return int(self.kind[1]) * prod(self.shape)


def is_gzip(path: Path) -> bool:
    """Whether a file is compressed.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_idx(path: Path) -> IO[bytes]:
    """The bytes of a file, decompressed.

    Raises:
        OSError: it cannot be read.
    """
    if not is_gzip(path):
        return path.open("rb")
    return bounded(cast("IO[bytes]", gzip.open(path)), path.stat().st_size)


def read_header(file: IO[bytes]) -> IdxHeader:
    """The header at the beginning of a file: two zero bytes, the type, the number of dimensions, their sizes.

    Raises:
        ValueError: it is not one, or it is cut off.
    """
    magic = file.read(4)
    kind = TYPES.get(magic[2]) if len(magic) == 4 and magic[:2] == b"\0\0" else None
    if kind is None or not magic[3]:
        raise ValueError(f"it is not an IDX file: it begins with the bytes {magic.hex(' ')}")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ValueError("it is truncated within its header")
    return IdxHeader(kind, tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4)))


def truncated(header: IdxHeader, found: int) -> str:
    """What to say of a file with only `found` bytes of numbers."""
    return f"it is truncated: the header declares {header.size:,} bytes, the file has {max(found, 0):,}"
