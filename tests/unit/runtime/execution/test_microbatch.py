"""Minibatches and splits in parts: value and gradient are those of the whole."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt

pytestmark = pytest.mark.usefixtures("float64")
ROWS = {"x": np.random.default_rng(0).normal(size=(6, 2)), "y": np.arange(6.0)}


def mean(rows: Any, w: jax.Array, scale: jax.Array) -> jax.Array:
    return jnp.mean(scale * jnp.sin(rows["x"] @ w) * rows["y"])


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_minibatch_in_parts(parts: int) -> None:
    w = jnp.array([0.3, -0.7])

    def loss(w: jax.Array) -> jax.Array:
        return rt.accumulate(lambda batch: mean(batch, w, 2.0), ROWS, parts)

    value, gradient = jax.jit(jax.value_and_grad(loss))(w)
    expected, d_w = jax.value_and_grad(lambda w: mean(ROWS, w, 2.0))(w)
    assert float(value) == pytest.approx(float(expected), rel=1e-13)
    np.testing.assert_allclose(gradient, d_w, rtol=1e-12)


def test_each_part_has_a_noise_of_its_own() -> None:
    key = jax.random.key(3)

    def loss(batch: Any) -> jax.Array:
        return jnp.sum(batch["y"]) + jax.random.normal(batch["noise"])

    found = rt.accumulate(loss, {"y": jnp.asarray(ROWS["y"]), "noise": key}, 3)
    own = [float(jax.random.normal(jax.random.fold_in(key, i))) for i in range(3)]
    assert float(found) == pytest.approx((15 + sum(own)) / 3, rel=1e-12)


@pytest.mark.parametrize("chunks", [1, 2, 3, 4])
def test_a_mean_in_chunks(chunks: int) -> None:
    """4 does not divide 6: then it is taken whole."""
    w, scale = jnp.array([0.3, -0.7]), jnp.array(1.5)

    def chunked(w: jax.Array, scale: jax.Array) -> jax.Array:
        return 3 * rt.chunked_mean(mean, ROWS, chunks, w, scale)

    value, found = jax.jit(jax.value_and_grad(chunked, (0, 1)))(w, scale)
    expected, gradient = jax.value_and_grad(lambda *args: 3 * mean(ROWS, *args), (0, 1))(w, scale)
    assert float(value) == pytest.approx(float(expected), rel=1e-13)
    assert float(jax.jit(chunked)(w, scale)) == pytest.approx(float(expected), rel=1e-13)
    for a, b in zip(found, gradient, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_one_chunk_at_a_time() -> None:
    sizes = []

    def spied(rows: Any, w: jax.Array, scale: jax.Array) -> jax.Array:
        sizes.append(rows["x"].shape)
        return mean(rows, w, scale)

    jax.grad(lambda w: rt.chunked_mean(spied, ROWS, 3, w, 1.0))(jnp.zeros(2))
    assert set(sizes) == {(2, 2)}
