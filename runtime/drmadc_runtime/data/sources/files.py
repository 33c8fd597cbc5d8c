"""Arrays from files: .npz, .npy (memory-mapped), IDX (memory-mapped), folders of pictures, text."""

import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from drmadc_common.idx import is_gzip, open_idx, read_header, truncated
from drmadc_common.image_folder import images_by_class
from drmadc_common.tables.archive import check_archive
from drmadc_common.words import words
from drmadc_runtime.data.sources.request import Array, DataError, Raw, Request

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
RARER = "<other>"


def _read(path: str, read: Callable[[str], T]) -> T:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise DataError(f"cannot read {path}: it is not a regular file")
        return read(path)
    except DataError:
        raise
    except Exception as error:  # zipfile, gzip and NumPy raise a dozen types of error on damaged bytes
        raise DataError(f"cannot read {path}: {error}") from error


def npz(request: Request) -> Raw:
    """The arrays of .npz files that are read, each whole in memory."""

    def arrays(path: str) -> dict[str, Array]:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive)
        with np.load(path, allow_pickle=False) as file:
            return {name: native(file[name]) for name in request.fields if name in file.files}

    return {part: _read(path, arrays) for part, path in request.files.items()}


def npy(request: Request) -> Raw:
    """A .npy file for each field, mapped into memory: only what is read is loaded."""
    return _each(request, lambda path: native(np.load(path, mmap_mode="r", allow_pickle=False)))


def native(values: Array) -> Array:
    """Numbers in the machine's byte order, those of more than 64 bits rounded to float64; others are not copied.

    Raises:
        ValueError: a whole number is 2^63 or more, which would turn negative further on.
    """
    kind = values.dtype
    if kind == np.uint64 and values.size and int(values.max()) >= 1 << 63:
        raise ValueError(f"it holds {int(values.max()):,}, and integers end below 2^63")
    if kind.kind == "f" and kind.itemsize > 8:
        return values.astype(np.float64)
    return values if kind.isnative else values.astype(kind.newbyteorder("="))


def idx(request: Request) -> Raw:
    """An IDX file for each field, mapped into memory; those compressed by gzip are read whole."""
    return _each(request, idx_array)


def _each(request: Request, read: Callable[[str], Array]) -> Raw:
    return {
        part: {n: _read(p, read) for n, p in paths.items() if n in request.fields}
        for part, paths in request.files.items()
    }


def idx_array(path: str) -> Array:
    """The array of an IDX file in the machine's byte order.

    Raises:
        ValueError: it is no IDX file, or shorter than it says.
    """
    packed = is_gzip(Path(path))
    with open_idx(Path(path)) as file:
        header = read_header(file)
        raw = np.frombuffer(file.read(), np.uint8) if packed else np.memmap(path, np.uint8, "r")[header.length :]
    if len(raw) < header.size:
        raise ValueError(truncated(header, len(raw)))
    kind = np.dtype(f">{header.kind}")
    values = raw[: header.size].view(kind).reshape(header.shape)
    return values if kind.itemsize == 1 else values.astype(kind.newbyteorder("="))


def pictures(request: Request) -> Raw:
    """Pictures in class folders: image uint8[n, rows, columns(, 3)], label by the names of train's folders in order."""
    train = Path(request.files["train"])
    classes = tuple(images_by_class(train))
    out: dict[str, dict[str, Array]] = {}
    for part, path in request.files.items():
        found = images_by_class(Path(path))
        unknown = next((name for name in found if name not in classes), None)
        if unknown is not None:
            raise DataError(f"{path} has a class folder `{unknown}`, but {train} has none of that name")
        paths = [(path, classes.index(name)) for name, paths in found.items() for path in paths]
        out[part] = _folder(paths, request)
    return out


def _folder(paths: list[tuple[Path, int]], request: Request) -> dict[str, Array]:
    shape = tuple(int(n) for n in request.fields["image"][5:-1].split(", ")) if "image" in request.fields else ()
    with ThreadPoolExecutor() as pool:
        images = (
            list(pool.map(lambda found: pixels(found[0], shape, "size" in request.options), paths)) if shape else []
        )
    labels = np.array([label for _, label in paths], np.int32)
    return {"image": np.stack(images), "label": labels} if shape else {"label": labels}


def pixels(path: Path, shape: tuple[int, ...], fit: bool) -> Array:
    """One picture, grey or in colours as the first; cut to its middle and scaled where a size is asked for."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            found = in_bytes(picture).convert("L" if len(shape) == 2 else "RGB")
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is not a valid image; remove it ({error})") from error
    if fit:
        found = ImageOps.fit(found, (shape[1], shape[0]))
    if found.size != (shape[1], shape[0]):
        size = f"{found.size[0]} by {found.size[1]} pixels, the first image {shape[1]} by {shape[0]}"
        raise DataError(f"{path} is {size}; give a size: images(..., size: {shape[0]})")
    return np.asarray(found)


def in_bytes(picture: "Image.Image") -> "Image.Image":
    """A picture whose shades are from 0 to 255; those of 16 bits are divided by 257, rounded.

    Raises:
        ValueError: its shades are floats, or integers that do not fit 16 bits.
    """
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    shades = np.asarray(picture)
    if picture.mode == "F" or shades.min() < 0 or shades.max() > 65535:
        raise ValueError(f"its shades are {shades.dtype} numbers, expected integers of 8 or 16 bits")
    return Image.fromarray(np.round(shades / 257).astype(np.uint8))


def text(request: Request) -> Raw:
    """Windows of bytes or words of a file, one each `stride`, and the byte or word that follows each.

    Windows are a view: those that overlap take no more memory than the text.
    Words are numbered by how often they occur in the train part, from 1; 0 stands for all that are rarer.
    """
    window, most = int(request.options["window"]), int(request.options.get("words", 0))
    stride = int(request.options.get("stride", window))
    numbers: dict[str, int] = {}

    def ranks(path: str) -> Array:
        found = words(Path(path))
        if not numbers:
            numbers.update({word: number for number, word in enumerate(vocabulary(found, most)[1:], 1)})
        return np.array([numbers.get(word, 0) for word in found], np.int32)

    def windows(path: str) -> dict[str, Array]:
        values = ranks(path) if most else np.memmap(path, np.uint8, "r")
        views = np.lib.stride_tricks.sliding_window_view(values[:-1], window)[::stride]
        return {"words" if most else "bytes": views, "next": values[window::stride].astype(np.int32)}

    return {part: _read(path, windows) for part, path in request.files.items()}


def vocabulary(found: list[str], most: int) -> tuple[str, ...]:
    """The words of a text by how often they occur, `most` with RARER, which stands for all others, as the first."""
    common = sorted(Counter(found).items(), key=lambda item: (-item[1], item[0]))
    return (RARER, *(word for word, _ in common[: most - 1]))
