"""Trees: arithmetic is that of their entries, matched by name."""

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc_runtime as rt
from drmadc_runtime.core.trees import norm

SHAPES = {"b": (3,), "a": (2, 3)}
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
FUNCTIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": lambda a, _: -a}
NUMBERS = st.integers(1, 3)
EXPRESSIONS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.sampled_from(["x", "y"]), NUMBERS),
    lambda inner: st.tuples(st.sampled_from(sorted(FUNCTIONS)), inner, inner),
    max_leaves=6,
)


def entries(seed: int) -> dict[str, np.ndarray]:
    """Small whole numbers: floating-point arithmetic with them is exact."""
    draws = np.random.default_rng(seed)
    return {name: draws.integers(1, 5, shape).astype(np.float32) for name, shape in SHAPES.items()}


def tree(values: dict[str, np.ndarray]) -> rt.Tree:
    return rt.Tree({name: jnp.asarray(value) for name, value in values.items()})


def assert_equal(found: rt.Tree, expected: dict[str, np.ndarray]) -> None:
    assert list(found) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def evaluated(expression: Any, variables: dict[str, Any]) -> Any:
    match expression:
        case str(name):
            return variables[name]
        case int(number):
            return number
        case (name, left, right):
            return FUNCTIONS[name](evaluated(left, variables), evaluated(right, variables))


@settings(deadline=None, max_examples=40)
@given(EXPRESSIONS)
def test_an_expression_in_trees_is_that_expression_in_every_entry(expression: Any) -> None:
    x, y = entries(0), entries(1)
    found = evaluated(expression, {"x": tree(x), "y": tree(y)}) + 0 * tree(x)
    assert_equal(found, {name: evaluated(expression, {"x": x[name], "y": y[name]}) + 0 * x[name] for name in SHAPES})


@pytest.mark.parametrize("function", OPERATORS)
def test_every_operator_from_both_sides(function: Callable[[Any, Any], Any]) -> None:
    x, y = entries(0), entries(1)
    for left, right in ((x, y), (x, 2), (x, 3), (3, x)):
        a, b = (tree(side) if isinstance(side, dict) else side for side in (left, right))
        found = function(a, b)
        for name in SHAPES:
            sides = [side[name] if isinstance(side, dict) else side for side in (left, right)]
            np.testing.assert_allclose(found[name], function(*sides), rtol=1e-6)


def test_a_square_is_a_product() -> None:
    """Its derivative needs no power: one that is 0 / 0 nowhere."""
    jaxpr = str(jax.make_jaxpr(lambda a: a**2)(tree(entries(0))))
    assert "pow" not in jaxpr
    assert "pow" in str(jax.make_jaxpr(lambda a: a**2.5)(tree(entries(0))))


def test_trees_of_different_parameters_do_not_meet() -> None:
    with pytest.raises(ValueError, match="trees have different parameters"):
        tree(entries(0)) + rt.Tree({"a": jnp.ones((2, 3))})


def test_a_tree_is_a_pytree_and_a_mapping() -> None:
    values = entries(0)
    doubled = jax.jit(lambda a: a * 2)(tree(values))
    assert_equal(doubled, {name: 2 * value for name, value in values.items()})
    assert len(doubled) == 2
    assert "a" in doubled
    assert repr(rt.Tree({"a": 1})) == "Tree({'a': 1})"


def test_functions_of_trees() -> None:
    values = entries(0)
    x, flat = tree(values), np.concatenate([values["a"].ravel(), values["b"].ravel()])
    assert_equal(rt.tree_map(jnp.square, x), {name: value**2 for name, value in values.items()})
    assert float(rt.tree_sum(x)) == flat.sum()
    assert float(rt.tree_sum(x["a"])) == values["a"].sum()
    assert float(rt.reduce(jnp.max, x)) == flat.max()
    assert float(rt.reduce(jnp.mean, x)) == pytest.approx(flat.mean())
    assert float(norm(x)) == pytest.approx(np.linalg.norm(flat))
    assert_equal(rt.select(x, ["b"]), {"b": values["b"]})
    assert_equal(rt.join(rt.select(x, ["b"]), rt.select(x, ["a"])), values)
    assert_equal(rt.tree_full(SHAPES, 2), {name: np.full(shape, 2.0) for name, shape in SHAPES.items()})
    assert rt.tree_full(SHAPES, 2)["a"].dtype == jnp.float32
    assert_equal(rt.zeros_like(x), {name: np.zeros(shape) for name, shape in SHAPES.items()})
    rows = rt.Tree({"a": jnp.array([[1.0], [2.0]]), "b": jnp.array(5.0)})
    assert_equal(rt.tree_broadcast(rows, SHAPES), {"a": [[1, 1, 1], [2, 2, 2]], "b": np.array([5, 5, 5])})


def test_replaced_entries() -> None:
    values = entries(0)
    other = rt.replaced(tree(values), {"b": jnp.zeros(3)})
    assert isinstance(other, rt.Tree)
    assert_equal(other, {**values, "b": np.zeros(3)})
    assert rt.replaced({"w": 1, "v": 2}, {"v": 3}) == {"w": 1, "v": 3}
