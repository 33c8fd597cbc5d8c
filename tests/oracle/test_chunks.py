"""The outer objective in pieces: value and hypergradient of the whole, memory that does not grow with the split."""

import jax
import numpy as np
import pytest

import drmadc
from drmadc.compiler.passes import chunks as chunks
from drmadc_runtime.program.training_runs import first_state
from tests.oracle.unrolled import assert_equal_gradients, perturbed, unrolled_gradient

SPEC = """
data d {{
  source = synthetic(teacher, examples: {examples}, features: 6, classes: 3, units: 5)
  x: real[6] = x
  y: class[3] = label
  split = {{ train: 40, valid: {valid}, guard: 0 }}
}}
model m(x: real[6]) -> real[3] {{
  h = tanh(dense(x, 5))
  return dense(h, 3)
}}
hyper l2: positive[weight of m.weights] = 0.01
hyper s: positive = 1.3
train {{
  init      = {{ weights: normal(0.4), biases: 0 }}
  loss      = cross_entropy(m(x), y) + s * sum(l2 * m.weights ^ 2)
  update    = heavy_ball(rate: 0.1, momentum: 0.8)
  batch     = 10
  steps     = 4
  precision = float64
}}
tune {{
  minimize = {minimize}
  update   = sgd(rate: 0.1)
  reverse  = exact(store)
  steps    = 1
}}
"""
CUT = [
    "cross_entropy(m(x), y) on valid",
    "(2 * cross_entropy(m(x) * s, y) - squared_error(m(x), m(x * 2)) / 3 + s * sum(l2) on valid) + sum(l2 ^ 2)",
    "(cross_entropy(m(x), y) on valid) * (error(m(x), y) on train) + sum(m.weights ^ 2)",
]
WHOLE = [
    "sum(m(x) ^ 2) on valid",
    "(cross_entropy(m(x), y) on valid) + (error(m(x), y) on valid)",
    "(cross_entropy(m(x), y) ^ 2) on valid",
    "max(m(x)) on valid",
]


def compiled(minimize: str, valid: int) -> drmadc.Program:
    return drmadc.compile_text(SPEC.format(minimize=minimize, valid=valid, examples=valid + 40))


@pytest.mark.parametrize("minimize", [CUT[1], *(pytest.param(CUT[i], marks=pytest.mark.long) for i in (0, 2))])
def test_pieces_give_what_the_whole_gives(minimize: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = compiled(minimize, 2400)
    assert 'rt.chunked_mean(on_valid, data["valid"], 3, params' in program.python
    monkeypatch.setattr(chunks, "CHUNK", 10**6)
    whole = compiled(minimize, 2400)
    assert "rt.chunked_mean" not in whole.python
    hypers = perturbed(program)
    found, expected = program.hypergradient(hypers, outer=0), whole.hypergradient(hypers, outer=0)
    assert found.value == pytest.approx(expected.value, rel=1e-13)
    assert program.objective(hypers, outer=0) == pytest.approx(expected.value, rel=1e-13)
    assert_equal_gradients(found.gradient, expected.gradient, 1e-12)
    value, unrolled = unrolled_gradient(whole, hypers, 0)
    assert found.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(found.gradient, unrolled, 1e-10)


@pytest.mark.parametrize("minimize", WHOLE)
def test_what_is_no_mean_over_examples_stays_whole(minimize: str) -> None:
    assert "rt.chunked_mean" not in compiled(minimize, 2400).python


def test_definitions_inside_and_outside_of_a_piece() -> None:
    minimize = "(cross_entropy(m(x), y) * size on valid) + size"
    text = SPEC.format(minimize=minimize, valid=2400, examples=2440)
    program = drmadc.compile_text(text.replace("train {", "let size = sum(m.weights ^ 2)\ntrain {", 1))
    assert "rt.chunked_mean" in program.python
    value, expected = unrolled_gradient(program, program.hypers, 0)
    found = program.hypergradient(program.hypers, outer=0)
    assert found.value == pytest.approx(float(value), rel=1e-12)
    assert_equal_gradients(found.gradient, expected, 1e-10)


def test_a_number_of_examples_without_divisors_stays_whole() -> None:
    assert "rt.chunked_mean" not in compiled(CUT[0], 2411).python


def test_memory_does_not_grow_with_the_split() -> None:
    sizes = []
    for valid in (2000, 20_000):
        executor = compiled(CUT[0], valid).executor
        with executor.precision():
            params = first_state(executor, executor.initial_hypers(), 0)["w"]
            gradient = jax.jit(jax.value_and_grad(executor.program.objective))
            analysis = gradient.lower(params, *executor.data(0)).compile().memory_analysis()
        sizes.append(analysis.temp_size_in_bytes)
    assert np.isclose(*sizes, rtol=0.02), sizes
