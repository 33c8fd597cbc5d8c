"""Augmentation of numbers, of training minibatches only."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import drmadc_runtime as rt
from drmadc_runtime.data.transforms.geometric import augmentation_key
from tests.conftest import compiled, names

IMAGES = jnp.asarray(np.random.default_rng(1).normal(size=(50, 6, 5, 3)), jnp.float32)
KEY = augmentation_key(0, jnp.int32(0), jnp.int32(3))


@pytest.mark.parametrize(("function", "amount"), [(rt.rotate, 20.0), (rt.jitter, 0.3), (rt.add_noise, 0.1)])
def test_changes_are_functions_of_key_and_place_and_of_training_only(
    function: Callable[..., jax.Array], amount: float
) -> None:
    assert function(IMAGES, amount, None, 0) is IMAGES
    changed = function(IMAGES, amount, KEY, 0)
    assert changed.shape == IMAGES.shape
    assert changed.dtype == IMAGES.dtype
    np.testing.assert_array_equal(changed, function(IMAGES, amount, KEY, 0))
    for other in ((KEY, 1), (KEY + 1, 0)):
        assert float(jnp.abs(changed - function(IMAGES, amount, *other)).max()) > 1e-3


@pytest.mark.parametrize("channels", [False, True])
def test_rotation_is_that_of_scipy(channels: bool) -> None:
    """By uniform angles of at most 40 degrees about the middle of the image, bilinear, 0 outside."""
    x = IMAGES if channels else IMAGES[..., 0]
    found = np.asarray(rt.rotate(x, 40.0, KEY, 2))
    angles = np.asarray(jax.random.uniform(jax.random.fold_in(jax.random.key(KEY), 2), (50,), minval=-1)) * 40
    assert angles.min() < -20 < 20 < angles.max()
    for image, turned, angle in zip(np.asarray(x), found, np.deg2rad(angles), strict=True):
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = np.array([2.5, 2.0]) - matrix @ [2.5, 2.0]
        planes = np.atleast_3d(image)
        for k in range(planes.shape[2]):
            expected = scipy.ndimage.affine_transform(planes[..., k], matrix, offset, order=1, mode="grid-constant")
            np.testing.assert_allclose(np.atleast_3d(turned)[..., k], expected, atol=1e-4)


def factors(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.asarray(y) / np.asarray(x)


def test_jitter_changes_brightness_contrast_and_channels_each_by_itself() -> None:
    """A factor of the mean, one of what differs from it, and one a channel; each uniform in 1 -+ amount."""
    count, amount = 4000, 0.3
    flat = jnp.full((count, 2, 2), 5.0)  # brightness and channel only
    bright = factors(rt.jitter(flat, amount, KEY, 0), flat)[:, 0, 0]
    waves = jnp.tile(jnp.array([[1.0, -1.0], [-1.0, 1.0]]), (count, 1, 1))  # contrast and channel only
    contrast = factors(rt.jitter(waves, amount, KEY, 0), waves)[:, 0, 0]
    for found in (bright, contrast):  # products of two such factors
        assert found.mean() == pytest.approx(1, abs=0.02)
        assert found.std() == pytest.approx(np.sqrt((1 + amount**2 / 3) ** 2 - 1), rel=0.05)
        assert (1 - amount) ** 2 <= found.min() < 0.56
        assert 1.6 < found.max() <= (1 + amount) ** 2
    assert abs(np.corrcoef(bright, contrast)[0, 1] - 0.5) < 0.1  # they share the channel's factor, nothing else
    both = np.asarray(rt.jitter(flat + waves, amount, KEY, 0))
    np.testing.assert_allclose(both.mean((1, 2)), 5 * bright, rtol=1e-5)
    np.testing.assert_allclose(both[:, 0, 0] - both[:, 0, 1], 2 * contrast, rtol=1e-4)
    coloured = factors(rt.jitter(jnp.full((count, 2, 2, 3), 5.0), amount, KEY, 0), np.float32(5))
    assert np.ptp(coloured[:, :, :, 0], axis=(1, 2)).max() < 1e-6
    ratio = coloured[:, 0, 0, 0] / coloured[:, 0, 0, 1]
    assert ratio.std() > 0.2
    assert (1 - amount) / (1 + amount) <= ratio.min() < 0.65


def test_noise_is_normal() -> None:
    x = jnp.ones((4000,))
    noise = np.asarray(rt.add_noise(x, 0.1, KEY, 0) - x)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    assert (np.abs(noise) > 0.2).mean() == pytest.approx(0.0455, abs=0.015)


def test_mixup_combines_an_example_with_its_partner() -> None:
    count, alpha = 1000, 0.4
    eye = jnp.eye(count)
    mixed = np.asarray(rt.mixup(eye, alpha, KEY))
    weight = np.diag(mixed).copy()
    np.testing.assert_allclose(mixed.sum(1), 1, rtol=1e-5)
    assert ((mixed > 0).sum(1) <= 2).all()
    partners = np.where((mixed - np.diag(weight)).any(1), (mixed - np.diag(weight)).argmax(1), np.arange(count))
    moved = np.flatnonzero(partners != np.arange(count))
    assert len(np.unique(partners[moved])) == len(moved) > 900  # a permutation: everyone is a partner once
    assert weight[moved].mean() == pytest.approx(0.5, abs=0.04)
    assert weight[moved].var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)
    inputs = np.asarray(rt.mixup(jnp.stack([jnp.arange(count, dtype=jnp.float32)] * 2, 1), alpha, KEY))
    np.testing.assert_allclose(inputs[:, 0], mixed @ np.arange(count), rtol=1e-3)  # labels and inputs alike
    assert rt.mixup(eye, alpha, None) is eye


def test_only_training_minibatches_are_augmented_and_replayed() -> None:
    program = compiled("augmented")
    module, executor = names(program), program.executor
    with executor.precision():
        (data,) = executor.data(0)
        first = module.minibatch(data, 0, 2)
        again = jax.jit(module.minibatch)(data, 0, 2)
        other = module.minibatch(data, 0, 3)
        plain = module.features(data["valid"], data["statistics"])
    for name, values in first.items():
        np.testing.assert_allclose(values, again[name], rtol=1e-12, atol=1e-12)
        assert np.abs(np.asarray(values, float) - np.asarray(other[name], float)).max() > 0
    raw = np.asarray(data["valid"]["image"], float).reshape(20, 64)
    train = np.asarray(data["train"]["image"], float).reshape(40, 64)
    spread = np.where(train.std(0) == 0, 1, train.std(0))
    np.testing.assert_allclose(plain["z"], (raw - train.mean(0)) / spread, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(plain["soft"], np.eye(10)[np.asarray(data["valid"]["label"])])
