"""Files of strangers: what is damaged, encrypted or endless is one diagnostic; odd numbers are read rightly."""

import gzip
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drmadc
from drmadc_runtime.data.sources.files import native
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.program.executor import Executor

TEXT = """
data d { source = SOURCE  x: real[3] = x  split = { train: 10, valid: 5 } }
params w: real[3] = 0
hyper h: positive = 0.1
train { loss = mean((x * w - h) ^ 2)  update = sgd(rate: 0.1)  batch = 5  steps = 2 }
tune { minimize = mean((x * w) ^ 2) on valid  update = sgd(rate: 0.1)  steps = 1 }
"""


def message(source: str) -> str:
    """The first line of what the compiler says of a source."""
    began = time.monotonic()
    with pytest.raises(drmadc.SpecError) as caught:
        drmadc.compile_text(TEXT.replace("SOURCE", source))
    assert time.monotonic() - began < 20  # 5 s on a machine that does nothing else
    return str(caught.value).partition("\n")[0]


def npy(kind: str, shape: str) -> bytes:
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(240)


def flagged(data: bytes, flag: Callable[[bytearray, int, int], None]) -> bytes:
    """An archive whose members are changed in their entries of the table and in their own headers."""
    changed = bytearray(data)
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := data.find(magic, at + 1)) >= 0:
            flag(changed, at, offset)
    return bytes(changed)


def encrypted(data: bytearray, at: int, offset: int) -> None:
    data[at + offset] |= 1


def another_method(data: bytearray, at: int, offset: int) -> None:
    data[at + offset + 2] = 99


@pytest.mark.parametrize("ending", ["npz", "npy", "idx", "csv"])
def test_a_pipe_is_not_waited_for(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"p.{ending}"
    os.mkfifo(path)
    given = f'x: "{path}"' if ending in ("npy", "idx") else f'"{path}"'
    assert "it is not a regular file" in message(f"{ending}({given})")


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("''", "(20, 3)"),
        ("'<f4'", "5"),
        ("'<f4'", "('a',)"),
        ("'<f4'", "(-1, 3)"),
        ("'<f4'", "(1.5,)"),
        ("'4f'", "(2,)"),
    ],
)
def test_headers_that_lie(kind: str, shape: str, tmp_path: Path) -> None:
    (tmp_path / "h.npy").write_bytes(npy(kind, shape))
    assert "it has a corrupt header" in message(f'npy(x: "{tmp_path / "h.npy"}")')


@pytest.mark.parametrize(("flag", "text"), [(encrypted, "is encrypted"), (another_method, "an unknown method")])
def test_members_that_cannot_be_read(flag: Callable[[bytearray, int, int], None], text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((20, 3)))
    path.write_bytes(flagged(path.read_bytes(), flag))
    assert text in message(f'npz("{path}")')


def test_archives_that_explode(tmp_path: Path) -> None:
    """Zeros, 300 MB of them, in a file of 300 kB."""
    packed = zlib.compressobj(wbits=31)
    zeros = bytes(10_000_000)
    data = packed.compress(b"x\n") + b"".join(packed.compress(zeros) for _ in range(30)) + packed.flush()
    (tmp_path / "t.csv.gz").write_bytes(data)
    assert "expand to more than 134 MB" in message(f'csv("{tmp_path / "t.csv.gz"}")')
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        for _ in range(30):
            file.write(zeros)
    assert "expand to more than 134 MB" in message(f'npz("{tmp_path / "a.npz"}")')
    with gzip.open(tmp_path / "small.csv.gz", "wt") as table:
        table.write("x\n" + "1\n" * 100)
    assert "real[3]" in message(f'csv("{tmp_path / "small.csv.gz"}")')


def test_a_picture_of_too_many_pixels(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(png)
    assert "1.png has too many pixels" in message(f'images("{tmp_path}")')


@pytest.mark.parametrize("kind", [">f8", ">f4", "longdouble", "<f4"])
def test_numbers_of_any_byte_order(kind: str, tmp_path: Path) -> None:
    values = np.arange(60.0).reshape(20, 3)
    np.savez(tmp_path / "a.npz", x=values.astype(kind))
    program = drmadc.compile_text(TEXT.replace("SOURCE", f'npz("{tmp_path / "a.npz"}")'))
    (splits,) = Executor(program.emitted).data(0)
    rows = {tuple(row) for row in np.asarray(splits["train"]["x"])}
    assert rows < {tuple(row) for row in values.astype(np.float32)}


def test_whole_numbers_do_not_wrap() -> None:
    assert native(np.array([2**63 - 1], np.uint64))[0] == 2**63 - 1
    with pytest.raises(ValueError, match="below 2\\^63"):
        native(np.array([2**63], np.uint64))


def test_labels_that_are_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones((20, 3)), y=np.full(20, 2**63, np.uint64))
    text = TEXT.replace("SOURCE", f'npz("{path}")').replace("x: real[3] = x", "x: real[3] = x  y: class[3] = y")
    text = text.replace("loss = mean((x * w - h) ^ 2)", "loss = mean((x * w - h) ^ 2) + 0 * cross_entropy(x, y)")
    with pytest.raises((DataError, drmadc.SpecError), match=r"2\^63|9,?223"):
        Executor(drmadc.compile_text(text).emitted).data(0)
