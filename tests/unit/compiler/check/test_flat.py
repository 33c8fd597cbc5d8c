"""Where the derivative of the objective is 0 almost everywhere."""

import pytest

from drmadc.common.source import SourceFile
from drmadc.compiler.driver import compile_source

SPEC = """
data d {{
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split = {{ train: 100, valid: 50 }}
}}
model hard(x: real[64]) -> real[10] {{
  h = dense(x, 10)
  return sign(h)
}}
model soft(x: real[64]) -> real[10] {{
  return dense(x * sign(x), 10)
}}
hyper l2: positive = 0.1
train {{
  loss = cross_entropy(soft(x), y) + cross_entropy(hard(x), y) + l2 * sum(soft.weights ^ 2)
  update = sgd(rate: 0.1)
  batch = 10
  steps = 2
}}
tune {{ minimize = {objective}  update = sgd(rate: 0.1)  steps = 1 }}
"""


@pytest.mark.parametrize(
    ("objective", "code"),
    [
        ("error(soft(x), y) on valid", "E0406"),
        ("1 - f1(soft(x), y) on valid", "E0406"),
        ("1 - auc(soft(x), y) ^ 2 on valid", "E0406"),
        ("cross_entropy(hard(x), y) on valid", "E0406"),
        ("mean(sign(soft(x))) on valid", "E0406"),
        ("3", "E0406"),
        ("cross_entropy(soft(x), y) + error(soft(x), y) on valid", "W0402"),
        ("error(soft(x), y) * l2 on valid", ""),
        ("cross_entropy(soft(x), y) on valid", ""),
        ("calibration_error(soft(x), y) + brier(soft(x), y) on valid", ""),
        ("mean(soft(x) * sign(soft(x))) on valid", ""),
        ("max(soft(x)) on valid", ""),
    ],
)
def test_objectives(objective: str, code: str) -> None:
    found = compile_source(SourceFile("spec.drm", SPEC.format(objective=objective))).diagnostics
    of_the_loss, *rest = (d.code for d in found if d.code in ("E0406", "W0402"))
    assert of_the_loss == "W0402"  # its second term reads the parameters through `sign` only
    assert rest == ([code] if code else [])
