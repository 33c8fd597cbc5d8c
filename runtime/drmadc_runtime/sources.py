"""Data sources: raw arrays by part (train, test) and field. MNIST ships with this package."""

import hashlib
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Raw = Mapping[str, Mapping[str, npt.NDArray[np.generic]]]

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class DataError(RuntimeError):
    """Data that cannot be used; the message says what, where and what to do."""


def _idx(name: str) -> npt.NDArray[np.uint8]:
    packed = (files("drmadc_runtime") / "mnist" / f"{name}.xz").read_bytes()
    try:
        raw = lzma.decompress(packed)
    except lzma.LZMAError as error:
        raise DataError(f"the embedded MNIST file {name}.xz is damaged ({error}); install drmadc again") from error
    if hashlib.sha256(raw).hexdigest() != MNIST_SHA256[name]:
        raise DataError(f"the embedded MNIST file {name}.xz was changed; install drmadc again")
    dimensions = raw[3]
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions)]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


@cache
def mnist() -> Raw:
    """MNIST: image uint8[n, 28, 28] and label int32[n], 60,000 for training and 10,000 for testing.

    Raises:
        DataError: when the embedded files are not the original ones.
    """
    return {
        "train": {
            "image": _idx("train-images-idx3-ubyte"),
            "label": _idx("train-labels-idx1-ubyte").astype(np.int32),
        },
        "test": {
            "image": _idx("t10k-images-idx3-ubyte"),
            "label": _idx("t10k-labels-idx1-ubyte").astype(np.int32),
        },
    }


OMNIGLOT_SHA256 = "d9394bdc62138df00b8a5a892a1e81f4021cb6a1f574ca18c38fec92854d5c75"
DRAWERS = 20
Images = npt.NDArray[np.uint8]


@cache
def omniglot(alphabets: str) -> tuple[Images, ...]:
    """Omniglot: for each alphabet of the set (small1, small2 or all) uint8[characters, 20 drawers, 28, 28], 1 is ink.

    Raises:
        DataError: when the embedded files are not the original ones.
    """
    folder = files("drmadc_runtime") / "omniglot"
    try:
        raw = lzma.decompress((folder / "images.xz").read_bytes())
    except lzma.LZMAError as error:
        raise DataError(f"the embedded Omniglot images are damaged ({error}); install drmadc again") from error
    if hashlib.sha256(raw).hexdigest() != OMNIGLOT_SHA256:
        raise DataError("the embedded Omniglot images were changed; install drmadc again")
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    bits = np.unpackbits(np.frombuffer(raw, np.uint8)).reshape(-1, DRAWERS, 28, 28)
    ends = np.cumsum(list(index["alphabets"].values()))
    by_name = dict(zip(index["alphabets"], np.split(bits, ends[:-1]), strict=True))
    names = index["alphabets"] if alphabets == "all" else index["sets"][alphabets]
    return tuple(by_name[name] for name in names)


@cache
def npz(path: str, fields: tuple[str, ...]) -> Raw:
    """The named arrays of a .npz file, each over examples; labels as int32.

    Raises:
        DataError: the file is not there, damaged, or holds what is not a finite number; says which array and row.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in fields}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for name, values in arrays.items():
        if np.issubdtype(values.dtype, np.floating):
            bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
            if bad.any():
                raise DataError(
                    f"{path}: `{name}` is not finite in row {int(np.argmax(bad))} ({int(bad.sum())} in all)"
                )
        elif np.issubdtype(values.dtype, np.integer) and values.ndim == 1:
            arrays[name] = values.astype(np.int32)
    return {"train": arrays}


def load(source: str, path: str, fields: tuple[str, ...], classes: Mapping[str, int]) -> Raw:
    """A source's arrays; labels of a file are checked against their number of classes.

    Raises:
        DataError: a label is outside of its classes.
    """
    raw = npz(path, fields) if source == "npz" else SOURCES[source]()
    for name, count in classes.items():
        labels = np.asarray(raw["train"][name], np.int64)
        bad = (labels < 0) | (labels >= count)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(f"{path}: `{name}` is {labels[row]} in row {row}; a class is from 0 to {count - 1}")
    return raw


SOURCES: Mapping[str, Callable[[], Raw]] = {"mnist": mnist}
