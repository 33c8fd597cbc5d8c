"""Bytes of the train split that are read, and what is streamed."""

from dataclasses import replace

import pytest

import drmadc
from drmadc.compiler.passes.data import feeding
from drmadc.ir.program import Program
from drmadc_common.amounts import bytes_text
from tests.conftest import compiled as shared

SPEC = """
data d {{
  source = digits()
  x: real[64] = flatten(image) / 16
  {label}
  split = {{ train: 40, valid: 20 }}
  {feed}
}}
params w: real[64] = 0.1
hyper l2: positive = 0.01
train {{
  loss = {loss} + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = {batch}  steps = 3
}}
tune {{ minimize = mean(x @ w) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""
LABEL = {"label": "y: class[10] = label", "loss": "mean((x @ w - 1) ^ 2)"}


def compiled(feed: str = "", label: str = "", loss: str = "mean((x @ w - 1) ^ 2)", batch: str = "4") -> Program:
    return drmadc.compile_text(SPEC.format(feed=feed, label=label, loss=loss, batch=batch)).ir


def found(**fields: str) -> feeding.Feeding:
    """Of the compiled program, in which it is settled."""
    return feeding.feeding(compiled(**fields))


def test_fields_that_are_read_are_counted() -> None:
    """Images of 64 bytes, labels of 4; a label that no feature reads is not there."""
    assert found().size == 40 * 64
    assert found(**LABEL).size == 40 * (64 + 4)


REAL = """
data d {{
  source = synthetic(regression, examples: 60, features: 3)
  x: real[3] = x
  split = {{ train: 40, valid: 20 }}
}}
params w: real[3] = 0.1
hyper l2: positive = 0.01
train {{ loss = mean(x @ w) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 4  steps = 3  precision = {precision} }}
tune {{ minimize = mean(x @ w) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""


@pytest.mark.parametrize(("precision", "item"), [("float32", 4), ("float64", 8)])
def test_numbers_are_as_large_as_the_precision(precision: str, item: int) -> None:
    assert feeding.train_bytes(drmadc.compile_text(REAL.format(precision=precision)).ir) == 40 * 3 * item


def test_every_task_has_a_train_split() -> None:
    """10 tasks of 80 examples: an image of 28 x 28 bytes, and a label."""
    assert feeding.train_bytes(shared("tasks").ir) == 10 * 80 * (28 * 28 + 4)


def test_the_spec_decides() -> None:
    assert found(feed="feed = resident") == feeding.Feeding(40 * 64, False, "")
    assert found(feed="feed = streamed") == feeding.Feeding(40 * 64, True, "")


@pytest.mark.parametrize(("share", "streamed"), [(40 * 64, False), (40 * 64 - 1, True)])
def test_what_is_larger_than_its_share_is_streamed(share: int, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SHARE", share)
    limit = f"the memory limit for data, {bytes_text(share)}"
    reason = f"it exceeds {limit}" if streamed else f"it fits {limit}"
    expected = feeding.Feeding(40 * 64, streamed, reason)
    settled = compiled()
    assert settled.data is not None
    assert settled.data.feed == ("streamed" if streamed else "resident")
    left_open = replace(settled, data=replace(settled.data, feed="", feed_reason=""))
    assert feeding.feeding(left_open) == feeding.feeding(settled) == expected
    assert feeding.feed(left_open) == settled


def test_what_cannot_be_streamed_stays_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SHARE", 1000)
    reason = "it exceeds the memory limit for data, 1 KB, but `batch = all` reads the whole split at each step"
    assert found(batch="all") == feeding.Feeding(40 * 64, False, reason)
