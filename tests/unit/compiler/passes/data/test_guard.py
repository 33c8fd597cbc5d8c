"""Which examples are set aside as a guard, and what is reported on them."""

import pytest

import drmadc
from drmadc.compiler.passes.data.guard import LEAST, PART
from drmadc.ir.text import expr_text

SPEC = """
data d {
  source = digits()
  x: real[64] = flatten(image)
  y: class[10] = label
  SPLIT
}
model m(x: real[64]) -> real[10] { return dense(x, 10) }
hyper l2: positive = 0.01
train {
  init = { weights: 0, biases: 0 }
  loss = cross_entropy(m(x), y) + l2 * sum(m.weights ^ 2)
  update = sgd(rate: 0.1)
  batch = 10
  steps = 2
}
tune { minimize = cross_entropy(m(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }
report { error(m(x), y) on test }
"""
FEW = LEAST * PART - 1


def program(split: str, more: str = "") -> drmadc.Program:
    return drmadc.compile_text(SPEC.replace("SPLIT", split) + more)


@pytest.mark.parametrize(
    ("split", "sizes", "source"),
    [
        ("split = { train: 500, valid: 300, test: 100 }", {"valid": 300, "guard": 60}, "unused"),
        ("split = { train: 1297, valid: 400, test: 100 }", {"valid": 320, "guard": 80}, "valid"),
        ("split = { train: 0.6, valid: 0.3, test: 0.1 }", {"valid": 432, "guard": 107}, "valid"),
        (f"split = {{ train: 500, valid: {FEW}, test: 100 }}", {"valid": FEW}, ""),
        ("split = { train: 500, valid: 300, test: 100, guard: 0 }", {"valid": 300}, ""),
        ("split = { train: 500, valid: 300, test: 100, guard: 30 }", {"valid": 300, "guard": 30}, ""),
        ("split = { train: 200, valid: 270, test: 100 }  balance = label", {"valid": 220, "guard": 50}, "valid"),
        ("split = { train: 900, valid: 300, test: 100 }  folds = 4", {"valid": 300, "guard": 60}, "unused"),
        ("split = { train: 1275, valid: 425, test: 90 }  folds = 4", {"valid": 425}, ""),
    ],
)
def test_what_is_set_aside(split: str, sizes: dict[str, int], source: str) -> None:
    data = program(split).ir.data
    assert data is not None
    assert {s.name: s.size for s in data.splits if s.name in ("valid", "guard")} == sizes
    assert data.guard_from == source
    assert ("set aside" in data.set_aside) == bool(source)


def test_the_objective_is_reported_on_the_guard() -> None:
    ir = program("split = { train: 500, valid: 300, test: 100 }").ir
    (judge,) = [r.function.value for r in ir.reports if r.key == "guard"]
    assert "on_valid(" in expr_text(ir.objective.value)
    assert expr_text(judge) == expr_text(ir.objective.value).replace("valid", "guard")


def test_the_final_training_uses_what_was_taken_from_valid() -> None:
    retrain = "retrain { on = [train, valid] }"
    taken = program("split = { train: 1297, valid: 400, test: 100 }", retrain).ir.retrain
    spare = program("split = { train: 500, valid: 300, test: 100 }", retrain).ir.retrain
    assert taken is not None
    assert spare is not None
    assert taken.splits == ("train", "valid", "guard")
    assert spare.splits == ("train", "valid")
