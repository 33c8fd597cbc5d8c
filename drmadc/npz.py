"""What a .npz file holds, by its headers: names, types and shapes, without reading the arrays and without NumPy."""

import ast
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Header:
    """An array in a file: NumPy's type string without byte order (`f8`, `u1`, `U7` for text, `O`), and its shape."""

    kind: str
    shape: tuple[int, ...]


class BadFile(ValueError):
    """A file that cannot be used; the message says why."""


def headers_of(path: Path) -> dict[str, Header]:
    """The arrays of a .npz file by name.

    Raises:
        BadFile: it is not there, is not a .npz file, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _header(archive, name) for name in names}
    except FileNotFoundError:
        raise BadFile("there is no such file") from None
    except zipfile.BadZipFile:
        raise BadFile("it is not a .npz file, or it is cut off") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    """The header of one member: magic, version, length, then a Python literal (numpy.lib.format)."""
    with archive.open(name) as file:
        start = file.read(8)
        if start[:6] != b"\x93NUMPY":
            raise BadFile(f"`{name}` in it is not an array")
        wide = start[6] > 1
        (length,) = struct.unpack("<I" if wide else "<H", file.read(4 if wide else 2))
        try:
            described = ast.literal_eval(file.read(length).decode("latin-1"))
            kind, shape = described["descr"], tuple(described["shape"])
        except (ValueError, SyntaxError, KeyError, TypeError):
            raise BadFile(f"the header of `{name}` in it is damaged") from None
    return Header(kind[1:] if isinstance(kind, str) else "V", shape)
