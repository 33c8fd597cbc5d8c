"""Transforms of features against NumPy: what they make of the train split, and of other examples by its statistics."""

import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.data.statistics import whitening

pytestmark = pytest.mark.usefixtures("float64")
DRAWS = np.random.default_rng(0)
TRAIN = DRAWS.normal(size=(200, 3)) @ np.array([[1, 2, 0], [0, 1, 0.5], [0, 0, 3]]) + [1.0, -2.0, 5.0]
OTHERS = DRAWS.normal(size=(7, 3))
FIXED = np.column_stack([TRAIN[:, 0], np.full(200, 4.0)])  # an entry that never changes


def test_whitening_gives_mean_0_and_covariance_1() -> None:
    mean, matrix = TRAIN.mean(0), whitening(np.cov(TRAIN.T, bias=True), 0.0)
    white = np.asarray(rt.whiten(jnp.asarray(TRAIN), jnp.asarray(mean), jnp.asarray(matrix)))
    np.testing.assert_allclose(white.mean(0), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)  # zero-phase: the symmetric root, not any rotation of it
    np.testing.assert_allclose(rt.whiten(jnp.asarray(OTHERS), mean, matrix), (OTHERS - mean) @ matrix, rtol=1e-12)


def test_whitening_leaves_directions_below_epsilon_small() -> None:
    flat = TRAIN * [1, 1, 0]
    white = (flat - flat.mean(0)) @ whitening(np.cov(flat.T, bias=True), 0.1)
    values = np.linalg.eigvalsh(np.cov(flat.T, bias=True))
    expected = np.sort(np.maximum(values, 0) / (values + 0.1))
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(white.T, bias=True)), expected, atol=1e-12)


def test_standardised_entries_have_mean_0_and_deviation_1() -> None:
    x, mean, std = jnp.asarray(FIXED), FIXED.mean(0), FIXED.std(0)
    even = np.asarray(rt.standardise(x, jnp.asarray(mean), jnp.asarray(std)))
    np.testing.assert_allclose(even.mean(0), [0, 0], atol=1e-12)
    np.testing.assert_allclose(even.std(0), [1, 0], atol=1e-12)
    others = rt.standardise(jnp.asarray(OTHERS), TRAIN.mean(0), TRAIN.std(0))
    np.testing.assert_allclose(others, (OTHERS - TRAIN.mean(0)) / TRAIN.std(0), rtol=1e-12)


def test_rescaled_entries_go_from_0_to_1() -> None:
    unit = np.asarray(rt.rescale(jnp.asarray(FIXED), jnp.asarray(FIXED.min(0)), jnp.asarray(FIXED.max(0))))
    np.testing.assert_allclose([unit.min(0), unit.max(0)], [[0, 0], [1, 0]], atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 12), (5, 3, 4), (5, 2, 3, 2)])
def test_each_example_gets_its_own_contrast(shape: tuple[int, ...]) -> None:
    x = DRAWS.normal(size=shape) * 3 + 2
    x[0] = 7.0  # constant
    found = np.asarray(rt.global_contrast(jnp.asarray(x))).reshape(5, -1)
    np.testing.assert_allclose(found.mean(1), np.zeros(5), atol=1e-12)
    np.testing.assert_allclose(found.std(1), [0, 1, 1, 1, 1], rtol=1e-12)
    assert (np.sign(found[1:]) == np.sign(x.reshape(5, -1)[1:] - x.reshape(5, -1)[1:].mean(1, keepdims=True))).all()


def test_one_hot() -> None:
    labels = np.array([[0, 2], [1, 1]])
    found = rt.one_hot(jnp.asarray(labels), 3, "float32")
    np.testing.assert_array_equal(found, np.eye(3)[labels])
    assert found.dtype == jnp.float32
