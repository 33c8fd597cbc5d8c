"""Files that may be compressed: by gzip, bzip2, xz, or as the only member of a zip archive."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from drmadc_common.tables.archive import bounded, check_archive

ENDINGS = (".gz", ".bz2", ".xz", ".zip")
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile)
"""What reading a compressed file that is cut off or damaged raises, beside OSError."""


def without_ending(name: str) -> str:
    """A file's name without the ending of its compression: `t.csv` for `t.csv.gz`."""
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed as its first bytes tell.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a zip archive of another number of files than one, is encrypted, or expands to too much.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:4] == b"PK\3\4":
        with zipfile.ZipFile(path) as archive:
            check_archive(archive)
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if len(names) != 1:
                raise ValueError(f"the archive holds {len(names)} files; it must hold one")
            with archive.open(names[0]) as member:
                yield member
        return
    opener = _opener(magic)
    if opener is None:
        with path.open("rb") as file:
            yield file
        return
    with opener(path) as packed, bounded(packed, path.stat().st_size) as file:
        yield file


def _opener(magic: bytes) -> Callable[[Path], IO[bytes]] | None:
    """What decompresses a file; None where nothing has to."""
    if magic[:2] == b"\x1f\x8b":
        return lambda path: cast("IO[bytes]", gzip.open(path))
    if magic[:3] == b"BZh":
        return lambda path: cast("IO[bytes]", bz2.open(path))
    if magic == b"\xfd7zXZ\0":
        return lambda path: cast("IO[bytes]", lzma.open(path))
    return None
