"""The gradient flow's adjoint, segment by segment, against loops over single steps in the Hessian's eigenvectors."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.flow import FLOOR
from drmadc_runtime.adjoints.knots import segment_bounds
from drmadc_runtime.execution.progress import Watcher, watched
from tests.unit.runtime.adjoints.heavy_ball import START, tree

pytestmark = pytest.mark.usefixtures("float64")
ROOT = np.random.default_rng(0).normal(size=(3, 3))
HESSIAN = ROOT @ ROOT.T / 3 + 0.2 * np.eye(3)
INDEFINITE = HESSIAN - 1.5 * np.eye(3)
D_W, STEPS, KICK = np.array([1.0, -2.0, 0.5]), 7, 0.9
RATES = {"number": np.array([0.2, 0.3]), "entries": np.array([0.2, 0.05, 0.4])}


def rate_of(hypers: dict[str, Any], t: Any) -> Any:
    """A number for each of two intervals of steps, or one for each entry."""
    return hypers["rate"][(t >= 4) * 1] if hypers["rate"].shape == (2,) else tree(hypers["rate"])


def found(matrix: np.ndarray, momentum: float, rate: np.ndarray, segments: int) -> dict[str, np.ndarray]:
    def step(state: Any, t: jax.Array) -> Any:
        v = momentum * state["v"]["a"] - KICK * (matrix @ state["w"]["a"] - 0.1)
        return {"w": tree(state["w"]["a"] + 0.1 * v), "v": tree(v)}

    def products(w: Any, segment: jax.Array) -> Any:
        return lambda x: (tree(matrix @ x["a"]), {"centre": -x["a"]})

    @jax.jit
    def whole(hypers: dict[str, jax.Array]) -> Any:
        start = {"w": tree(START), "v": tree(jnp.zeros(3))}
        last, path = rt.forward_pass(step, start, STEPS, rt.Knots(4, ("w",), ()))
        d_hypers = {"centre": jnp.full(3, 7.0), "rate": jnp.full(rate.shape, 5.0), "other": jnp.ones(())}
        adjoint = {"w": tree(D_W), "v": tree(jnp.zeros(3)), "hypers": d_hypers}

        def rule(hypers: Any, t: jax.Array) -> Any:
            return rate_of(hypers, t), momentum, KICK

        back = rt.flow_reverse_pass(products, rule, path, adjoint, hypers, segments, 3)
        return path.lines.start["a"], last["w"]["a"], {**back["hypers"], "w": back["w"]["a"]}

    hypers = {"centre": jnp.full(3, 0.1), "rate": jnp.asarray(rate), "other": jnp.ones(())}
    starts, last, out = whole(hypers)
    return {"points": np.stack([*starts, last]), **{name: np.asarray(value) for name, value in out.items()}}


def expected(matrix: np.ndarray, momentum: float, rate: np.ndarray, segments: int, points: np.ndarray) -> Any:
    d_w, d_centre, d_rate, knots = D_W.copy(), np.full(3, 7.0), np.full(rate.shape, 5.0), segment_bounds(STEPS, 4)
    for first, stop in reversed(list(zip(*segment_bounds(STEPS, segments + 1), strict=True))):
        middle, length = (first + stop) / 2, stop - first
        own = rate if rate.shape == (3,) else np.full(3, rate[int((first + stop) // 2 >= 4)])
        piece = int(np.searchsorted(knots[0], middle, side="right")) - 1
        moved = (points[piece + 1] - points[piece]) / (knots[1][piece] - knots[0][piece])
        root = np.sqrt(own)
        values, vectors = np.linalg.eigh(root[:, None] * matrix * root)
        values = np.maximum(values, FLOOR / (length * KICK / (1 - momentum)))
        y = vectors.T @ (root * d_w)
        trace = 1 - KICK * values + momentum
        eigenvalue = trace / 2 + np.sqrt(trace**2 / 4 - momentum + 0j)
        with np.errstate(invalid="ignore"):
            slow = (momentum / (eigenvalue - momentum)).real
        v, impulse, total = slow * (1 - momentum ** (STEPS - stop)) * y, 0.0, 0.0
        for _ in range(length):
            v, total = v + y, total + y
            impulse, y, v = impulse + KICK * v, y - KICK * values * v, momentum * v
        d_centre = d_centre + root * (vectors @ impulse)
        share = (vectors @ total) / root / length * moved / own
        if rate.shape == (3,):
            d_rate = d_rate + length * share
        else:
            for t in range(first, stop):
                d_rate[int(t >= 4)] += share.sum()
        d_w = (vectors @ y) / root
    return {"w": d_w, "centre": d_centre, "rate": d_rate, "other": 1.0}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("matrix", "momentum", "segments"),
    [(HESSIAN, 0.0, 2), (HESSIAN, 0.5, 3), (HESSIAN, 0.9, 2), (INDEFINITE, 0.9, 1), (INDEFINITE, 0.5, 3)],
)
def test_segments_equal_loops_over_their_steps(matrix: np.ndarray, momentum: float, segments: int, rate: str) -> None:
    """With as many products as dimensions: ragged segments, modes that oscillate, curvature below the floor."""
    out = found(matrix, momentum, RATES[rate], segments)
    for name, value in expected(matrix, momentum, RATES[rate], segments, out["points"]).items():
        np.testing.assert_allclose(out[name], value, rtol=1e-9, err_msg=name)


def test_without_momentum_one_segment_is_gradient_descent() -> None:
    """d_w of n steps is (I - rate kick H)^n d_w, exactly."""
    out = found(HESSIAN, 0.0, np.array([0.2, 0.2]), 1)
    exact = np.linalg.matrix_power(np.eye(3) - 0.2 * KICK * HESSIAN, STEPS) @ D_W
    np.testing.assert_allclose(out["w"], exact, rtol=1e-10)


def test_an_entry_that_does_not_move_passes_its_adjoint_on() -> None:
    out = found(HESSIAN, 0.5, np.array([0.2, 0.0, 0.4]), 2)
    assert out["w"][1] == D_W[1]
    assert np.isfinite(out["w"]).all()
    assert np.isfinite(out["rate"]).all()


def test_who_watches_hears_of_every_segment() -> None:
    """Before each: the step it begins behind, and the length of the adjoint there."""
    heard: list[tuple[str, int, float]] = []
    with watched(Watcher(STEPS, lambda *report: heard.append(report)), lambda w, t: jnp.float64(0)):
        found(HESSIAN, 0.0, np.array([0.2, 0.2]), 2)
    jax.effects_barrier()
    middle = np.linalg.matrix_power(np.eye(3) - 0.2 * KICK * HESSIAN, 3) @ D_W
    reverse = sorted((report for report in heard if report[0] == "reverse"), reverse=True)
    assert [report[:2] for report in reverse] == [("reverse", 7), ("reverse", 4)]
    np.testing.assert_allclose([report[2] for report in reverse], np.linalg.norm([D_W, middle], axis=1), rtol=1e-6)
