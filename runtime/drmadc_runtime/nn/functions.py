"""Losses, metrics and activations that JAX does not have under the language's conventions."""

from typing import Literal

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jax import lax

from drmadc_runtime.core.axes import Layout
from drmadc_runtime.core.random import normal_draws
from drmadc_runtime.core.trees import Tree

Reduce = Literal["mean", "none", "task"]


def _reduced(values: jax.Array, reduce: Reduce, weights: jax.Array | None = None) -> jax.Array:
    """The mean over examples, weighted where there are weights [n]; for "none" the weighted values."""
    if weights is None:
        return jnp.mean(values) if reduce == "mean" else values
    weighted = weights * values
    return jnp.sum(weighted) / jnp.sum(weights) if reduce == "mean" else weighted


def _over_tasks(values: jax.Array, label: jax.Array, reduce: Reduce, weights: jax.Array | None = None) -> jax.Array:
    """The mean over tasks of each task's mean over examples [.., n] whose label is not -1; or one of each task."""
    there = label >= 0 if weights is None else jnp.where(label >= 0, weights, 0)
    kept = jnp.where(label >= 0, values if weights is None else weights * values, 0)
    if reduce == "none":
        return kept
    of_task = jnp.sum(kept, axis=-1) / jnp.sum(there, axis=-1)
    return of_task if reduce == "task" else jnp.mean(of_task)


def cross_entropy(
    logits: jax.Array,
    label: jax.Array,
    reduce: Reduce = "mean",
    *,
    padded: bool = False,
    weights: jax.Array | None = None,
    smoothing: jax.Array | float | None = None,
) -> jax.Array:
    """-log softmax(logits)[label] in nats; logits [n, classes]; mean, or [n] for reduce "none".

    `label` is int [n], or [n, classes] probabilities, over which the mean is taken. With `padded`, labels of -1 are
    left out, and tasks may come first: the mean is that of the tasks' means, "task" gives one of each. `weights` [n] of
    the examples make the mean sum(weights * values) / sum(weights). `smoothing` s replaces the probabilities p of the
    label by (1 - s) p + s / classes (Szegedy et al. 2016, section 7).
    """
    classes = logits.shape[-1]
    shifted = logits - lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    target = label if label.ndim == logits.ndim else jax.nn.one_hot(label, classes, dtype=logits.dtype)
    if smoothing is not None:
        target = (1 - smoothing) * target + smoothing / classes
    chosen = jnp.sum(shifted * target, axis=-1)
    values = jnp.log(jnp.sum(jnp.exp(shifted), axis=-1)) - chosen
    return _over_tasks(values, label, reduce, weights) if padded else _reduced(values, reduce, weights)


def by_class(weights: jax.Array, label: jax.Array) -> jax.Array:
    """The entry of each example's class: weights [classes], label int [..]; [..], and 0 for a label of -1."""
    return jax.nn.one_hot(label, len(weights), dtype=weights.dtype) @ weights


def error(logits: jax.Array, label: jax.Array, reduce: Reduce = "mean", *, padded: bool = False) -> jax.Array:
    """The fraction of examples whose largest logit is not the label's; logits [n, classes], label int [n]."""
    wrong = jnp.argmax(logits, axis=-1) != label
    return _over_tasks(wrong, label, reduce) if padded else jnp.mean(wrong)


def squared_error(prediction: jax.Array, target: jax.Array, reduce: Reduce = "mean") -> jax.Array:
    """Half the squared distance of each example, 0.5 |prediction - target|^2; mean over examples, or [n]."""
    return _reduced(_per_example(0.5 * jnp.square(prediction - target)), reduce)


def huber(prediction: jax.Array, target: jax.Array, reduce: Reduce = "mean") -> jax.Array:
    """Huber's loss with threshold 1, summed over each example's entries; mean over examples, or [n]."""
    distance = jnp.abs(prediction - target)
    value = jnp.where(distance <= 1.0, 0.5 * jnp.square(distance), distance - 0.5)
    return _reduced(_per_example(value), reduce)


def binary_cross_entropy(logit: jax.Array, target: jax.Array, reduce: Reduce = "mean") -> jax.Array:
    """-log likelihood of targets in [0, 1] under sigmoid(logit), summed over each example's entries."""
    value = jax.nn.softplus(logit) - target * logit
    return _reduced(_per_example(value), reduce)


def _per_example(values: jax.Array) -> jax.Array:
    return jnp.sum(values, axis=tuple(range(1, values.ndim))) if values.ndim > 1 else values


def flatten(x: jax.Array) -> jax.Array:
    """[n, ...] -> [n, product of the rest]"""
    return jnp.reshape(x, (x.shape[0], -1))


def gelu(x: jax.Array) -> jax.Array:
    """x Phi(x), exactly (Hendrycks and Gimpel 2016), as PyTorch's default."""
    return jax.nn.gelu(x, approximate=False)


def unit_step(x: jax.Array) -> jax.Array:
    """1 where x > 0, else 0: the derivative of relu."""
    return (x > 0).astype(x.dtype)


@jax.custom_jvp
def sqrt(x: jax.Array) -> jax.Array:
    """The square root; its derivative at 0 is taken as 0, where the limit from above is infinite.

    In m / (sqrt(v) + eps) with m and v averages of a gradient and of its square, that is the derivative: where v is 0,
    so is m, which multiplies the derivative of the root.
    """
    return jnp.sqrt(x)


@sqrt.defjvp
def _(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (tangent,) = primals, tangents
    root = sqrt(x)
    return root, jnp.where(root == 0, 0, tangent / (2 * jnp.where(root == 0, 1, root)))


def inverse(x: jax.Array) -> jax.Array:
    """1 / x, and 0 at 0."""
    return jnp.where(x == 0, 0, 1 / jnp.where(x == 0, 1, x))


def linspace(first: float, last: float, shape: tuple[int, ...]) -> jax.Array:
    """Evenly spaced numbers along the last axis, repeated along the others."""
    return jnp.broadcast_to(jnp.linspace(first, last, shape[-1]), shape)


def identity(shape: tuple[int, ...]) -> jax.Array:
    """The identity on the last two axes, repeated along the others."""
    return jnp.broadcast_to(jnp.eye(shape[-1]), shape)


def inverse_cdf(bins: jax.Array, draws: Tree, layout: Layout | None = None) -> Tree:
    """Draws from the distribution whose inverse CDF has the heights `bins` [n] at n evenly spaced probabilities.

    Between them it is linear (HIPS/hypergrad, experiment Jan_16). `draws` are uniform in (-1, 1). With a layout, `bins`
    is [arrays, n] and each array has its own distribution.
    """
    places = jnp.linspace(0.0, 1.0, bins.shape[-1])

    def heights(name: str) -> jax.Array:
        return bins if layout is None else bins[layout.entries[name].start]

    return Tree({name: jnp.interp((draw + 1) / 2, places, heights(name)) for name, draw in draws.items()})


def labels(classes: int, count: int) -> jax.Array:
    """0, 1, .., classes - 1, and around again; int32[count]."""
    return jnp.arange(count, dtype=jnp.int32) % classes


def noise(x: jax.Array, deviation: jax.Array, key: jax.Array | None, index: int) -> jax.Array:
    """x plus normal noise of a standard deviation: x + deviation * e, with e fixed by (key, index); x without a key.

    The reparametrisation lets gradients reach the deviation (Kingma and Welling 2014).
    """
    if key is None:
        return x
    return x + deviation * normal_draws(jax.random.fold_in(key, index), x.shape, x.dtype)


def gaussian_dropout(x: jax.Array, rate: jax.Array, key: jax.Array | None, index: int) -> jax.Array:
    """x times normal noise of mean 1 and dropout's variance, rate / (1 - rate) (Srivastava et al. 2014, section 10)."""
    if key is None:
        return x
    deviation = jnp.sqrt(rate / (1 - rate))
    return x * (1 + deviation * normal_draws(jax.random.fold_in(key, index), x.shape, x.dtype))


def neighbours(x: jax.Array, points: jax.Array, labels: jax.Array, width: jax.Array, classes: int) -> jax.Array:
    """Logits of a soft nearest-neighbour classifier: log of the sum over points j of class c of k(x, x_j).

    k is the Gaussian kernel exp(-|x - x'|^2 / (2 width^2)); x [n, d], points [m, d], labels int [m]; [n, classes]
    (HIPS/hypergrad, experiment Jan_19_nearest_neighbors_augmentation). A softmax makes them the class probabilities.
    """
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(points**2, axis=1) - 2 * x @ points.T
    exponents = -squares / (2 * width**2)
    largest = lax.stop_gradient(jnp.max(exponents, axis=1, keepdims=True))
    sums = jnp.exp(exponents - largest) @ jax.nn.one_hot(labels, classes, dtype=x.dtype)
    return jnp.log(sums + 1e-30) + largest


def expm(matrix: jax.Array) -> jax.Array:
    """The exponential of a square matrix: x @ expm(A t) is a continuous group of transformations of x in t."""
    exponential: jax.Array = jax.scipy.linalg.expm(matrix)
    return exponential
