"""Every source of one's own: what the compiler knows of it, what the run reads, and what both refuse."""

import csv
import gzip
import struct
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import drmadc
from drmadc.compiler.check.data.sources import OTHERS
from drmadc.compiler.check.errors.source_errors import _FILES as FILES_HELP
from drmadc_runtime.data.resident import gather_host
from drmadc_runtime.data.sources.request import DataError
from tests.conftest import names

SPEC = """
data mine {{
  source = {source}
  {features}
  split  = {split}
}}
params w: real[2] = [1, 2]
hyper l2: positive = 0.01
train {{ loss = {loss} + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 2  steps = 3 }}
tune {{ minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }}
"""
DRAWS = np.random.default_rng(3)


def data(source: str, features: str, split: str = "{ train: 4, valid: 2 }", loss: str = "mean(x)") -> Any:
    text = SPEC.format(source=source, features=features, split=split, loss=loss)
    return drmadc.compile_text(text).emitted.data


def unsupported(source: str, features: str = "x: real[2] = x", split: str = "{ train: 4, valid: 2 }") -> str:
    with pytest.raises(drmadc.SpecError) as caught:
        data(source, features, split)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_csv(path: Path, rows: list[list[object]], names: tuple[str, ...] = ("a b", "b", "kind", "n")) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


ROWS: list[list[object]] = [[0.5 * i, i - 3, "ant" if i % 2 else "bee", i % 3] for i in range(8)]


def idx_bytes(values: np.ndarray) -> bytes:
    kind = {"uint8": 8, "int32": 12}[str(values.dtype)]
    head = bytes([0, 0, kind, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(values.dtype.newbyteorder(">")).tobytes()


def test_an_array_a_file(here: Path) -> None:
    images = DRAWS.integers(0, 255, (6, 2, 3)).astype(np.uint8)
    labels = np.arange(6).astype(np.int32)
    np.save("x.npy", DRAWS.normal(size=(6, 2)))
    np.save("y.npy", labels)
    (here / "i").write_bytes(idx_bytes(images))
    (here / "l.gz").write_bytes(gzip.compress(idx_bytes(labels)))
    found = data('npy(x: "x.npy", y: "y.npy")', "x: real[2] = x\n  z: class[6] = y").raw["train"]
    assert isinstance(found["x"], np.memmap)
    np.testing.assert_array_equal(found["x"], np.load("x.npy"))
    found = data('idx(image: "i", label: "l.gz")', "x: real[6] = flatten(image) / 255\n  y: class[6] = label").raw[
        "train"
    ]
    assert isinstance(found["image"], np.memmap)
    np.testing.assert_array_equal(found["image"], images)
    np.testing.assert_array_equal(found["label"], labels)


def test_damaged_arrays(here: Path) -> None:
    np.save("x.npy", np.zeros((6, 2)))
    whole = (here / "x.npy").read_bytes()
    (here / "cut.npy").write_bytes(whole[:-8])
    assert "truncated: the header declares 96 bytes, the file has 88" in unsupported('npy(x: "cut.npy")')
    (here / "no.npy").write_bytes(b"something else")
    assert "it is not a .npy array" in unsupported('npy(x: "no.npy")')
    (here / "head.npy").write_bytes(whole[:30])
    assert "corrupt header" in unsupported('npy(x: "head.npy")')
    (here / "i").write_bytes(idx_bytes(np.zeros((4, 2), np.uint8))[:-1])
    assert "truncated: the header declares 8 bytes, the file has 7" in unsupported('idx(x: "i")')
    (here / "j").write_bytes(b"\1\2\3\4 and more")
    assert "it begins with the bytes 01 02 03 04" in unsupported('idx(x: "j")')
    (here / "k").write_bytes(gzip.compress(bytes(100))[:-12])
    assert "cannot use `k`: it is truncated or corrupt" in unsupported('idx(x: "k")')


def test_parts_by_file(here: Path) -> None:
    for name, count in (("train", 5), ("valid", 3), ("test", 4)):
        np.savez(f"{name}.npz", x=np.full((count, 2), count))
    source = 'npz({ train: "train.npz", test: "test.npz", valid: "valid.npz" })'
    splits = data(source, "x: real[2] = x", "{ train: 1.0, valid: 1.0, test: 0.5 }").splits(0)
    assert {name: (len(s["x"]), s["x"][0, 0]) for name, s in splits.items()} == {
        "train": (5, 5),
        "valid": (3, 3),
        "test": (2, 4),
    }
    np.savez("odd.npz", x=np.zeros((4, 3)))
    assert "it differs from train.npz in `x`" in unsupported('npz({ train: "train.npz", test: "odd.npz" })')
    assert "the path of a file" in unsupported('npz({ test: "test.npz" })')


def test_pictures(here: Path) -> None:
    shades = {}
    for name in ("ant", "bee"):
        (here / "p" / name).mkdir(parents=True)
        for i in range(3):
            pixels = DRAWS.integers(0, 255, (4, 4, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(here / "p" / name / f"{i}.png")
            shades[name, i] = pixels
    features = "x: real[48] = flatten(image)\n  y: class[2] = label"
    found = data('images("p")', features).raw["train"]
    np.testing.assert_array_equal(found["image"], np.stack(list(shades.values())))
    np.testing.assert_array_equal(found["label"], [0, 0, 0, 1, 1, 1])
    small = data('images("p", size: 2)', "x: real[12] = flatten(image)").raw["train"]
    assert small["image"].shape == (6, 2, 2, 3)
    Image.fromarray(np.zeros((5, 4, 3), np.uint8)).save(here / "p" / "bee" / "9.png")
    with pytest.raises(DataError, match=r"9.png is 4 by 5 pixels, the first image 4 by 4; give a size"):
        _ = data('images("p")', features).raw
    (here / "p" / "bee" / "9.png").write_text("no picture")
    with pytest.raises(DataError, match=r"9.png is not a valid image"):
        _ = data('images("p", size: 4)', features).raw
    (here / "p" / "cat").mkdir()
    assert "the class folder `cat` has no images" in unsupported('images("p")')
    assert "no such folder" in unsupported('images("q")')
    assert "it has no subfolders" in unsupported('images("p/ant")')


def test_text(here: Path) -> None:
    (here / "t.txt").write_bytes(bytes(range(20)))
    found = data('text("t.txt", window: 3)', "x: real[3] = bytes / 255\n  y: class[256] = next").raw["train"]
    np.testing.assert_array_equal(found["bytes"], np.arange(18).reshape(6, 3))
    np.testing.assert_array_equal(found["next"], [3, 6, 9, 12, 15, 18])
    assert "shorter than one window" in unsupported('text("t.txt", window: 40)')


@pytest.mark.parametrize(("window", "stride"), [(3, 1), (4, 3), (2, 5)])
def test_windows_with_a_stride(here: Path, window: int, stride: int) -> None:
    text = bytes(range(40, 61))
    (here / "t.txt").write_bytes(text)
    source = f'text("t.txt", window: {window}, stride: {stride})'
    found = data(source, f"x: real[{window}] = bytes / 255\n  y: class[256] = next", "{ train: 2 }")
    starts = [i for i in range(0, 21, stride) if i + window < 21]
    raw = found.raw["train"]
    np.testing.assert_array_equal(raw["bytes"], [list(text[i : i + window]) for i in starts])
    np.testing.assert_array_equal(raw["next"], [text[i + window] for i in starts])
    assert raw["bytes"].base is not None  # a view of the file
    rows = np.array([2, 0, 1])
    np.testing.assert_array_equal(gather_host(raw["bytes"], rows), raw["bytes"][rows])
    (here / "w.txt").write_text(" ".join("abcdefghijklmn"))
    source = f'text("w.txt", window: {window}, words: 15, stride: {stride})'
    raw = data(source, "y: class[15] = next", "{ train: 2 }", "0").raw["train"]
    np.testing.assert_array_equal(raw["next"], [1 + i + window for i in range(0, 14, stride) if i + window < 14])


def test_words_are_numbered_by_how_often_they_occur(here: Path) -> None:
    (here / "t.txt").write_text("The cat; the dog. the cat the end of it " * 2)
    source, features = (
        'text("t.txt", window: 3, words: 5)',
        "x: real[15] = flatten(one_hot(words))\n  y: class[5] = next",
    )
    found = data(source, features).raw["train"]
    # the 8, cat 4, then `.` `;` before `dog` 2 each: 1, 2, 3, 4; the others are 0
    order = [1, 2, 4, 1, 0, 3, 1, 2, 1, 0, 0, 0]
    np.testing.assert_array_equal(found["words"].ravel(), (order * 2)[: found["words"].size])
    np.testing.assert_array_equal(found["next"], [(order * 2)[3 * i + 3] for i in range(len(found["next"]))])
    assert "shorter than one window of 40 words" in unsupported('text("t.txt", window: 40, words: 5)')
    (here / "t.txt").write_bytes(b"a b c \xff d e f g")
    assert "not UTF-8" in unsupported(source, features)


def test_token_ids_of_a_file(here: Path) -> None:
    tokens = np.arange(24).reshape(8, 3) % 7
    np.savez(here / "k.npz", tokens=tokens, n=tokens)
    features = "x: real[21] = flatten(one_hot(tokens, classes: 7))\n  z: real[3] = n + 0.5"
    split = "{ train: 4, valid: 2 }"
    module = drmadc.compile_text(SPEC.format(source='npz("k.npz")', features=features, split=split, loss="mean(x)"))
    raw = module.emitted.data.raw["train"]
    assert raw["tokens"].dtype == np.int32
    made = names(module).features({name: jnp.asarray(values) for name, values in raw.items()})
    np.testing.assert_array_equal(made["x"], np.eye(7)[tokens].reshape(8, 21))
    np.testing.assert_array_equal(made["z"], tokens + 0.5)
    with pytest.raises(DataError, match="`tokens` is 5 in row 1; token ids must be from 0 to 4"):
        _ = data('npz("k.npz")', "x: real[15] = flatten(one_hot(tokens, classes: 5))").raw
    assert "takes a label or a column of words; or" in unsupported('npz("k.npz")', "x: real[3] = one_hot(tokens)")


@pytest.mark.parametrize("kind", ["<i8", ">i4", "u1", "<u2"])
def test_whole_numbers_of_a_file_have_as_many_classes_as_the_largest_says(here: Path, kind: str) -> None:
    numbers = np.array([0, 2, 1, 2, 0, 1]).astype(kind)
    np.savez(here / "k.npz", k=numbers)
    np.save(here / "k.npy", numbers)
    sources = ['npz("k.npz")', 'npy(k: "k.npy")']
    if kind == "u1":
        (here / "k").write_bytes(idx_bytes(numbers))
        sources.append('idx(k: "k")')
    for source in sources:
        text = SPEC.format(source=source, features="x: real[3] = one_hot(k)", split="{ train: 4, valid: 2 }", loss="0")
        program = drmadc.compile_text(text)
        raw = program.emitted.data.raw["train"]
        np.testing.assert_array_equal(names(program).features({"k": jnp.asarray(raw["k"])})["x"], np.eye(3)[numbers])
        assert "its value is real[3]" in unsupported(source, "x: real[2] = one_hot(k)")
    np.savez(here / "k.npz", k=np.array([0, -1, 1, 2, 0, 1]))
    assert "takes a label or a column of words; or" in unsupported('npz("k.npz")', "x: real[3] = one_hot(k)")


@pytest.mark.parametrize("kind", ["blobs", "regression", "teacher"])
def test_synthetic(kind: str) -> None:
    features = "x: real[2] = x\n  " + ("t: real[1] = y" if kind == "regression" else "y: class[3] = label")
    first, again = (data(f"synthetic({kind}, examples: 30, features: 2)", features).raw["train"] for _ in range(2))
    for name, values in first.items():
        assert len(values) == 30
        np.testing.assert_array_equal(values, again[name])
    assert "does not take `units: 3`" in unsupported("synthetic(blobs, units: 3)")
    assert "needs a kind" in unsupported("synthetic()")


def test_a_function_of_ones_own(here: Path) -> None:
    (here / "own_data.py").write_text(
        "import numpy as np\n"
        "def part(n):\n    return {'x': np.ones((n, 2)), 'y': np.arange(n)}\n"
        "def load():\n    return {'train': part(5), 'test': part(3)}\n"
        "def one():\n    return part(5)\n"
        "def bad():\n    return 1 / 0\n"
    )
    features = "x: real[2] = x\n  z: class[5] = y"
    split = "{ train: 3, valid: 2, test: 3 }"
    try:
        found = data('python("own_data:load", x: real[2], y: class[5], train: 5, test: 3)', features, split)
        assert len(found.splits(0)["test"]["x"]) == 3
        found = data('python("own_data:one", x: real[2], y: class[5], train: 5)', features, "{ train: 4, valid: 1 }")
        assert len(found.splits(0)["train"]["x"]) == 4
        for source, message in (
            ('python("own_data:one", x: real[2], y: class[5], train: 6)', "has 5 examples, the spec declares 6"),
            (
                'python("own_data:one", x: real[3], y: class[5], train: 5)',
                r"has per-example shape \[2\], declared \[3\]",
            ),
            ('python("own_data:none", x: real[2], y: class[5], train: 5)', "has no attribute 'none'"),
            ('python("own_data:bad", x: real[2], y: class[5], train: 5)', "ZeroDivisionError"),
            ('python("own_other:bad", x: real[2], y: class[5], train: 5)', "No module named"),
        ):
            wide = features.replace("real[2]", "real[3]") if "real[3]" in source else features
            with pytest.raises(DataError, match=message):
                _ = data(source, wide, "{ train: 3, valid: 2 }").raw
    finally:
        sys.path.remove(str(here))
    assert "module:function" in unsupported('python("own_data", x: real[2], train: 5)')
    assert "is not a field type" in unsupported('python("a:b", x: real[0], train: 5)')


def test_the_hub(here: Path) -> None:
    pytest.importorskip("datasets", reason="needs the extra `huggingface`")
    (here / "d").mkdir()
    write_csv(here / "d" / "train.csv", ROWS, ("a", "b", "kind", "n"))
    write_csv(here / "d" / "test.csv", ROWS[:3], ("a", "b", "kind", "n"))
    found = data(
        f'huggingface("{here / "d"}", kind: class[2], n: class[3], train: 8, test: 3)',
        "y: class[2] = kind\n  z: class[3] = n",
        "{ train: 4, valid: 2, test: 3 }",
        "0",
    )
    np.testing.assert_array_equal(found.raw["test"]["kind"], [1, 0, 1])


def test_every_source_of_files_has_its_own_help() -> None:
    made = {"omniglot", "synthetic", "python", "huggingface"}
    assert FILES_HELP.keys() == OTHERS.keys() - made
    assert len(set(FILES_HELP.values())) == len(FILES_HELP)


def test_pictures_of_16_bits_keep_their_shades(here: Path) -> None:
    shades = DRAWS.integers(0, 65536, (4, 4)).astype(np.uint16)
    shades[0, :2] = 0, 65535
    for name in ("ant", "bee"):
        (here / "deep" / name).mkdir(parents=True)
        Image.fromarray(shades).save(here / "deep" / name / "0.png")
    found = data('images("deep")', "x: real[16] = flatten(image)", "{ train: 2 }").raw["train"]["image"]
    np.testing.assert_array_equal(found[0], np.round(shades / 257))
    Image.fromarray(shades.astype(np.float32)).save(here / "deep" / "ant" / "0.tiff")
    (here / "deep" / "ant" / "0.png").unlink()
    with pytest.raises(DataError, match=r"0.tiff: its shades are float32 numbers, expected integers of 8 or 16 bits"):
        _ = data('images("deep")', "x: real[16] = flatten(image)", "{ train: 2 }").raw
