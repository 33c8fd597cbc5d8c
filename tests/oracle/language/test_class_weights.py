"""Weights and smoothing of the cross entropy: against scikit-learn and Optax, and through training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import drmadc
import drmadc_runtime as rt
from tests.conftest import names
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

PROGRAM = """
data small {{
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split = {{ train: 97, valid: 60 }}
}}
model net(x: real[64]) -> real[10] {{ return dense(x, 10) }}
{hypers}
train {{ loss = {loss}  update = heavy_ball(rate: 0.4, momentum: 0.5)  batch = 30  steps = 5  precision = float64 }}
tune {{ minimize = {objective}  reverse = exact(store)  update = sgd(rate: 0.1)  steps = 1 }}
"""
PLAIN = "cross_entropy(net(x), y) on valid"


def program_for(hypers: str, loss: str, objective: str = PLAIN) -> drmadc.Program:
    return drmadc.compile_text(PROGRAM.format(hypers=hypers, loss=loss, objective=objective))


def drawn(classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    return rng.normal(size=(80, classes)), rng.choice(classes, 80, p=rng.dirichlet(np.ones(classes)))


def cross_entropy(logits: np.ndarray, label: np.ndarray, **named: Any) -> np.ndarray:
    with jax.enable_x64(True):
        arrays = {k: jnp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in named.items()}
        return np.asarray(rt.cross_entropy(jnp.asarray(logits), jnp.asarray(label), **arrays))


def test_weighted_mean_is_that_of_scikit_learn() -> None:
    logits, label = drawn()
    weights = compute_sample_weight("balanced", label)
    expected = log_loss(label, softmax(logits, axis=1), sample_weight=weights)
    assert cross_entropy(logits, label, weights=weights) == pytest.approx(expected, rel=1e-13)


def test_without_reduction_each_value_is_weighted() -> None:
    logits, label = drawn()
    weights = np.linspace(0.1, 2, len(label))
    each = cross_entropy(logits, label, reduce="none")
    np.testing.assert_allclose(cross_entropy(logits, label, weights=weights, reduce="none"), weights * each)


def test_padding_has_no_weight() -> None:
    logits, label = drawn()
    weights = np.linspace(0.1, 2, len(label))
    label[60:] = -1
    whole = cross_entropy(logits[:60], label[:60], weights=weights[:60])
    assert cross_entropy(logits, label, weights=weights, padded=True) == pytest.approx(float(whole), rel=1e-13)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_smoothing_is_that_of_optax(smoothing: float) -> None:
    logits, label = drawn()
    with jax.enable_x64(True):
        soft = optax.smooth_labels(jax.nn.one_hot(label, 5, dtype="float64"), smoothing)
        expected = np.asarray(optax.softmax_cross_entropy(jnp.asarray(logits), soft))
    np.testing.assert_allclose(cross_entropy(logits, label, smoothing=smoothing, reduce="none"), expected, rtol=1e-12)


def test_balanced_weights_are_scikit_learns_on_the_train_split() -> None:
    program = program_for("hyper s: unit = 0.1", "cross_entropy(net(x), y, weights: balanced, smoothing: s)")
    with program.executor.precision():
        (data,) = program.executor.data(0)
    label = np.asarray(data["train"]["label"])
    assert len(set(np.bincount(label, minlength=10))) > 2
    expected = compute_class_weight("balanced", classes=np.arange(10), y=label)
    np.testing.assert_allclose(data["statistics"]["balanced"], expected, rtol=1e-15)


def test_the_loss_of_a_minibatch_is_scikit_learns() -> None:
    program = program_for("hyper w: positive[class of y] = 1", "cross_entropy(net(x), y, weights: w)")
    module = names(program)
    hypers = perturbed(program)
    with program.executor.precision():
        cast = program.executor.cast(hypers)
        (data,) = program.executor.data(0)
        params = module.init(cast, 0)
        batch = module.minibatch(data, 0, 3)
        found = module.loss(params, cast["w"], batch)
        p, label = softmax(np.asarray(module.net(params, batch["x"])), axis=1), np.asarray(batch["y"])
    expected = log_loss(label, p, sample_weight=hypers["w"][label], labels=np.arange(10))
    assert float(found) == pytest.approx(expected, rel=1e-13)


CASES = {
    "of classes in an expression": ("hyper w: real[10] = 0", "cross_entropy(net(x), y, weights: exp(w))"),
    "of classes and steps": ("hyper w: positive[step, class of y] = 1", "cross_entropy(net(x), y, weights: w)"),
    "of examples": (
        "hyper w: positive[example of small.train] = 1",
        "cross_entropy(net(x), y, weights: w)",
    ),
    "both": (
        "hyper w: positive[class of y] = 1  hyper s: unit = 0.1",
        "cross_entropy(net(x), y, weights: w, smoothing: s)",
    ),
    "balanced": ("hyper s: unit = 0.1", "cross_entropy(net(x), y, weights: balanced, smoothing: s)"),
}


@pytest.mark.parametrize("case", CASES)
def test_hypergradient_is_that_of_the_unrolled_loop(case: str) -> None:
    objective = PLAIN if case == "both" else "cross_entropy(net(x), y, weights: balanced) on valid"
    program = program_for(*CASES[case], objective)
    hypers = perturbed(program, 3)
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-13)
    assert_equal_gradients(result.gradient, expected, 1e-10)


def test_a_feature_may_have_the_name_that_the_weights_get() -> None:
    text = PROGRAM.format(hypers="hyper s: unit = 0.1", loss="cross_entropy(net(x), y, smoothing: s)", objective=PLAIN)
    text = text.replace("  y: class", "  weights_of_y: real[64] = flatten(image)\n  y: class")
    text = text.replace("y, smoothing", "y, weights: balanced, smoothing").replace(
        "net(x), y)", "net(weights_of_y), y)"
    )
    result = drmadc.compile_text(text).hypergradient({"s": np.asarray(0.1)})
    assert np.isfinite(result.value)


def test_log_loss_takes_logits_or_their_softmax() -> None:
    text = PROGRAM.format(
        hypers="hyper s: unit = 0.1", loss="cross_entropy(net(x), y, smoothing: s)", objective="{} on valid"
    )
    values = {
        objective: drmadc.compile_text(text.replace("{}", objective)).objective({"s": np.asarray(0.1)})
        for objective in ("cross_entropy(net(x), y)", "log_loss(net(x), y)", "log_loss(softmax(net(x)), y)")
    }
    assert values["log_loss(softmax(net(x)), y)"] == values["log_loss(net(x), y)"]
    assert values["log_loss(net(x), y)"] == pytest.approx(values["cross_entropy(net(x), y)"], rel=1e-14)
