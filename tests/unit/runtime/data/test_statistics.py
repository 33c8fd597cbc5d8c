"""Statistics in one pass against NumPy."""

import numpy as np
import pytest

from drmadc_runtime.data.statistics import Statistics, chunks_of, whitening


@pytest.mark.parametrize("piece", [40, 1000, 10**9])
def test_statistics_in_one_pass_equal_those_of_numpy(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmadc_runtime.data.statistics.CHUNK", piece)
    x = np.random.default_rng(0).normal(size=(60, 4)) @ np.diag([1, 2, 0, 0.1]) + 1e6
    kinds = {"a": ("mean",), "b": ("std",), "c": ("max",), "d": ("min",), "z": ("zca", 0.3)}
    statistics = Statistics(lambda raw: dict.fromkeys(kinds, raw["x"]), kinds)
    found = statistics.of(lambda: chunks_of({"x": x}), "float64")
    np.testing.assert_allclose(found["a"], x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(found["b"], x.std(0), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found["c"], x.max(0))
    np.testing.assert_array_equal(found["d"], x.min(0))
    np.testing.assert_allclose(found["z"], whitening(np.cov(x.T, bias=True), 0.3), rtol=1e-6, atol=1e-7)
