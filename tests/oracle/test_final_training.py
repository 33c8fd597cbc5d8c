"""The final training weights its examples as the spec says: against the same training by hand in NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import drmadc
from drmadc_runtime.core.random import draw_rows_host
from drmadc_runtime.data.resident import Data
from drmadc_runtime.program.training_runs import retrain

SPEC = """
data d {
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split  = { train: 60, valid: 40, test: 100 }
}
model net(x: real[64]) -> real[10] { return dense(x, 10) }
hyper trust: unit[example of d.train] = 0.5
train {
  init      = { params: 0 }
  loss      = mean(trust * cross_entropy(net(x), y, reduce: none))
  update    = sgd(rate: 0.5)
  batch     = BATCH
  steps     = 7
  precision = float64
}
tune { minimize = cross_entropy(net(x), y) + 0.01 * mean(trust) on valid  update = adam(rate: 0.1)  steps = 2 }
retrain { on = [ON]  others = { trust: 0.9 } }
report {
  left   = cross_entropy(net(x), y) on test
  weight = mean(trust)
}
"""
Array = npt.NDArray[np.float64]


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def by_hand(data: Data, order: list[str], trust: Array, batch: int, outer: int) -> float:
    """The test loss of a softmax regression trained on the joined splits, with a weight for each example."""
    splits = data.splits(outer)
    x = {name: split["image"].reshape(-1, 64) / 16.0 for name, split in splits.items()}
    weights = {"train": trust, "valid": np.full(40, 0.9)}
    inputs, labels = (np.concatenate([part[name] for name in order]) for part in (x, labels_of(splits)))
    alpha = np.concatenate([weights[name] for name in order])
    w, b = np.zeros((64, 10)), np.zeros(10)
    for t in range(7):
        rows = draw_rows_host(0, outer, t, 1, batch, 100)[0] if batch else np.arange(100)
        d = alpha[rows, None] * (softmax(inputs[rows] @ w + b) - np.eye(10)[labels[rows]]) / len(rows)
        w, b = w - 0.5 * inputs[rows].T @ d, b - 0.5 * d.sum(axis=0)
    found = softmax(x["test"] @ w + b)[np.arange(100), labels_of(splits)["test"]]
    return float(-np.log(found).mean())


def labels_of(splits: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: split["label"] for name, split in splits.items()}


@pytest.mark.parametrize("batch", [0, 20])
@pytest.mark.parametrize("order", [["train", "valid"], ["valid", "train"]])
def test_tuned_weights_go_to_the_rows_of_train_and_the_given_one_to_the_others(batch: int, order: list[str]) -> None:
    text = SPEC.replace("ON", ", ".join(order)).replace("BATCH", str(batch or "all"))
    program = drmadc.compile_text(text)
    trust = np.random.default_rng(0).uniform(0.05, 0.95, 60)
    found = retrain(program.executor, {"trust": trust}, 2)
    assert isinstance(program.emitted.data, Data)
    np.testing.assert_allclose(found["left"], by_hand(program.emitted.data, order, trust, batch, 2), rtol=1e-10)
    np.testing.assert_allclose(found["weight"], trust.mean())  # a report reads the hyperparameter as it was tuned


def test_a_prior_under_on_is_the_prior_beside_it() -> None:
    text = SPEC.replace("ON", "train, valid").replace("BATCH", "20")
    beside = text.replace(
        "cross_entropy(net(x), y) + 0.01 * mean(trust) on valid",
        "(cross_entropy(net(x), y) on valid) + 0.01 * mean(trust)",
    )
    assert beside != text
    trust = np.random.default_rng(1).uniform(0.05, 0.95, 60)
    found, expected = (drmadc.compile_text(t).hypergradient({"trust": trust}) for t in (text, beside))
    assert found.value == expected.value
    np.testing.assert_allclose(found.gradient["trust"], expected.gradient["trust"], rtol=1e-12)
