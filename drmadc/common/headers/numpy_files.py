"""Headers of .npz and .npy files (numpy.lib.format)."""

import ast
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from drmadc.common.headers import integers
from drmadc.common.headers.header import BadFile, Header
from drmadc_common.tables.archive import check_archive

LONGEST = 1 << 20  # bytes of a header; NumPy writes 128
DESCRIPTION = re.compile(r"[<>=|]?[A-Za-z?]\d*(\[\w+\])?")


def npz(path: Path) -> dict[str, Header]:
    """The arrays of a .npz file by name.

    Raises:
        BadFile: it is not there, is not a .npz file, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive)
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            found: dict[str, Header] = {}
            for name in names:
                with archive.open(name) as file:
                    found[name.removesuffix(".npy")] = _header(file, f"`{name}` in it")
            return found
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except zipfile.BadZipFile:
        raise BadFile("it is not a valid .npz file") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    except BadFile:
        raise
    except ValueError as error:
        raise BadFile(str(error)) from error


def npy(path: Path) -> Header:
    """The array of a .npy file.

    Raises:
        BadFile: it is not there, is not a .npy file, or is shorter than its header says.
    """
    try:
        with path.open("rb") as file:
            header = _header(file, "it")
            there = path.stat().st_size - file.tell()
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    wanted = _bytes(header)
    if wanted is not None and there < wanted:
        raise BadFile(f"it is truncated: the header declares {wanted:,} bytes, the file has {max(there, 0):,}")
    return header


def largest(path: Path, name: str = "") -> int:
    """The largest of the whole numbers of a .npy file, or of the array `name` of a .npz file; -1 as `integers` says.

    Raises:
        BadFile: it cannot be read.
    """
    try:
        if not name:
            with path.open("rb") as file:
                return _largest(file)
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            return _largest(member)
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadFile(f"it cannot be read ({error})") from error


def _largest(file: IO[bytes]) -> int:
    kind, _ = _described(file, "it")
    return integers.largest(file, kind.lstrip("<>=|"), big_endian=kind.startswith(">"))


def _bytes(header: Header) -> int | None:
    """Bytes of an array of numbers; None for text and objects."""
    if header.kind[0] not in "fiub" or not header.kind[1:].isdigit():
        return None
    count = int(header.kind[1:])
    for n in header.shape:
        count *= n
    return count


def _header(file: IO[bytes], what: str) -> Header:
    kind, shape = _described(file, what)
    return Header(kind.lstrip("<>=|"), shape)


def _described(file: IO[bytes], what: str) -> tuple[str, tuple[int, ...]]:
    """Type string and shape of an array, by its header: magic, version, length, then a Python literal."""
    start = file.read(8)
    if start[:6] != b"\x93NUMPY":
        raise BadFile(f"{what} is not a .npy array")
    wide = start[6] > 1
    try:
        (length,) = struct.unpack("<I" if wide else "<H", file.read(4 if wide else 2))
        if length > LONGEST:
            raise ValueError(length)
        text = file.read(length)
        table = ast.literal_eval(text.decode("utf-8" if wide else "latin-1"))
        kind, shape = table["descr"], table["shape"]
    except (struct.error, SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise BadFile(f"{what} has a corrupt header") from error
    sized = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not sized or (isinstance(kind, str) and not DESCRIPTION.fullmatch(kind)):
        raise BadFile(f"{what} has a corrupt header")
    return (kind, shape) if isinstance(kind, str) else ("V", shape)  # fields of a structured array
