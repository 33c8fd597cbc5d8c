"""Losses against their definitions."""

import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt


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
