"""Augmentation of numbers: rotation, colour jitter, noise, mixup; functions of (seed, outer, t), as `moves` are.

Each takes the step's key, None outside of training, where nothing is changed, and an index of its own in the spec.
"""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from drmadc_runtime.core.random import beta_draws, normal_draws, uniform_draws
from drmadc_runtime.data.transforms.geometric import words


def _key(draw: jax.Array, index: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(draw), index)


def rotate(x: jax.Array, degrees: float, draw: jax.Array | None, index: int) -> jax.Array:
    """Images [n, rows, columns(, channels)], each turned by a uniform angle of at most so many degrees; bilinear."""
    if draw is None:
        return x
    angles = uniform_draws(_key(draw, index), (x.shape[0],), x.dtype, -1.0, 1.0) * jnp.deg2rad(degrees)
    middle = jnp.array([(n - 1) / 2 for n in x.shape[1:3]], x.dtype)
    r = (jnp.arange(x.shape[1], dtype=x.dtype) - middle[0])[:, None]
    c = (jnp.arange(x.shape[2], dtype=x.dtype) - middle[1])[None, :]

    def turn(image: jax.Array, angle: jax.Array) -> jax.Array:
        sin, cos = jnp.sin(angle), jnp.cos(angle)
        places = [cos * r - sin * c + middle[0], sin * r + cos * c + middle[1]]

        def plane(values: jax.Array) -> jax.Array:
            turned: jax.Array = map_coordinates(values, places, order=1, mode="constant")
            return turned

        return plane(image) if image.ndim == 2 else jax.vmap(plane, -1, -1)(image)

    return jax.vmap(turn)(x, angles)


def jitter(x: jax.Array, amount: float, draw: jax.Array | None, index: int) -> jax.Array:
    """Brightness, contrast and channels of each example, times uniform factors from 1 - amount to 1 + amount."""
    if draw is None:
        return x
    key = _key(draw, index)
    ones = (x.shape[0], *(1 for _ in x.shape[1:]))
    channels = (*ones[:-1], x.shape[-1]) if x.ndim > 3 else ones
    bright, contrast, colour = (
        uniform_draws(jax.random.fold_in(key, i), shape, x.dtype, 1.0 - amount, 1.0 + amount)
        for i, shape in enumerate((ones, ones, channels))
    )
    mean = jnp.mean(x, axis=tuple(range(1, x.ndim)), keepdims=True)
    return (mean * bright + (x - mean) * contrast) * colour


def add_noise(x: jax.Array, deviation: float, draw: jax.Array | None, index: int) -> jax.Array:
    """x plus normal noise."""
    if draw is None:
        return x
    return x + deviation * normal_draws(_key(draw, index), x.shape, x.dtype)


def mixup(x: jax.Array, alpha: float, draw: jax.Array | None) -> jax.Array:
    """Combinations of examples, lambda x_i + (1 - lambda) x_j with lambda of Beta(alpha, alpha) (Zhang et al. 2018).

    The same partners and lambdas for every feature, so that inputs and labels are mixed alike.
    """
    if draw is None:
        return x
    count = x.shape[0]
    key = _key(draw, MIXUP)
    weight = beta_draws(jax.random.fold_in(key, 0), (count, *(1 for _ in x.shape[1:])), x.dtype, alpha)
    partner = jnp.argsort(words(draw, MIXUP, count))
    return weight * x + (1 - weight) * x[partner]


MIXUP = 1_000_000
