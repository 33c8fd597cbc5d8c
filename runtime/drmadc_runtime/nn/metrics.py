"""Metrics that people report: of logits and class labels, and of predictions and real targets.

Classification takes logits [n, classes] and labels int [n], of which -1 is left out (the padding of tasks); regression
takes predictions and targets of one shape [n, ...]. Each is a scalar, and agrees with scikit-learn's function of that
name. Ranking metrics of more than two classes are the mean over the classes that are present, each against the rest.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

Average = Literal["macro", "micro"]
Score = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def _there(logits: jax.Array, label: jax.Array) -> jax.Array:
    """1 for an example, 0 for padding; [n]."""
    return (label >= 0).astype(logits.dtype)


def _mean(values: jax.Array, weights: jax.Array) -> jax.Array:
    return jnp.sum(values * weights) / jnp.sum(weights)


def _counts(logits: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """For each class: examples of it that are found, examples of it, and examples said to be of it; each [classes]."""
    classes = logits.shape[-1]
    said = jax.nn.one_hot(jnp.argmax(logits, axis=-1), classes, dtype=logits.dtype) * _there(logits, label)[:, None]
    true = jax.nn.one_hot(label, classes, dtype=logits.dtype)
    return jnp.sum(said * true, axis=0), jnp.sum(true, axis=0), jnp.sum(said, axis=0)


def accuracy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The fraction of examples whose largest logit is the label's."""
    return _mean((jnp.argmax(logits, axis=-1) == label).astype(logits.dtype), _there(logits, label))


def balanced_accuracy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The mean over the present classes of the fraction of their examples that are found."""
    found, true, _ = _counts(logits, label)
    return _mean(found / jnp.maximum(true, 1), (true > 0).astype(logits.dtype))


def f1(logits: jax.Array, label: jax.Array, average: Average = "macro") -> jax.Array:
    """2 found / (true + said): of each class and their mean, or of all examples together for `micro`."""
    found, true, said = _counts(logits, label)
    if average == "micro":
        return 2 * jnp.sum(found) / (jnp.sum(true) + jnp.sum(said))
    return _mean(2 * found / jnp.maximum(true + said, 1), (true + said > 0).astype(logits.dtype))


def _over_classes(score: Score, logits: jax.Array, label: jax.Array) -> jax.Array:
    """The score of class 1 where there are two, else the mean over the present classes, each against the rest."""
    probability = jax.nn.softmax(logits, axis=-1)
    true = jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype)
    there = _there(logits, label)
    if logits.shape[-1] == 2:
        return score(probability[:, 1], true[:, 1], there)
    values = jax.lax.map(lambda pair: score(pair[0], pair[1], there), (probability.T, true.T))
    count = jnp.sum(true, axis=0)
    present = (count > 0) & (count < jnp.sum(there))
    return jnp.sum(jnp.where(present, values, 0)) / jnp.sum(present)


def _auc(score: jax.Array, true: jax.Array, there: jax.Array) -> jax.Array:
    """Mann and Whitney's statistic: how often an example of the class is above one of the rest; ties count half."""
    score = jnp.where(there > 0, score, -jnp.inf)
    ordered = jnp.sort(score)
    left, right = (jnp.searchsorted(ordered, score, side=side) for side in ("left", "right"))
    rank = (left + right + 1).astype(true.dtype) / 2 - jnp.sum(1 - there)
    count = jnp.sum(true)
    return (jnp.sum(rank * true) - count * (count + 1) / 2) / (count * (jnp.sum(there) - count))


def _average_precision(score: jax.Array, true: jax.Array, there: jax.Array) -> jax.Array:
    """The mean over the examples of the class of the precision at their score."""
    score = jnp.where(there > 0, score, -jnp.inf)
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


def log_loss(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The mean of -log softmax(logits)[label], in nats."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits, axis=-1), jnp.maximum(label, 0)[:, None], axis=-1)[:, 0]
    return -_mean(chosen, _there(logits, label))


def perplexity(logits: jax.Array, label: jax.Array) -> jax.Array:
    """exp of the mean of -log softmax(logits)[label]."""
    return jnp.exp(log_loss(logits, label))


def brier(logits: jax.Array, label: jax.Array) -> jax.Array:
    """The squared distance of probabilities from the label's: of class 1 where there are two, else of all classes."""
    distance = jnp.square(jax.nn.softmax(logits, axis=-1) - jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype))
    of_example = distance[:, 1] if logits.shape[-1] == 2 else jnp.sum(distance, axis=-1)
    return _mean(of_example, _there(logits, label))


def calibration_error(logits: jax.Array, label: jax.Array, bins: int = 15) -> jax.Array:
    """Expected calibration error over equal bins of confidence (Guo et al. 2017, equation 3)."""
    there = _there(logits, label)
    confidence = jnp.max(jax.nn.softmax(logits, axis=-1), axis=-1)
    right = (jnp.argmax(logits, axis=-1) == label).astype(logits.dtype)
    number = jnp.clip(jnp.ceil(confidence * bins).astype(jnp.int32) - 1, 0, bins - 1)
    difference = ((right - confidence) * there) @ jax.nn.one_hot(number, bins, dtype=logits.dtype)
    return jnp.sum(jnp.abs(difference)) / jnp.sum(there)


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
