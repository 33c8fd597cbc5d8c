"""The runtime's pieces: trees, axes, draws, paths, losses, data."""

import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.knots import segment_bounds
from drmadc_runtime.core import random as draws
from drmadc_runtime.core.random import draw_rows_host, mix_host, permutation_host
from drmadc_runtime.core.versions import require
from drmadc_runtime.data.resident import gather_host
from drmadc_runtime.data.sources.bundled import MNIST_SHA256, mnist


def idx_bytes(array: np.ndarray, kind: int) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_embedded_mnist_is_the_original() -> None:
    raw = mnist()
    for part, stem in (("train", "train"), ("test", "t10k")):
        for field, name in (("image", "images-idx3"), ("label", "labels-idx1")):
            data = idx_bytes(np.asarray(raw[part][field]), 8)
            assert hashlib.sha256(data).hexdigest() == MNIST_SHA256[f"{stem}-{name}-ubyte"]


def test_require_refuses_another_interface() -> None:
    with pytest.raises(ImportError, match="emit it again"):
        require(api=99)


def test_tree_arithmetic_matches_by_name() -> None:
    a = rt.Tree({"x": jnp.ones(2), "y": jnp.full((2, 2), 3.0)})
    b = rt.Tree({"y": jnp.full((2, 2), 2.0), "x": jnp.ones(2)})
    assert float(rt.tree_sum(2 * a * b - a / 1 + 1**a)) == pytest.approx(2 * 2 + 4 * 10)
    with pytest.raises(ValueError, match="different parameters"):
        a + rt.Tree({"x": jnp.ones(2)})


@pytest.mark.parametrize(
    ("seed", "outer", "t", "size"), [(0, 0, 0, 15000), (7, 3, 1999, 60000), (2**32 - 1, 9, 12345, 7)]
)
def test_rows_are_the_same_on_host_and_device(seed: int, outer: int, t: int, size: int) -> None:
    device = jax.jit(rt.draw_rows, static_argnums=(0, 3, 4))(seed, outer, t, 300, size)
    host = draw_rows_host(seed, outer, t, 1, 300, size)[0]
    np.testing.assert_array_equal(np.asarray(device), host)
    assert host.min() >= 0
    assert host.max() < size


def test_rows_are_uniform_and_differ_between_steps() -> None:
    rows = draw_rows_host(0, 0, 0, 2000, 50, 100).ravel()
    counts = np.bincount(rows, minlength=100)
    statistic = float(np.sum((counts - 1000) ** 2 / 1000))
    assert 50 < statistic < 160  # chi-square with 99 degrees of freedom; beyond in 1 of 10^4 draws
    pairs = {tuple(row) for outer in range(20) for row in draw_rows_host(0, outer, 0, 100, 4, 10**6)}
    assert len(pairs) == 2000


def test_permutation_is_one() -> None:
    order = permutation_host(3, 1, 1000, 0)
    assert sorted(order.tolist()) == list(range(1000))
    assert not np.array_equal(order, permutation_host(3, 2, 1000, 0))


def test_every_form_of_the_hash_gives_the_same_words() -> None:
    words = [0, 1, 12345, 0x7FFFFFFF, 0xFFFFFFFF]
    known = [int(mix_host(np.uint32(word))) for word in words]
    assert [draws._mix_int(word) for word in words] == known
    assert draws._mix_numpy(np.array(words, np.uint32)).tolist() == known
    assert np.asarray(draws.mix(jnp.array(words, jnp.uint32))).tolist() == known


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


@pytest.mark.parametrize(("steps", "count"), [(7, 2), (7, 3), (7, 8), (100, 16), (1, 2)])
def test_segments_cover_every_step_once(steps: int, count: int) -> None:
    firsts, stops = segment_bounds(steps, count)
    covered = [t for a, b in zip(firsts, stops, strict=True) for t in range(a, b)]
    assert covered == list(range(steps))


def test_losses_equal_their_definitions() -> None:
    draws = np.random.default_rng(0)
    logits = draws.normal(size=(6, 4)).astype(np.float32) * 30
    label = np.array([0, 1, 2, 3, 0, 1])
    shifted = logits - logits.max(1, keepdims=True)
    expected = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(6), label]
    got = rt.cross_entropy(jnp.asarray(logits), jnp.asarray(label), reduce="none")
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-5, atol=1e-5)
    assert float(rt.error(jnp.asarray(logits), jnp.asarray(label))) == pytest.approx(np.mean(logits.argmax(1) != label))
    x, y = draws.normal(size=(5, 3)), draws.normal(size=(5, 3))
    d = np.abs(x - y)
    assert float(rt.squared_error(x, y)) == pytest.approx(0.5 * np.mean(np.sum(d**2, 1)), rel=1e-5)
    huber = np.where(d <= 1, d**2 / 2, d - 0.5)
    assert float(rt.huber(x, y)) == pytest.approx(np.mean(np.sum(huber, 1)), rel=1e-5)
    target = (y > 0).astype(float)
    p = 1 / (1 + np.exp(-x))
    expected = -np.mean(np.sum(target * np.log(p) + (1 - target) * np.log(1 - p), 1))
    assert float(rt.binary_cross_entropy(x, target)) == pytest.approx(expected, rel=1e-5)


def test_compile_time_does_not_grow_with_steps() -> None:
    """Nothing is unrolled: the compiled program has the same size for 10 and for 10,000 steps."""
    from tests.conftest import compiled

    sizes = []
    for steps in (10, 10000):
        session = compiled("l2_by_input", f"train.steps={steps}").session
        sizes.append(len(session.hlo().splitlines()))
    assert sizes[0] == sizes[1]


def test_run_folder_is_never_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drmadc_runtime.run.folder import RunFolder

    monkeypatch.chdir(tmp_path)
    folders = {RunFolder.create("x", None).path for _ in range(5)}
    assert len(folders) == 5
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    with pytest.raises(FileExistsError, match="never overwrites"):
        RunFolder.create("x", str(tmp_path / "full"))
