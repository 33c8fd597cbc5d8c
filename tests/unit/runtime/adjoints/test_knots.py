"""Straight lines between snapshots: chords, means and distances against plain loops; the guarded reverse pass."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_runtime.adjoints.knots import CALM, GUARD, segment_bounds
from tests.unit.runtime.adjoints.heavy_ball import AFTER, BEFORE, HYPERS, forward_step, seen, start, states, tree

pytestmark = pytest.mark.usefixtures("float64")
UNIT = np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize(("steps", "count"), [(7, 2), (7, 3), (7, 8), (100, 16), (1, 2)])
def test_segments_cover_every_step_once(steps: int, count: int) -> None:
    firsts, stops = segment_bounds(steps, count)
    assert [t for a, b in zip(firsts, stops, strict=True) for t in range(a, b)] == list(range(steps))
    assert len(firsts) == count - 1
    assert np.ptp(stops - firsts) <= 1


def along_chords(steps: int, count: int, progress: bool) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The states before and after each step that the lines give, by plain loops."""
    exact, out = states(steps), []
    for first, stop in zip(*segment_bounds(steps, count), strict=True):
        a, b = exact[first]["w"], exact[stop]["w"]

        def on_chord(t: int, a: Any = a, b: Any = b, first: int = first, stop: int = stop) -> Any:
            fraction = (t - first) / (stop - first)
            if progress and t < stop:
                fraction = np.linalg.norm(exact[t]["w"] - a) / np.linalg.norm(b - a)
            return a + fraction * (b - a)

        means = [{n: np.mean([exact[t + i][n] for t in range(first, stop)], 0) for n in ("v", "u")} for i in (0, 1)]
        out += [
            ({"w": on_chord(t), "v": means[0]["v"]}, {"w": on_chord(t + 1), **means[1]}) for t in range(first, stop)
        ]
    return out


def assert_steps(found: dict[str, np.ndarray], place: int, expected: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for side, values in zip(("before", "after"), expected, strict=True):
        for name, value in values.items():
            np.testing.assert_allclose(found[f"{side} {name}"][place], value, rtol=1e-12, err_msg=f"{side} {name}")


@pytest.mark.parametrize("progress", [False, True])
@pytest.mark.parametrize(("steps", "count"), [(7, 3), (8, 3)])
def test_the_states_along_the_lines(steps: int, count: int, progress: bool) -> None:
    policy = rt.Knots(count, BEFORE, AFTER, progress)
    last, found = seen(policy, steps)
    np.testing.assert_allclose(last["w"]["a"], states(steps)[steps]["w"], rtol=1e-14)
    expected = along_chords(steps, count, progress)
    assert found["t"].tolist() == list(range(steps - 1, -1, -1))
    for place, t in enumerate(range(steps - 1, -1, -1)):
        assert_steps(found, place, expected[t])
    assert not policy.exact


def test_a_chord_of_no_length_stays_in_its_point() -> None:
    """Parameters that come back to where they were: the distance travelled has nothing to be divided by."""

    def there_and_back(state: dict[str, rt.Tree], t: jax.Array) -> dict[str, rt.Tree]:
        return {**state, "w": tree(start()["w"]["a"] + (t % 2 == 0))}

    _, found = seen(rt.Knots(3, BEFORE, AFTER, progress=True), 4, there_and_back)
    np.testing.assert_allclose(found["before w"], np.tile(start()["w"]["a"], (4, 1)))


@pytest.mark.parametrize("count", [3, 8])
def test_few_reverse_steps_are_long_ones(count: int) -> None:
    """Each stands for T / count steps: at their middle, and what it changes is scaled by their number."""
    steps, knots = 8, 3
    policy = rt.Knots(knots, BEFORE, AFTER, steps=count)
    lines = along_chords(steps, knots, False)

    def change(before: Any, after: Any, adjoint: Any, t: Any) -> Any:
        return {"w": tree(adjoint["w"]["a"] * (1 + 0.1 * t) + before["w"]["a"] - after["v"]["a"])}

    @jax.jit
    def whole() -> Any:
        _, path = rt.forward_pass(forward_step(HYPERS), start(), steps, policy)
        return rt.reverse_pass(forward_step(HYPERS), change, path, {"w": tree(jnp.ones(3))})["w"]["a"]

    found = whole()
    expected, scale = np.ones(3), steps / count
    for j in reversed(range(count)):
        t = int((j + 0.5) * scale)
        expected = expected + scale * (0.1 * t * expected + lines[t][0]["w"] - lines[t][1]["v"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("steps", "points"), [(40, 4), (5, 1)])
def test_the_published_procedure(steps: int, points: int) -> None:
    policy = rt.Published(("w",), ("w",))
    (_, found), exact = seen(policy, steps), states(steps)
    assert found["t"].tolist() == list(range(points - 1, -1, -1))
    fractions = np.linspace(0.001, 0.999, points) if points > 1 else [0.001]
    for place, fraction in enumerate(reversed(fractions)):
        expected = (1 - fraction) * exact[0]["w"] + fraction * exact[steps]["w"]
        np.testing.assert_allclose(found["before w"][place], expected, rtol=1e-12)
        np.testing.assert_allclose(found["after w"][place], expected, rtol=1e-12)
    assert not policy.exact


@jax.jit
def guarded(factors: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eight adjoint steps that multiply by `factors`, a knot at every second; the gentle ones add 1000."""
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 8, rt.Knots(5, BEFORE, AFTER))

    def rough(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        return {"w": tree(adjoint["w"]["a"] * factors[t])}

    def gentle(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        return {"w": tree(adjoint["w"]["a"] + 1000 * UNIT)}

    found, switched = rt.guarded_reverse_pass(forward_step(HYPERS), rough, gentle, path, {"w": tree(UNIT)})
    return found["w"]["a"], switched


@pytest.mark.parametrize(
    ("factors", "adjoint", "switched"),
    [
        ([1, 1, 1, 1, 2, 1, 1, 1], 2.0, -1),  # never large
        ([1, 1, 1, 1, GUARD, 1, 1, 1], GUARD, -1),  # as large as is allowed
        ([1, 1, 1, 1, 1.1 * GUARD, 1, 1, 1], 6001.0, 6),  # calm until step 6, gentle below
        ([1, 1, 40, 1, 2, 1, 1, 1], 4002.0, 4),  # of size 2 at step 4: calm enough
        ([1, 1, 40, 1, CALM, 1, 1, 1], 4000 + CALM, 4),
        ([1, 1, 40, 1, 4, 1, 1, 1], 6001.0, 6),  # of size 4 at step 4: growing already
        ([40, 1, 0.5, 1, 4, 1, 1, 1], 2002.0, 2),  # calm once more
        ([1, 1, 1, 1, 1, 1, 1, 50], 8001.0, 8),  # at once
    ],
)
def test_a_guard_goes_back_to_the_last_calm_knot(factors: list[float], adjoint: float, switched: int) -> None:
    found, at = guarded(jnp.array(factors, float))
    np.testing.assert_array_equal(found, adjoint * UNIT)
    assert int(at) == switched


def test_no_guard_where_reverse_steps_are_few() -> None:
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 8, rt.Knots(3, BEFORE, AFTER, steps=8))

    def rough(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        return {"w": tree(adjoint["w"]["a"] * 10)}

    result, switched = rt.guarded_reverse_pass(forward_step(HYPERS), rough, rough, path, {"w": tree(UNIT)})
    assert int(switched) == -1
    np.testing.assert_allclose(result["w"]["a"], 1e8 * UNIT)
