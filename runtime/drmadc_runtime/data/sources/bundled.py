"""Data sets that ship with this package: MNIST, Omniglot, and the small digits of scikit-learn."""

import hashlib
import io
import lzma
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from drmadc_common.idx import read_header
from drmadc_common.omniglot import CHARACTERS, DRAWERS, SETS
from drmadc_runtime.data.sources.request import DataError, Raw

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def _idx(name: str) -> npt.NDArray[np.uint8]:
    packed = (files("drmadc_runtime") / "data" / "bundled" / "mnist" / f"{name}.xz").read_bytes()
    try:
        raw = lzma.decompress(packed)
    except lzma.LZMAError as error:
        raise DataError(f"the bundled MNIST file {name}.xz is corrupt ({error}); reinstall drmadc") from error
    if hashlib.sha256(raw).hexdigest() != MNIST_SHA256[name]:
        raise DataError(f"the bundled MNIST file {name}.xz was modified; reinstall drmadc")
    header = read_header(io.BytesIO(raw))
    return np.frombuffer(raw, np.uint8, offset=header.length).reshape(header.shape)


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
Images = npt.NDArray[np.uint8]


@cache
def omniglot(alphabets: str) -> tuple[Images, ...]:
    """Omniglot: for each alphabet of the set (small1, small2 or all) uint8[characters, 20 drawers, 28, 28], 1 is ink.

    Raises:
        DataError: when the embedded files are not the original ones.
    """
    folder = files("drmadc_runtime") / "data" / "bundled" / "omniglot"
    try:
        raw = lzma.decompress((folder / "images.xz").read_bytes())
    except lzma.LZMAError as error:
        raise DataError(f"the bundled Omniglot images are corrupt ({error}); reinstall drmadc") from error
    if hashlib.sha256(raw).hexdigest() != OMNIGLOT_SHA256:
        raise DataError("the bundled Omniglot images were modified; reinstall drmadc")
    bits = np.unpackbits(np.frombuffer(raw, np.uint8)).reshape(-1, DRAWERS, 28, 28)
    ends = np.cumsum(list(CHARACTERS.values()))
    by_name = dict(zip(CHARACTERS, np.split(bits, ends[:-1]), strict=True))
    return tuple(by_name[name] for name in SETS[alphabets])


DIGITS_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"


@cache
def digits() -> Raw:
    """Handwritten 8×8 digits pixels: image uint8[1797, 8, 8] from 0 to 16, and label int32[1797].

    The test set of the UCI set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998), as scikit-learn
    ships it.

    Raises:
        DataError: when the embedded file is not the original one.
    """
    try:
        raw = lzma.decompress((files("drmadc_runtime") / "data" / "bundled" / "digits" / "digits.xz").read_bytes())
    except lzma.LZMAError as error:
        raise DataError(f"the bundled digits are corrupt ({error}); reinstall drmadc") from error
    if hashlib.sha256(raw).hexdigest() != DIGITS_SHA256:
        raise DataError("the bundled digits were modified; reinstall drmadc")
    rows = np.frombuffer(raw, np.uint8).reshape(1797, 65)
    return {"train": {"image": rows[:, :64].reshape(-1, 8, 8), "label": rows[:, 64].astype(np.int32)}}
