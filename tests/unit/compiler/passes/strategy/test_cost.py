"""Figures of small programs, counted by hand: a network of 64, 6 and 10 numbers, with a penalty, by heavy ball."""

import pytest

import drmadc
from drmadc.compiler.passes.strategy.cost import PASS, Cost, Network, cost, figures, hyper_count, parameter_count
from drmadc.compiler.passes.strategy.cost import _objective_examples as objective_examples
from drmadc.compiler.passes.strategy.cost import _passes as passes
from drmadc.ir import nodes as ir
from drmadc.ir.program import Let, Program
from drmadc.ir.types import SCALAR, Tree
from drmadc.language.strategies.base import strategy_of
from drmadc.language.strategies.exact.tree import Recursion
from tests.conftest import compiled

DIRECT = """
model net(x: real[64]) -> real[10] {
  h = tanh(dense(x, 6))
  return dense(h, 10)
}
"""
NESTED = """
model head(z: real[6]) -> real[10] {
  return dense(z, 10)
}
model net(x: real[64]) -> real[10] {
  h = tanh(dense(x, 6))
  return head(h)
}
"""
SPEC = """
data d {{
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split = {{ train: 40, valid: 20 }}
}}
{model}
hyper l2: positive[in_unit of net.weights] = 0.01
train {{
  init   = {{ weights: normal(0.05), biases: 0 }}
  loss   = cross_entropy(net(x), y) + sum(l2 * net.weights ^ 2)
  update = {update}
  batch  = {batch}
  steps  = 8
  precision = {precision}
}}
tune {{
  minimize = cross_entropy(net(x), y) on valid
  reverse  = exact(store)
  update   = sign(rate: 0.1)
  steps    = 2
}}
"""
PARAMETERS = 64 * 6 + 6 + 6 * 10 + 10
HYPERS = 64 + 6
FIXED = 60_000


HEAVY_BALL = "heavy_ball(rate: 0.05, momentum: 0.95)"


def program(model: str = DIRECT, batch: str = "5", precision: str = "float32", update: str = HEAVY_BALL) -> Program:
    return drmadc.compile_text(SPEC.format(model=model, batch=batch, precision=precision, update=update)).ir


def test_a_network_is_priced_by_its_products_and_elements() -> None:
    network = Network(first=2, later=3, elements=5, features=7, widest=11)
    assert network.gradient(10) == 10 * (4 * 2 + 6 * 3 + PASS * (3 * 5 + 7))
    assert network.product(10) == 10 * (6.5 * 2 + 17 * 3 + PASS * (9 * 5 + 7))
    assert network.gauss_newton(10) == 10 * (6.5 * 2 + 9 * 3 + PASS * (6 * 5 + 7))
    assert network.bytes(10, 4) == 10 * 4 * (7 + 5 + 2 * 11)
    assert network.product_bytes(10, 4) == 10 * 4 * (7 + 7.25 * 5)


def test_features_that_leave_the_cache_count_five_times() -> None:
    """500,000 numbers are inside of it."""
    network = Network(first=0, later=0, elements=0, features=5, widest=0)
    assert network.gradient(100_000) == 100_000 * PASS * 5
    assert network.gradient(100_001) == 100_001 * PASS * 25


def test_parameters_and_hyperparameters_are_counted_by_entry() -> None:
    assert parameter_count(program()) == PARAMETERS
    assert hyper_count(program()) == HYPERS


def test_models_that_models_call_are_priced_where_they_are_called() -> None:
    found = figures(program(model=NESTED)).loss
    assert isinstance(found, Network)
    assert (found.first + found.later, found.elements, found.features, found.widest) == (384 + 60, 6 + 10, 64, 10)


def test_the_figures_of_a_small_program() -> None:
    """A step passes 6 arrays, its adjoint 8, the penalty 4: each read of a tree, and what it writes."""
    found = figures(program())
    network = Network(first=64 * 6, later=60, elements=6 + 10, features=64, widest=10)
    assert found.loss == network
    assert (found.steps, found.parameters, found.hypers, found.item) == (8, 4, HYPERS, 4)
    assert (found.split, found.tasks) == (40, 1)
    assert (found.state, found.row, found.weights) == (8 * PARAMETERS, 4 * PARAMETERS, 4 * PARAMETERS)
    assert (found.before, found.after) == (frozenset({"w"}), frozenset())
    assert found.touch == PASS * PARAMETERS
    assert found.train == network.gradient(5) + PASS * PARAMETERS * (4 + 6) + FIXED
    assert found.reverse == network.product(5) + PASS * PARAMETERS * (2 * 4 + 8) + FIXED
    assert found.gauss_newton == network.gauss_newton(5) + PASS * PARAMETERS * (2 * 4 + 8) + FIXED
    assert found.start == network.gradient(20) + PASS * PARAMETERS
    assert found.objective == network.bytes(20, 4)
    assert found.step == 2 * network.bytes(5, 4) + 5 * 4 * PARAMETERS


def test_a_recorded_step_takes_a_row_for_each_state_that_its_adjoint_reads() -> None:
    """Adam's reads the moments behind the step, beside the parameters before it."""
    found = figures(program(update="adam(rate: 0.01)"))
    assert (found.before, found.after) == (frozenset({"w"}), frozenset({"m", "s"}))
    assert found.row == found.state == 3 * 4 * PARAMETERS


def test_numbers_of_eight_bytes() -> None:
    few, many = figures(program()), figures(program(precision="float64"))
    assert many.item == 8
    assert [many.state, many.row, many.weights] == [2 * few.state, 2 * few.row, 2 * few.weights]
    assert [many.objective, many.step] == [2 * few.objective, 2 * few.step]


def test_a_full_batch_is_the_train_split() -> None:
    found = figures(program(batch="all"))
    assert found.train == found.loss.gradient(40) + PASS * PARAMETERS * (4 + 6) + FIXED  # type: ignore[attr-defined]
    assert found.step == 2 * found.loss.bytes(40, 4) + 5 * 4 * PARAMETERS  # type: ignore[attr-defined]


def test_tasks_share_a_minibatch() -> None:
    tasks = compiled("tasks").ir
    assert tasks.data is not None
    assert figures(tasks).tasks == tasks.data.tasks > 1
    assert objective_examples(tasks) == {"valid": tasks.data.tasks * tasks.data.size_of("valid")}


def test_an_objective_in_chunks_needs_the_memory_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 examples by tens, and two more copies of the parameters: the sum, and what is added."""
    monkeypatch.setattr("drmadc.compiler.passes.chunks.CHUNK", 10)
    found = figures(program())
    assert found.objective == found.loss.bytes(10, 4) + 2 * 4 * PARAMETERS  # type: ignore[attr-defined]


W, V, RATE = ir.Name("w", Tree("params")), ir.Name("v", Tree("params")), ir.Name("rate", SCALAR)


def tree(op: str, left: ir.Expr, right: ir.Expr) -> ir.Expr:
    return ir.Binary(op, left, right, Tree("params"))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (ir.Binary("*", RATE, RATE, SCALAR), 0),
        (tree("+", W, W), 2),
        (tree("*", RATE, W), 2),
        (tree("+", W, V), 3),
        (tree("/", W, V), 3 + 4),
        (tree("^", W, ir.Const(1.0)), 2),
        (tree("^", W, ir.Const(2.0)), 2),
        (tree("^", W, ir.Const(3.0)), 2 + 4),
        (tree("^", W, RATE), 2 + 4),
        (ir.Unary("neg", W, Tree("params")), 2),
        (ir.Unary("sign", W, Tree("params")), 2),
        (ir.Unary("sqrt", tree("/", W, V), Tree("params")), 3 + 8),
    ],
)
def test_passes_are_arrays_read_and_written_and_slow_functions(value: ir.Expr, count: int) -> None:
    assert passes((Let("a", value),)) == count
    assert passes((Let("a", value), Let("b", tree("+", W, W)))) == count + 2


def test_a_cost_is_that_of_the_programs_own_strategy_or_another() -> None:
    known, own = figures(program()), strategy_of(program())
    assert cost(program()) == Cost(own.memory(known), own.work(known))
    tree_ = Recursion(2)
    assert cost(program(), tree_) == Cost(tree_.memory(known), tree_.work(known)) != cost(program())
