"""Krylov methods against dense matrices."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.krylov import conjugate_gradients, lanczos

pytestmark = pytest.mark.usefixtures("float64")
N = 6
DRAWS = np.random.default_rng(0)
ROOT = DRAWS.normal(size=(N, N))
MATRIX = ROOT @ ROOT.T / N + np.eye(N)
TARGET = DRAWS.normal(size=N)


@partial(jax.jit, static_argnums=1)
def _krylov(start: jax.Array, count: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    return lanczos(lambda x: jnp.asarray(MATRIX) @ x, start, count)


def krylov(start: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    basis, values, coefficients = _krylov(start, count)
    return np.asarray(basis), np.asarray(values), np.asarray(coefficients)


@pytest.mark.parametrize("count", [1, 3, N])
def test_lanczos_applies_polynomials_exactly(count: int) -> None:
    """Every polynomial of a degree below the number of steps; with as many steps as dimensions, every function."""
    basis, values, coefficients = krylov(TARGET, count)
    np.testing.assert_allclose(basis @ basis.T, np.eye(count), atol=1e-12)
    for power in range(count):
        found = basis.T @ (values**power * coefficients)
        np.testing.assert_allclose(found, np.linalg.matrix_power(MATRIX, power) @ TARGET, rtol=1e-9)
    if count == N:
        np.testing.assert_allclose(values, np.linalg.eigvalsh(MATRIX), rtol=1e-10)


def test_lanczos_stops_where_the_space_ends() -> None:
    """An eigenvector spans a Krylov space of one dimension; a vector of zeros none."""
    vector = np.linalg.eigh(MATRIX)[1][:, 2]
    basis, values, coefficients = krylov(2 * vector, 2)
    np.testing.assert_allclose(basis.T @ (values * coefficients), MATRIX @ vector * 2, rtol=1e-9, atol=1e-12)
    basis, values, coefficients = krylov(np.zeros(N), 2)
    np.testing.assert_array_equal(basis.T @ (values * coefficients), np.zeros(N))


def product(matrix: np.ndarray, mixed: np.ndarray | None = None) -> Callable[[Any], tuple[Any, dict[str, jax.Array]]]:
    """H x for a vector in two parts, and mixed terms."""

    def apply(x: Any) -> tuple[Any, dict[str, jax.Array]]:
        flat = jnp.concatenate([x["a"], x["b"]])
        image = jnp.asarray(matrix) @ flat
        return {"a": image[:2], "b": image[2:]}, {} if mixed is None else {"h": jnp.asarray(mixed) @ flat}

    return apply


def parts(x: np.ndarray) -> dict[str, jax.Array]:
    return {"a": jnp.asarray(x[:2]), "b": jnp.asarray(x[2:])}


@partial(jax.jit, static_argnums=2)
def _solved(matrix: jax.Array, target: dict[str, jax.Array], iterations: int) -> Any:
    return conjugate_gradients(product(matrix), target, iterations)


def solved(matrix: np.ndarray, target: np.ndarray, iterations: int) -> np.ndarray:
    found = _solved(matrix, parts(target), iterations)
    return np.concatenate([found["a"], found["b"]])


@pytest.mark.parametrize("iterations", [1, 2, N])
def test_conjugate_gradients_minimise_over_the_krylov_space(iterations: int) -> None:
    """x minimises x'Hx/2 - b'x over the span of b, Hb, ...; with N iterations it is the solution."""
    space = np.stack([np.linalg.matrix_power(MATRIX, i) @ TARGET for i in range(iterations)], 1)
    expected = space @ np.linalg.solve(space.T @ MATRIX @ space, space.T @ TARGET)
    np.testing.assert_allclose(solved(MATRIX, TARGET, iterations), expected, rtol=1e-5)


def test_more_iterations_than_dimensions_change_nothing() -> None:
    np.testing.assert_allclose(solved(MATRIX, TARGET, 3 * N), np.linalg.solve(MATRIX, TARGET), rtol=1e-9)
    np.testing.assert_array_equal(solved(MATRIX, np.zeros(N), 3), np.zeros(N))
    np.testing.assert_allclose(solved(np.zeros((N, N)), TARGET, 3), np.zeros(N))


def test_negative_curvature_ends_the_iterations() -> None:
    """The first direction is taken with the size of its curvature, a later one not at all."""
    np.testing.assert_allclose(solved(-2 * np.eye(N), TARGET, 4), TARGET / 2)
    matrix = np.diag([1.0, 1.0, 1.0, 1.0, 1.0, -0.5])
    target = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 0.5])
    first = solved(matrix, target, 1)
    np.testing.assert_allclose(first, target * (target @ target) / (target @ matrix @ target))
    np.testing.assert_allclose(solved(matrix, target, 5), first)


def test_the_implicit_function_theorem() -> None:
    """d_hypers less the mixed terms along H^-1 d_w; other hyperparameters and the rest stay."""
    mixed = DRAWS.normal(size=(4, N))
    adjoint = {"w": parts(TARGET), "v": 3, "hypers": {"h": jnp.ones(4), "other": jnp.full(2, 7.0)}}
    found = rt.implicit(product(MATRIX, mixed), adjoint, N)
    np.testing.assert_allclose(found["hypers"]["h"], 1 - mixed @ np.linalg.solve(MATRIX, TARGET), rtol=1e-9)
    np.testing.assert_array_equal(found["hypers"]["other"], np.full(2, 7.0))
    assert (found["w"], found["v"]) == (adjoint["w"], 3)
