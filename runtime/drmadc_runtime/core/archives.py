"""Arrays of a run folder: .npz files as this package writes them, and their reader, which trusts no byte of them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drmadc_common.run_folder import CURE, DamagedRun


def zipped(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as the bytes of a .npz file."""
    file = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(file, **named)
    return file.getvalue()


def read_arrays(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None, cure: str = CURE
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file in a run folder. With `shapes`, exactly those, of real numbers.

    Raises:
        DamagedRun: the file is missing or damaged, or holds other arrays.
    """
    try:
        arrays = unzipped(read_bytes(path, cure))
    except ValueError as error:
        raise DamagedRun(path, str(error), cure) from error
    if shapes is None:
        return arrays
    for name in (*shapes, *arrays):
        if name not in shapes or name not in arrays:
            raise DamagedRun(path, f"it has {'no' if name in shapes else 'an unknown'} array `{name}`", cure)
        if arrays[name].shape != shapes[name] or arrays[name].dtype.kind != "f":
            found = f"{arrays[name].dtype}{list(arrays[name].shape)}"
            raise DamagedRun(path, f"`{name}` is {found}, not real{list(shapes[name])}", cure)
    return arrays


def read_bytes(path: Path, cure: str = CURE) -> bytes:
    """A file of a run folder.

    Raises:
        DamagedRun: it is missing or not a regular file.
    """
    try:
        if path.exists() and not path.is_file():
            raise DamagedRun(path, "not a regular file", cure)
        return path.read_bytes()
    except FileNotFoundError:
        raise DamagedRun(path, "it is missing", cure) from None
    except OSError as error:
        raise DamagedRun(path, f"cannot be read ({error.strerror})", cure) from error


def unzipped(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a .npz file, none of which is compressed: no file expands to more than its size.

    Raises:
        ValueError: it is damaged, or not of ours.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile) or file.zip is None:
                raise ValueError("not a .npz file")
            if any(info.compress_type != zipfile.ZIP_STORED for info in file.zip.infolist()):
                raise ValueError("it has compressed members, which drmadc never writes")
            return {name: file[name] for name in file.files}
    except Exception as error:  # zipfile and NumPy's header raise a dozen types of error on damaged bytes
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from error
