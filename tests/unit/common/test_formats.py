"""What both sides know of files: IDX headers, tables, image folders, words."""

import gzip
import io
from pathlib import Path

import pytest

from drmadc_common.idx import IdxHeader, open_idx, read_header, truncated
from drmadc_common.image_folder import images_by_class
from drmadc_common.tables.csv_table import open_csv
from drmadc_common.words import words

MNIST = bytes.fromhex("00000803 0000ea60 0000001c 0000001c")


def test_the_header_of_mnist() -> None:
    header = read_header(io.BytesIO(MNIST))
    assert header == IdxHeader("u1", (60000, 28, 28))
    assert (header.length, header.size) == (16, 60000 * 28 * 28)
    assert read_header(io.BytesIO(bytes.fromhex("00000d01 00000003"))).size == 12


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an IDX file"),
        (MNIST[:12], "truncated within its header"),
        (bytes.fromhex("00000a01 00000003"), "00 00 0a 01"),
        (bytes.fromhex("00000800"), "00 00 08 00"),
        (b"\x1f\x8b\x08\x00", "1f 8b 08 00"),
    ],
)
def test_headers_that_are_none(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_header(io.BytesIO(data))


def test_a_truncated_file() -> None:
    assert truncated(IdxHeader("f8", (10, 2)), -1).endswith("declares 160 bytes, the file has 0")


def test_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(MNIST)
    (tmp_path / "packed").write_bytes(gzip.compress(MNIST))
    for name in ("plain", "packed"):
        with open_idx(tmp_path / name) as file:
            assert read_header(file).shape == (60000, 28, 28)


def test_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\ufeffa, b\n1,"x\ny"\n\n2,z\n', encoding="utf-8")
    with open_csv(tmp_path / "t.csv") as table:
        assert table.names == ["a", "b"]
        assert list(table.rows) == [(3, ["1", "x\ny"]), (5, ["2", "z"])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"a,a\n1,2\n", "two columns are called `a`"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 value, but there are 2 columns"),
        (b"a,b\n1,2,3\n", "line 2 has 3 values"),
        (b"a\n\xff\n", "utf-8"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message), open_csv(tmp_path / "t.csv") as table:
        list(table.rows)


def test_images_by_class(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/1.jpeg", "a/x.png", "a/notes.txt", ".hidden/1.png", "loose.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = images_by_class(tmp_path)
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        "a": ["x.png"],
        "b": ["1.jpeg", "2.PNG"],
    }
    assert list(found) == ["a", "b"]


def test_words(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("It's Żółw 3.5!\n", encoding="utf-8")
    assert words(tmp_path / "t") == ["it", "'", "s", "żółw", "3", ".", "5", "!"]
