"""The Gauss-Newton product against dense matrices, and derivatives along a direction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt

pytestmark = pytest.mark.usefixtures("float64")
DRAWS = np.random.default_rng(0)
INPUTS, TARGETS, W, DIRECTION = (DRAWS.normal(size=n) for n in ((5, 3), 5, 3, 3))


def outputs(w: jax.Array) -> jax.Array:
    return jnp.tanh(INPUTS @ w) * w[0]


def loss(z: jax.Array, w: jax.Array, l2: jax.Array, scale: jax.Array) -> jax.Array:
    return jnp.sum(jnp.cosh(z - TARGETS) * scale) + jnp.sum(l2 * w**4)


def test_the_product_is_that_of_dense_matrices() -> None:
    l2, scale = jnp.array([0.3, 0.1, 0.7]), jnp.array(2.0)
    product, d_l2, d_scale = jax.jit(lambda: rt.gauss_newton(outputs, loss, W, DIRECTION, l2, scale))()
    jacobian = jax.jacobian(outputs)(W)
    curvature = np.diag(2.0 * np.cosh(np.asarray(outputs(W) - TARGETS)))
    expected = jacobian.T @ curvature @ jacobian @ DIRECTION + 12 * l2 * W**2 * DIRECTION
    np.testing.assert_allclose(product, expected, rtol=1e-10)

    def gradient_along(l2: jax.Array, scale: jax.Array) -> jax.Array:
        return jnp.vdot(jax.grad(lambda w: loss(outputs(w), w, l2, scale))(W), DIRECTION)

    mixed = jax.grad(gradient_along, (0, 1))(l2, scale)
    np.testing.assert_allclose(d_l2, mixed[0], rtol=1e-10)
    np.testing.assert_allclose(d_scale, mixed[1], rtol=1e-10)


def test_slope_is_the_derivative_along_a_direction() -> None:
    found = rt.slope(lambda w: jnp.sum(jnp.sin(w)), W, DIRECTION)
    assert float(found) == pytest.approx(float(jnp.vdot(jnp.cos(W), DIRECTION)), rel=1e-12)
