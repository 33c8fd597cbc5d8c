"""Metrics that people report: of logits and class labels, and of predictions and real targets.

Classification takes logits [n, classes] and labels int [n], regression predictions and targets of one shape [n, ...].
Each is a scalar, and agrees with scikit-learn's function of the same name (`tests/unit/runtime/nn/test_metrics.py`).
Ranking metrics of more than two classes are the mean over the classes that are present, each against the rest.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

Average = Literal["macro", "micro"]


def _counts(logits: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """For each class: examples of it that are found, examples of it, and examples said to be of it; each [classes]."""
    classes = logits.shape[-1]
    said = jax.nn.one_hot(jnp.argmax(logits, axis=-1), classes, dtype=logits.dtype)
    true = jax.nn.one_hot(label, classes, dtype=logits.dtype)
    return jnp.sum(said * true, axis=0), jnp.sum(true, axis=0), jnp.sum(said, axis=0)


def _mean_where(values: jax.Array, there: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(there, values, 0)) / jnp.sum(there)


def accuracy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The fraction of examples whose largest logit is the label's."""
    return jnp.mean((jnp.argmax(logits, axis=-1) == label).astype(logits.dtype))


def balanced_accuracy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The mean over classes of the fraction of their examples that are found."""
    found, true, _ = _counts(logits, label)
    return _mean_where(found / jnp.maximum(true, 1), true > 0)


def f1(logits: jax.Array, label: jax.Array, average: Average = "macro") -> jax.Array:
    """2 found / (true + said): of each class and their mean, or of all examples together for `micro`."""
    found, true, said = _counts(logits, label)
    if average == "micro":
        return 2 * jnp.sum(found) / (jnp.sum(true) + jnp.sum(said))
    return _mean_where(2 * found / jnp.maximum(true + said, 1), true + said > 0)


def _over_classes(score: Callable[[jax.Array, jax.Array], jax.Array], logits: jax.Array, label: jax.Array) -> jax.Array:
    """The score of class 1 where there are two, else the mean over the present classes, each against the rest."""
    probability = jax.nn.softmax(logits, axis=-1)
    true = jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype)
    if logits.shape[-1] == 2:
        return score(probability[:, 1], true[:, 1])
    values = jax.lax.map(lambda pair: score(*pair), (probability.T, true.T))
    count = jnp.sum(true, axis=0)
    return _mean_where(values, (count > 0) & (count < len(label)))


def _auc(score: jax.Array, true: jax.Array) -> jax.Array:
    """Mann and Whitney's statistic: how often an example of the class is above one of the rest; ties count half."""
    ordered = jnp.sort(score)
    left, right = (jnp.searchsorted(ordered, score, side=side) for side in ("left", "right"))
    rank = (left + right + 1).astype(score.dtype) / 2
    count = jnp.sum(true)
    rest = len(true) - count
    return (jnp.sum(rank * true) - count * (count + 1) / 2) / (count * rest)


def _average_precision(score: jax.Array, true: jax.Array) -> jax.Array:
    """The mean over the examples of the class of the precision at their score."""
    order = jnp.argsort(score)
    below = jnp.concatenate([jnp.zeros(1, true.dtype), jnp.cumsum(true[order])])
    first = jnp.searchsorted(score[order], score, side="left")
    precision = (jnp.sum(true) - below[first]) / (len(true) - first)
    return jnp.sum(precision * true) / jnp.sum(true)


def auc(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The area under the receiver operating characteristic."""
    return _over_classes(_auc, logits, label)


def average_precision(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The area under the curve of precision over recall, as a step function."""
    return _over_classes(_average_precision, logits, label)


def brier(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The squared distance of probabilities from the label's: of class 1 where there are two, else of all classes."""
    distance = jnp.square(jax.nn.softmax(logits, axis=-1) - jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype))
    return jnp.mean(distance[:, 1] if logits.shape[-1] == 2 else jnp.sum(distance, axis=-1))


def calibration_error(logits: jax.Array, label: jax.Array, bins: int = 15) -> jax.Array:
    """Expected calibration error over equal bins of confidence (Guo et al. 2017, equation 3)."""
    probability = jax.nn.softmax(logits, axis=-1)
    confidence = jnp.max(probability, axis=-1)
    right = (jnp.argmax(logits, axis=-1) == label).astype(logits.dtype)
    of = jax.nn.one_hot(jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0, bins - 1), bins)
    return jnp.sum(jnp.abs((right - confidence) @ of.astype(logits.dtype))) / len(label)


def mae(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """The mean absolute difference."""
    return jnp.mean(jnp.abs(prediction - target))


def rmse(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """The root of the mean squared difference."""
    return jnp.sqrt(jnp.mean(jnp.square(prediction - target)))


def r2(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """1 minus the squared error over that of the target's mean; of several targets the mean."""
    residual = jnp.sum(jnp.square(target - prediction), axis=0)
    total = jnp.sum(jnp.square(target - jnp.mean(target, axis=0)), axis=0)
    return jnp.mean(1 - residual / total)
