"""Which losses are the average of themselves over equal parts of a minibatch."""

import pytest

from drmadc.common.source import SourceFile
from drmadc.compiler.check.gradient.accumulation import averages_over_parts
from drmadc.compiler.driver import compile_source

SPEC = """
data d {{
  source = synthetic(regression, examples: 20, features: 3)
  x: real[3] = flatten(x)
  split = {{ train: 10, valid: 10 }}
}}
params w: real[3] = 0.1
hyper l2: positive = 0.01
hyper trust: positive[example of d.train] = 0.5
train {{
  loss = {loss}
  update = sgd(rate: 0.1)
  batch = 4
  steps = 2
}}
tune {{ minimize = squared_error(x @ w, x @ w * 2) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""


@pytest.mark.parametrize(
    ("loss", "average"),
    [
        ("squared_error(x @ w, x @ w * 2)", True),
        ("3 * mean((x @ w) ^ 2) - l2 * sum(w ^ 2) / 2", True),
        ("mean(trust * squared_error(x @ w, x @ w * 2, reduce: none))", True),
        ("sum((x @ w) ^ 2)", False),
        ("sum(trust * squared_error(x @ w, x @ w * 2, reduce: none))", False),
        ("mean((x @ w) ^ 2) ^ 0.5", False),
        ("rmse(x @ w, x @ w * 2)", False),
        ("mean((x @ w - mean(x @ w)) ^ 2)", False),
        ("mean(x @ w) * mean(x @ w)", False),
        ("max(x @ w)", False),
    ],
)
def test_losses_that_average(loss: str, average: bool) -> None:
    program = compile_source(SourceFile("spec.drm", SPEC.format(loss=loss))).ir
    assert program is not None
    assert averages_over_parts(program) == average
