"""Names of examples and classes: the row that is told is the example that the entry acts on, however it was drawn."""

import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import drmadc
from drmadc_common.datasets import DATASETS
from drmadc_runtime.data.names import class_names, examples
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import DataError

SPEC = """
data d {
  source = SOURCE
  x: real = key
  y: class[3] = label
  split  = { SPLIT }
  SETTINGS
}
params w: real[1] = 0
hyper trust: unit[example of d.train] = 0.5
train {
  loss      = mean(trust * x * w[0])
  update    = sgd(rate: 1)
  batch     = BATCH
  sampling  = without_replacement
  steps     = STEPS
  seed      = SEED
}
tune { minimize = w[0]  update = sgd(rate: 1)  steps = 1 }
"""

WAYS = {
    "a part of the file": ("train: 60, valid: 40", ""),
    "all of it": ("train: 150", ""),
    "four splits": ("guard: 10, test: 20, train: 60, valid: 40", ""),
    "stratified": ("train: 60, valid: 30", "stratify = label"),
    "balanced": ("train: 60, valid: 30", "balance = label"),
    "streamed": ("train: 60, valid: 40", "feed = streamed"),
    "streamed and balanced": ("train: 60, valid: 30", "balance = label  feed = streamed"),
}


def keys_and_labels() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """A key for each row, which no other row has, in an order of its own; and labels."""
    draws = np.random.default_rng(3)
    return draws.permutation(150) + 1.0, draws.permutation(np.arange(150) % 3)


@pytest.mark.parametrize(
    ("kind", "way", "seed"),
    [*(("npz", way, 0) for way in WAYS), ("csv", "stratified", 7), ("csv", "balanced", 8)],
)
def test_the_entry_of_a_row_acts_on_that_row(
    kind: str, way: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key, label = keys_and_labels()
    if kind == "npz":
        np.savez("d.npz", key=key, label=label)
    else:
        lines = "\n".join(f"{k},{n}" for k, n in zip(key, label, strict=True))
        Path("d.csv").write_text(f"key,label\n{lines}\n", encoding="utf-8")
    split, settings = WAYS[way]
    text = SPEC.replace("SOURCE", f'{kind}("d.{kind}")').replace("SPLIT", split).replace("SETTINGS", settings)
    batch = 15
    size = 150 if way == "all of it" else 60
    if "guard" in split:
        text = text.replace("minimize = w[0]", "minimize = w[0] + 0 * (mean(x) on valid)")
    text = text.replace("BATCH", str(batch)).replace("STEPS", str(size // batch)).replace("SEED", str(seed))
    program = drmadc.compile_text(text)
    data = program.emitted.data
    assert isinstance(data, Data)
    found = examples(data)
    # each example is in one minibatch of the epoch, whose loss is linear in w: dw/dtrust = -key / batch
    acted = -batch * program.hypergradient(program.hypers).gradient["trust"]
    assert program.emitted.per_example == ("trust",)
    assert acted.shape == found["row"].shape == (size,)
    assert len(set(found["row"].tolist())) == size
    np.testing.assert_allclose(acted, key[found["row"]], rtol=1e-5)
    assert not np.allclose(acted, key[:size])  # in the order of the file it would be wrong
    np.testing.assert_array_equal(found["label"], label[found["row"]])


def test_streamed_numbers_keep_their_64_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key, label = keys_and_labels()
    np.savez("d.npz", key=key / 7, label=label)
    text = SPEC.replace("SOURCE", 'npz("d.npz")').replace("SPLIT", "train: 60, valid: 40").replace("BATCH", "15")
    text = text.replace("STEPS", "4").replace("SEED", "0").replace("sampling ", "precision = float64  sampling ", 1)
    streamed, resident = (
        drmadc.compile_text(text.replace("SETTINGS", f"feed = {feed}")) for feed in ("streamed", "resident")
    )
    found, expected = (program.hypergradient(program.hypers).gradient["trust"] for program in (streamed, resident))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    assert isinstance(streamed.emitted.data, Data)
    rows = examples(streamed.emitted.data)["row"]
    np.testing.assert_allclose(-15 * found, key[rows] / 7, rtol=1e-14)


def test_rows_of_a_part_are_those_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key, label = keys_and_labels()
    np.savez("a.npz", key=key, label=label)
    np.savez("b.npz", key=-key, label=label)
    text = SPEC.replace("SOURCE", 'npz({ train: "a.npz", valid: "b.npz" })').replace("SPLIT", "train: 60, valid: 90")
    text = text.replace("SETTINGS", "").replace("BATCH", "all").replace("sampling  = without_replacement", "")
    program = drmadc.compile_text(text.replace("STEPS", "1").replace("SEED", "0"))
    assert isinstance(program.emitted.data, Data)
    rows = examples(program.emitted.data)["row"]
    acted = -60 * program.hypergradient(program.hypers).gradient["trust"]
    np.testing.assert_allclose(acted, key[rows], rtol=1e-5)
    held = examples(program.emitted.data, split="valid")["row"]
    np.testing.assert_array_equal(program.emitted.data.splits(0)["valid"]["key"], -key[held])


def test_words_of_columns_are_named_and_missing_ones_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plans = ["gold", "", "basic"] * 4
    churn = ["yes", "no"] * 6
    rows = [f"{i},{plan},{word}" for i, (plan, word) in enumerate(zip(plans, churn, strict=True))]
    Path("t.csv").write_text("\n".join(["key,plan,churn", *rows]) + "\n", encoding="utf-8")
    data = drmadc.compile_text(TABLE).emitted.data
    assert isinstance(data, Data)
    assert class_names(data) == {"plan": ("basic", "gold"), "churn": ("no", "yes")}
    found = examples(data, "churn")
    assert list(found) == ["row", "label", "class", "plan"]
    for row, number, word, plan in zip(*(found[name].tolist() for name in found), strict=True):
        assert (word, plan) == (churn[row], plans[row])
        assert number == ("no", "yes").index(word)


TABLE = """
data t {
  source = csv("t.csv", key: key, plan: plan, churn: churn)
  x: real[3] = concat(key, one_hot(missing(plan, most_frequent)))
  y: class[2] = churn
  split  = { train: 8, valid: 4 }
}
model net(x: real[3]) -> real[2] { return dense(x, 2) }
hyper trust: unit[example of t.train] = 0.5
train {
  loss   = mean(trust * cross_entropy(net(x), y, reduce: none))
  update = sgd(rate: 0.1)
  batch  = all
  steps  = 2
}
tune { minimize = cross_entropy(net(x), y) on valid  update = sgd(rate: 1)  steps = 1 }
"""


def test_pictures_are_named_by_their_files(tmp_path: Path) -> None:
    for i, name in enumerate(("dog", "cat")):
        (tmp_path / name).mkdir()
        for j in range(4):
            Image.new("L", (3, 3), 10 * (4 * i + j)).save(tmp_path / name / f"{j}.png")
    data = Data(
        "images",
        1,
        {"train": 5, "valid": 3},
        files={"train": str(tmp_path)},
        fields={"image": "byte[3, 3]", "label": "class[2]"},
    )
    assert class_names(data) == {"label": ("cat", "dog")}
    found = examples(data)
    pictures = data.splits(0)["train"]["image"]
    for file, word, picture in zip(found["file"], found["class"], pictures, strict=True):
        assert str(file).startswith(f"{word}/")
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / str(file))), picture)


def test_classes_of_every_part_are_those_of_train(tmp_path: Path) -> None:
    for part, names in (("train", "abc"), ("test", "ac"), ("other", "ad")):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (3, 3)).save(tmp_path / part / name / "0.png")
    fields = {"image": "byte[3, 3]", "label": "class[3]"}
    files = {"train": str(tmp_path / "train"), "test": str(tmp_path / "test")}
    data = Data("images", 0, {"train": 3}, from_test={"test": 2}, files=files, fields=fields)
    assert data.raw["test"]["label"].tolist() == [0, 2]
    files = {"train": str(tmp_path / "train"), "test": str(tmp_path / "other")}
    with pytest.raises(DataError, match="has a class folder `d`, but"):
        _ = Data("images", 0, {"train": 3}, from_test={"test": 2}, files=files, fields=fields).raw


def test_strings_of_a_function_are_numbered_by_the_train_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = """
    import numpy as np
    def some():
        part = lambda words: {"x": np.zeros((len(words), 1)), "label": np.array(words)}
        return {"train": part(["cat", "ant", "bee"]), "test": part(["cat", "bee"])}
    """
    Path("strings_of_mine.py").write_text(textwrap.dedent(code), encoding="utf-8")
    options = {"function": "strings_of_mine:some", "train": 3, "test": 2}
    fields = {"x": "real[1]", "label": "class[3]"}
    data = Data("python", 0, {"train": 3}, from_test={"test": 2}, options=options, fields=fields)
    assert data.raw["train"]["label"].tolist() == [2, 0, 1]
    assert data.raw["test"]["label"].tolist() == [2, 1]
    assert class_names(data) == {"label": ("ant", "bee", "cat")}


def test_words_of_a_text_are_numbered_as_its_windows_are(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("the cat and the dog and the bird " * 3, encoding="utf-8")
    files = {"train": str(tmp_path / "t.txt")}
    options = {"window": 2, "words": 4}
    data = Data("text", 0, {"train": 4}, files=files, options=options)
    names = class_names(data)
    assert names["words"] == names["next"] == ("<other>", "the", "and", "bird")
    raw = data.raw["train"]
    text = ["the", "cat", "and", "the", "dog", "and"]
    shown = [names["words"][n] for n in raw["words"][:3].ravel()]
    assert shown == [word if word in names["words"] else "<other>" for word in text]
    letters = class_names(Data("text", 0, {"train": 4}, files=files, options={"window": 2}))
    assert letters["next"][ord("t")] == "t"
    assert letters["next"][10] == "0x0a"


def test_data_sets_name_as_many_classes_as_they_have() -> None:
    assert all(len(set(d.names)) == d.classes for d in DATASETS.values() if d.names)
    assert class_names(Data("mnist", 0)) == {}
    assert class_names(Data("cifar10", 0))["label"][3] == "cat"
