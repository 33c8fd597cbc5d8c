"""Metrics against scikit-learn, in float64."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as reference

from drmadc_runtime.nn import metrics

Draw = tuple[np.ndarray, np.ndarray]


def drawn(classes: int, seed: int, lacking: int | None = None) -> Draw:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, 90)
    if lacking is not None:
        label[label == lacking] = (lacking + 1) % classes
    logits = rng.normal(size=(90, classes)) + 1.5 * np.eye(classes)[label] * rng.uniform(size=(90, 1))
    return logits, label


def call(metric: Callable[..., jax.Array], a: np.ndarray, b: np.ndarray, **named: object) -> float:
    with jax.enable_x64(True):
        return float(jax.jit(lambda a, b: metric(a, b, **named))(jnp.asarray(a), jnp.asarray(b)))


def ovr(score: Callable[..., float]) -> Callable[[np.ndarray, np.ndarray], float]:
    def of(logits: np.ndarray, label: np.ndarray) -> float:
        p = softmax(logits, axis=1)
        if logits.shape[1] == 2:
            return score(label, p[:, 1])
        there = [c for c in range(logits.shape[1]) if np.sum(label == c) > 0]
        return float(np.mean([score(label == c, p[:, c]) for c in there]))

    return of


SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda z, y: reference.accuracy_score(y, z.argmax(1)),
    "balanced_accuracy": lambda z, y: reference.recall_score(y, z.argmax(1), average="macro", labels=np.unique(y)),
    "f1": lambda z, y: reference.f1_score(y, z.argmax(1), average="macro"),
    "log_loss": lambda z, y: reference.log_loss(y, softmax(z, axis=1), labels=np.arange(z.shape[1])),
    "auc": ovr(reference.roc_auc_score),
    "average_precision": ovr(reference.average_precision_score),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classification_agrees_with_scikit_learn(name: str, classes: int) -> None:
    logits, label = drawn(classes, classes)
    assert call(getattr(metrics, name), logits, label) == pytest.approx(SCORES[name](logits, label), rel=1e-12)


@pytest.mark.parametrize("name", ["balanced_accuracy", "auc", "average_precision"])
def test_a_class_without_examples_is_left_out(name: str) -> None:
    logits, label = drawn(4, 1, lacking=2)
    assert 2 not in label
    assert call(getattr(metrics, name), logits, label) == pytest.approx(SCORES[name](logits, label), rel=1e-12)


@pytest.mark.parametrize("name", ["auc", "average_precision"])
def test_ties_count_as_scikit_learn_counts_them(name: str) -> None:
    rng = np.random.default_rng(5)
    score, true = np.round(4 * rng.uniform(size=80)), (rng.uniform(size=80) < 0.3).astype(float)
    expected = {"auc": reference.roc_auc_score, "average_precision": reference.average_precision_score}[name]
    ranked = functools.partial(getattr(metrics, f"_{name}"), there=jnp.ones(80))
    assert call(ranked, score, true) == pytest.approx(expected(true, score), rel=1e-12)


@pytest.mark.parametrize("name", [*SCORES, "perplexity", "brier", "calibration_error"])
@pytest.mark.parametrize("classes", [2, 5])
def test_padding_is_left_out(name: str, classes: int) -> None:
    """Labels of -1 are no examples: the same value as without them."""
    logits, label = drawn(classes, 6)
    padded = np.concatenate([logits, 9 * np.eye(classes)[np.arange(20) % classes]])
    of = functools.partial(call, getattr(metrics, name))
    assert of(padded, np.concatenate([label, np.full(20, -1)])) == pytest.approx(of(logits, label), rel=1e-12)


def test_perplexity_is_that_of_log_loss() -> None:
    logits, label = drawn(4, 7)
    expected = np.exp(reference.log_loss(label, softmax(logits, axis=1), labels=range(4)))
    assert call(metrics.perplexity, logits, label) == pytest.approx(expected, rel=1e-12)


def test_micro_f1_is_accuracy_of_single_labels() -> None:
    logits, label = drawn(5, 2)
    expected = reference.f1_score(label, logits.argmax(1), average="micro")
    assert call(metrics.f1, logits, label, average="micro") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 5])
def test_brier(classes: int) -> None:
    logits, label = drawn(classes, 3)
    p = softmax(logits, axis=1)
    expected = (
        reference.brier_score_loss(label, p[:, 1]) if classes == 2 else np.mean(((p - np.eye(5)[label]) ** 2).sum(1))
    )
    assert call(metrics.brier, logits, label) == pytest.approx(expected, rel=1e-12)


def test_calibration_error_of_known_bins() -> None:
    """Ten examples of confidence .75, six of them right: |.6 - .75|; ten of .95, all right: .05."""
    sure = np.log(np.array([[0.75, 0.25]] * 10 + [[0.95, 0.05]] * 10))
    label = np.array([0] * 6 + [1] * 4 + [0] * 10)
    assert call(metrics.calibration_error, sure, label) == pytest.approx((0.15 + 0.05) / 2, rel=1e-12)


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_regression_agrees_with_scikit_learn(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    target = rng.normal(size=shape)
    prediction = target + 0.3 * rng.normal(size=shape)
    assert call(metrics.mae, prediction, target) == pytest.approx(reference.mean_absolute_error(target, prediction))
    expected = np.sqrt(reference.mean_squared_error(target, prediction))
    assert call(metrics.rmse, prediction, target) == pytest.approx(expected)
    assert call(metrics.r2, prediction, target) == pytest.approx(reference.r2_score(target, prediction))
