"""Gathers of rows, and the splits of a source."""

import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.data.resident import gather_host
from drmadc_runtime.data.sources.bundled import mnist


def test_large_and_small_gathers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 255, (50, 3, 4), np.uint8)
    rows = np.array([3, 49, 0, 3, 7])
    small = gather_host(values, rows)
    monkeypatch.setattr("drmadc_runtime.data.resident.LARGE", 0)
    np.testing.assert_array_equal(gather_host(values, rows), small)
    np.testing.assert_array_equal(small, values[rows])


def test_gather_refuses_rows_out_of_range() -> None:
    with pytest.raises(IndexError, match="rows from 0 to 5"):
        gather_host(np.zeros((3, 2)), np.array([0, 5]))


def test_splits_never_overlap_and_resample() -> None:
    sizes = {"train": 30000, "valid": 30000}
    data = rt.Data(source="mnist", seed=1, from_train=sizes, from_test={"test": 10000}, resample=True)
    raw = mnist()["train"]
    first = data.splits(0)
    both = np.concatenate([first["train"]["label"], first["valid"]["label"]])
    assert np.array_equal(np.bincount(both), np.bincount(raw["label"]))
    images = np.concatenate([first["train"]["image"], first["valid"]["image"]]).reshape(60000, -1)
    original = np.asarray(raw["image"]).reshape(60000, -1)
    assert sorted(map(bytes, images)) == sorted(map(bytes, original))
    again, other = data.splits(0), data.splits(1)
    assert np.array_equal(first["train"]["image"], again["train"]["image"])
    assert not np.array_equal(first["train"]["label"], other["train"]["label"])
