"""Bytes of the train split that are read, and what is streamed."""

import pytest

import drmadc
from drmadc.compiler.passes import feeding

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
  loss = {loss} + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 4  steps = 3
}}
tune {{ minimize = mean(x @ w) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""
LABEL = {"label": "y: class[10] = label", "loss": "mean((x @ w - 1) ^ 2)"}


def found(feed: str = "", label: str = "", loss: str = "mean((x @ w - 1) ^ 2)") -> feeding.Feeding:
    return feeding.feeding(drmadc.compile_text(SPEC.format(feed=feed, label=label, loss=loss)).ir)


def test_fields_that_are_read_are_counted() -> None:
    """Images of 64 bytes, labels of 4; a label that no feature reads is not there."""
    assert found().size == 40 * 64
    assert found(**LABEL).size == 40 * (64 + 4)


def test_the_spec_decides() -> None:
    assert not found("feed = resident").streamed
    assert found("feed = streamed").streamed


@pytest.mark.parametrize(("share", "streamed"), [(40 * 64, False), (40 * 64 - 1, True)])
def test_what_is_larger_than_its_share_is_streamed(share: int, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SHARE", share)
    assert found().streamed == streamed
