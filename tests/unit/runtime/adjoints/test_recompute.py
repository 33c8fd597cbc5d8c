"""Checkpoints and recursion: the exact gradient for every length, arity and number of steps, ragged ends included."""

import jax
import numpy as np
import pytest

import drmadc_runtime as rt
from tests.unit.runtime.adjoints.heavy_ball import AFTER, BEFORE, HYPERS, forward_step, gradient, seen, start, states
from tests.unit.runtime.adjoints.heavy_ball import unrolled as unrolled_gradient

pytestmark = pytest.mark.usefixtures("float64")
CHECKPOINTS = [rt.Checkpoint(length, BEFORE, AFTER) for length in (1, 3, 9)]
RECURSIONS = [rt.Recursion(arity, BEFORE, AFTER) for arity in (2, 3)]


@pytest.mark.parametrize("policy", [*CHECKPOINTS, *RECURSIONS], ids=str)
def test_the_gradient_is_exact(policy: rt.Checkpoint | rt.Recursion) -> None:
    assert policy.exact
    expected = unrolled_gradient(7)
    for name, found in gradient(policy, 7).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("policy", [rt.Checkpoint(3, BEFORE, AFTER), *RECURSIONS], ids=str)
@pytest.mark.parametrize("steps", [1, 9])
def test_every_step_gets_its_own_states(policy: rt.Checkpoint | rt.Recursion, steps: int) -> None:
    (last, found), expected = seen(policy, steps), states(steps)
    assert found["t"].tolist() == list(range(steps - 1, -1, -1))
    np.testing.assert_allclose(last["w"]["a"], expected[steps]["w"], rtol=1e-14)
    for place, t in enumerate(range(steps - 1, -1, -1)):
        np.testing.assert_allclose(found["before w"][place], expected[t]["w"], rtol=1e-14)
        np.testing.assert_allclose(found["after u"][place], expected[t + 1]["u"], rtol=1e-14)


def test_memory_is_that_of_the_snapshots() -> None:
    """ceil(T / length) snapshots of the whole state; arity on each level."""
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 8, rt.Checkpoint(3, BEFORE, AFTER))
    assert {leaf.shape for leaf in jax.tree.leaves(path.snapshots)} == {(3, 3)}
    _, path = rt.forward_pass(forward_step(HYPERS), start(), 8, rt.Recursion(2, BEFORE, AFTER))
    assert {leaf.shape for leaf in jax.tree.leaves(path.snapshots)} == {(6, 3)}


@pytest.mark.parametrize("policy", [rt.Checkpoint(3, BEFORE, AFTER), rt.Recursion(2, BEFORE, AFTER)], ids=str)
def test_a_trajectory_leaves_a_compiled_function(policy: rt.Checkpoint | rt.Recursion) -> None:
    """Only its snapshots are arrays: what shapes the reverse pass comes back as it was."""
    _, inside = rt.forward_pass(forward_step(HYPERS), start(), 8, policy)
    _, outside = jax.jit(lambda: rt.forward_pass(forward_step(HYPERS), start(), 8, policy))()
    assert len(jax.tree.leaves(outside)) == len(jax.tree.leaves(outside.snapshots))
    assert jax.tree.structure(outside) == jax.tree.structure(inside)


def test_snapshots_that_are_right_already_are_not_made_again() -> None:
    """9 steps by threes: snapshots before 6, 7 and 8 are there; those below 6 and 3 take two more steps each."""
    counts: list[int] = []

    def counted(state: dict[str, rt.Tree], t: jax.Array) -> dict[str, rt.Tree]:
        jax.debug.callback(lambda t: counts.append(int(t)), t)
        moved: dict[str, rt.Tree] = forward_step(HYPERS)(state, t)
        return moved

    seen(rt.Recursion(3, ("w",), ()), 9, counted)
    jax.effects_barrier()
    assert sorted(counts) == sorted([*range(9), 0, 1, 3, 4])
