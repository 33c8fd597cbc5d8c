"""Transforms of features against NumPy."""

import jax.numpy as jnp
import numpy as np

import drmadc_runtime as rt
from drmadc_runtime.data.statistics import whitening


def test_transforms() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)) @ np.array([[1, 2, 0], [0, 1, 0], [0, 0, 0]])
    mean, covariance = x.mean(0), np.cov(x.T, bias=True)
    white = np.asarray(rt.whiten(jnp.asarray(x), jnp.asarray(mean), jnp.asarray(whitening(covariance, 1e-6))))
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.diag([1, 1, 0]), atol=1e-3)
    even = np.asarray(rt.standardise(jnp.asarray(x), jnp.asarray(mean), jnp.asarray(x.std(0))))
    np.testing.assert_allclose(even.std(0), [1, 1, 0], atol=1e-5)
    unit = np.asarray(rt.rescale(jnp.asarray(x), jnp.asarray(x.min(0)), jnp.asarray(x.max(0))))
    np.testing.assert_allclose([unit.min(0), unit.max(0)], [[0, 0, 0], [1, 1, 0]], atol=1e-6)
    contrast = np.asarray(rt.global_contrast(jnp.asarray(x)))
    np.testing.assert_allclose(contrast.std(1), 1, atol=1e-5)
