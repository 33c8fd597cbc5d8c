"""Splits by chance, class and fold: disjoint, of the right sizes and shares, a function of (seed, outer)."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.data.splits import balanced, fold, random_order, stratified
from drmadc_runtime.run.reporting.plain import Display
from drmadc_runtime.search.base import Trial


@settings(deadline=None)
@given(st.integers(0, 5), st.lists(st.integers(0, 3), min_size=8, max_size=60), st.data())
def test_a_stretch_of_a_stratified_order_has_the_classes_shares(
    seed: int, given_: list[int], more: st.DataObject
) -> None:
    labels = np.array(given_)
    order = stratified(random_order(seed, 0, len(labels), 0), labels)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(labels)))
    start = more.draw(st.integers(0, len(labels) - 1))
    end = more.draw(st.integers(start + 1, len(labels)))
    for label in np.unique(labels):
        share = (labels == label).mean() * (end - start)
        assert abs((labels[order[start:end]] == label).sum() - share) <= len(np.unique(labels)) + 1


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(2, 5), st.integers(1, 7), st.integers(0, 9), st.integers(0, 4))
def test_folds_cover_everything_once(seed: int, folds: int, size: int, first: int, beyond: int) -> None:
    order = random_order(seed, 0, folds * size + beyond, 0)
    seen = []
    for number in range(first, first + folds):
        rows = fold(order, size, folds, number)
        np.testing.assert_array_equal(np.sort(rows), np.sort(order))
        np.testing.assert_array_equal(rows[folds * size :], order[folds * size :])
        seen.append(rows[(folds - 1) * size : folds * size])
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.sort(order[: folds * size]))


def test_balanced_takes_as_many_of_each_class() -> None:
    labels = np.array([0] * 30 + [1] * 6 + [2] * 9)
    rows = balanced(random_order(1, 0, 45, 0), labels, 3, (9, 9))
    assert np.bincount(labels[rows]).tolist() == [6, 6, 6]
    assert np.bincount(labels[rows[:9]]).tolist() == [3, 3, 3]
    with pytest.raises(DataError, match="class 1 has 6 examples, but `balance` needs 7 of each"):
        balanced(random_order(1, 0, 45, 0), labels, 3, (21,))


def test_labels_that_no_feature_reads_may_decide_too(tmp_path: Path) -> None:
    lines = [f"{i},{'ab'[i % 2]}" for i in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["x,kind", *lines]))
    text = SPEC.format(settings="split = { train: 4, valid: 4 }")
    text = text.replace("digits()", f'csv("{tmp_path / "t.csv"}", v: [x], kind: kind)')
    text = text.replace("x: real[64] = flatten(image) / 16", "x: real[1] = v").replace("y: class[10] = label", "")
    for setting in ("stratify", "balance"):
        own = text.replace("split =", f"{setting} = kind  split =")
        splits = drmadc.compile_text(own).emitted.data.splits(0)
        assert all(np.bincount(split["kind"]).tolist() == [2, 2] for split in splits.values())
    odd = own.replace("valid: 4", "valid: 5")
    with pytest.raises(DataError, match="multiples of 2, the number of classes, not 5"):
        drmadc.compile_text(odd).emitted.data.splits(0)


def digits(**more: object) -> Data:
    return Data(source="digits", seed=2, **more)  # type: ignore[arg-type]


def test_splits_of_the_digits() -> None:
    data = digits(from_train={"train": 900, "valid": 300, "test": 100}, stratify="label")
    there = [rows for _, rows in data.rows(0).values()]
    assert len(np.unique(np.concatenate(there))) == 1300
    shares = np.bincount(data.raw["train"]["label"]) / 1797
    for rows in there:
        assert abs(np.bincount(data.raw["train"]["label"][rows]) / len(rows) - shares).max() <= 2 / len(rows)
    np.testing.assert_array_equal(data.rows(0)["train"][1], data.rows(5)["train"][1])
    even = digits(from_train={"train": 500, "valid": 100}, balance=("label", 10)).splits(0)
    assert np.bincount(even["valid"]["label"]).tolist() == [10] * 10
    folded = digits(from_train={"valid": 100, "test": 50, "train": 400}, folds=5)
    valid = [folded.rows(outer)["valid"][1] for outer in range(6)]
    assert len(np.unique(np.concatenate(valid))) == 500
    np.testing.assert_array_equal(valid[0], valid[5])
    np.testing.assert_array_equal(folded.rows(0)["test"][1], folded.rows(3)["test"][1])


SPEC = """
data d {{
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  {settings}
}}
params w: real[2] = [1, 2]
hyper l2: positive = 0.01
train {{ loss = mean(x) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 2  steps = 3 }}
tune {{ minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }}
"""


def splits(text: str) -> dict[str, int]:
    program = drmadc.compile_text(SPEC.format(settings=text))
    assert program.ir.data is not None
    return {split.name: split.size for split in program.ir.data.splits}


def test_fractions() -> None:
    assert splits("split = { train: 0.7, valid: 0.2, test: 0.1 }") == {"train": 1258, "valid": 359, "test": 180}
    assert splits("split = { train: 0.5, valid: 0.25 }") == {"train": 898, "valid": 450}
    assert splits("split = { train: 400, valid: 100 }  folds = 5  stratify = label") == {"train": 400, "valid": 100}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("split = { train: 0.7, valid: 0.4 }", "or all fractions that add up to at most 1"),
        ("split = { train: 0.7, valid: 400 }", "or all fractions that add up to at most 1"),
        ("split = { train: 1.5 }", "a positive integer or a fraction"),
        ("split = { train: 400, valid: 100 }  folds = 4", "needs a train split 3 times as large as valid"),
        ("split = { train: 400, valid: 100 }  folds = 1", "an integer of at least 2"),
        ("split = { train: 400, valid: 105 }  balance = label", "multiples of 10"),
        ("split = { train: 400 }  balance = label  stratify = label", "`balance` and `stratify` exclude each other"),
        ("split = { train: 400 }  stratify = image", "labels: label"),
    ],
)
def test_divisions_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(drmadc.SpecError) as caught:
        splits(text)
    assert message in str(caught.value)
    assert len(caught.value.diagnostics) == 1


def test_no_hypergradient_sees_the_test_split() -> None:
    text = SPEC.format(settings="split = { train: 40, test: 20 }")
    text = text.replace("sum(w ^ 2)  update", "mean(x) on test  update")
    with pytest.raises(drmadc.SpecError, match="the objective must not use the test split"):
        drmadc.compile_text(text)


def test_overfitting_of_the_valid_split_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    def steps(objective: float, error: float) -> list[Trial]:
        values = [(1 + objective * i, 1 + error * i) for i in range(10)]
        return [Trial(i, a, 0.0, 1.0, 1.0, {"error/test": b}, {}, {}) for i, (a, b) in enumerate(values)]

    display = Display(quiet=True)
    better, worse = (-0.02, -0.02, False), (0.02, 0.02, False)
    for objective, error, said in (better, worse, (-0.02, 0.02, True), (-0.02, 0.02, False)):
        display.warn_overfitting(steps(objective, error), ("error/test",))
        assert ("are overfitting the valid split" in " ".join(capsys.readouterr().err.split())) == said
    display.warn_overfitting(steps(-0.02, 0.02)[:9], ("error/test",))
    module = drmadc.compile_file("specs/drmad/l2.drm").emitted
    assert module.test_reports == ("error/test",)


@pytest.mark.parametrize("division", [{}, {"stratify": "label"}, {"balance": ("label", 10)}, {"folds": 4}])
def test_what_is_held_out_takes_part_in_no_outer_step(division: dict[str, object]) -> None:
    """Test and guard are drawn once; no later train or valid split holds one of their examples."""
    sizes = {"train": 240, "valid": 80, "test": 100, "guard": 50}
    data = Data("digits", 3, from_train=sizes, resample="folds" not in division, **division)  # type: ignore[arg-type]
    first = {name: set(rows.tolist()) for name, (_, rows) in data.rows(0).items()}
    assert {name: len(rows) for name, rows in first.items()} == sizes
    held = first["test"] | first["guard"]
    moved = 0
    for outer in range(6):
        rows = {name: set(rows.tolist()) for name, (_, rows) in data.rows(outer).items()}
        assert (rows["test"], rows["guard"]) == (first["test"], first["guard"])
        assert not held & (rows["train"] | rows["valid"])
        assert not rows["train"] & rows["valid"]
        moved += rows["valid"] != first["valid"]
    assert moved >= 4


def test_a_source_with_a_test_part_keeps_its_training_draws() -> None:
    """Only what was drawn from the same part as test or guard is drawn differently."""
    data = Data("mnist", 0, from_train={"train": 30, "valid": 20}, from_test={"test": 10}, resample=True)
    for outer in range(3):
        order = random_order(0, outer, 60_000, 0)
        rows = data.rows(outer)
        np.testing.assert_array_equal(rows["train"][1], order[:30])
        np.testing.assert_array_equal(rows["valid"][1], order[30:50])
        np.testing.assert_array_equal(rows["test"][1], random_order(0, 0, 10_000, 1)[:10])
