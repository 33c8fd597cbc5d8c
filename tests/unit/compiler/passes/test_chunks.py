"""In how many pieces the objective goes through a split: equal ones, of 250 to 1000 examples."""

import pytest

import drmadc
from drmadc.compiler.passes.chunks import chunks
from tests.conftest import compiled

SPEC = """
data d {{
  source = synthetic(regression, examples: {examples}, features: 3)
  x: real[3] = x
  split = {{ train: 10, valid: {valid}, guard: 0 }}
}}
params w: real[3] = 0.1
hyper l2: positive = 0.01
train {{ loss = mean(x @ w) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 5  steps = 2 }}
tune {{ minimize = {minimize}  update = sgd(rate: 0.1)  steps = 1 }}
"""


def pieces(valid: int, minimize: str = "squared_error(x @ w, x @ w * 2) on valid") -> int | None:
    text = SPEC.format(valid=valid, examples=valid + 10, minimize=minimize)
    return chunks(drmadc.compile_text(text).ir).get("valid")


@pytest.mark.parametrize(
    ("valid", "count"),
    [
        (1000, None),
        (1001, 7),
        (2000, 2),
        (2400, 3),
        (2001, 3),
        (1002, 2),
        (2011, None),
        (5000, 5),
        (1009, None),
        (3007, None),
    ],
)
def test_pieces_are_equal_and_of_250_to_1000_examples(valid: int, count: int | None) -> None:
    """1001 = 7 x 143 is cut in 7, the least number of equal pieces below 4 x 2; primes stay whole."""
    assert pieces(valid) == count


MEAN = "squared_error(x @ w, x @ w * 2)"


@pytest.mark.parametrize(
    ("minimize", "count"),
    [
        (f"({MEAN} + {MEAN} * 2) on valid", 2),
        (f"(sum(w) * {MEAN} / 3 - sum(w)) on valid", 2),
        (f"(-{MEAN}) on valid", 2),
        (f"({MEAN} * {MEAN}) on valid", None),
        (f"(1 / {MEAN}) on valid", None),
        (f"exp({MEAN}) on valid", None),
        (f"({MEAN} + exp({MEAN})) on valid", None),
        (f"({MEAN} on valid) + ({MEAN} on valid)", None),
        ("sum(x @ w) on valid", None),
    ],
)
def test_only_means_over_examples_are_cut(minimize: str, count: int | None) -> None:
    assert pieces(2000, minimize) == count


def test_tasks_are_not_cut() -> None:
    assert chunks(compiled("tasks").ir) == {}
