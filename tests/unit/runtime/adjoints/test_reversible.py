"""Training in fixed point is run backwards bit for bit; one lost bit anywhere makes the adjoint NaN."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc_runtime as rt
from drmadc_runtime.adjoints.reversible import _divide, _multiply, to_fixed, to_real
from tests.unit.runtime.adjoints.heavy_ball import HYPERS, START, grad, objective, tree

pytestmark = pytest.mark.usefixtures("float64")
BEFORE, AFTER = ("w", "v"), ("v",)
STEPS = 300


def kick(w: rt.Tree, t: jax.Array) -> tuple[dict[str, Any], dict[str, rt.Tree]]:
    return {"v": rt.round_decay(jnp.asarray(HYPERS["m"]))}, {"v": tree(-grad(w["a"], HYPERS["h"], t))}


def kick_by_entry(w: rt.Tree, t: jax.Array) -> tuple[dict[str, Any], dict[str, rt.Tree]]:
    """Decays that differ; a kick of one product, which XLA computes alike in both loops without optimisation, too."""
    return {"v": tree(rt.round_decay(jnp.array([0.8, 0.3, 0.99])))}, {"v": tree(-HYPERS["h"] * w["a"])}


def drift(after: dict[str, rt.Tree], t: jax.Array) -> rt.Tree:
    return HYPERS["rate"] * after["v"]


def start() -> dict[str, rt.Tree]:
    return {"w": tree(START), "v": tree(0.1 * START)}


def trained(capacity: int, kick: Any = kick, steps: int = STEPS) -> tuple[Any, Any]:
    return rt.reversible_forward_pass(kick, drift, start(), steps, rt.Reversible(capacity, BEFORE, AFTER))


def returned(path: Any) -> Any:
    """The states that the last adjoint step, that of the first training step, is given."""

    def keep(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        return {"w": before["w"], "v": before["v"]}

    return path.backward(None, keep, {"w": tree(jnp.zeros(3)), "v": tree(jnp.zeros(3))})


@pytest.mark.parametrize("kicks", [kick, kick_by_entry])
def test_the_way_back_ends_at_the_first_state_to_the_last_bit(kicks: Any) -> None:
    found = jax.jit(lambda: returned(trained(200, kicks)[1]))()
    for name, value in start().items():
        np.testing.assert_array_equal(found[name]["a"], to_real(to_fixed(value["a"])))


@pytest.mark.parametrize("place", ["w", "v", "word", "row", "pushed"])
def test_one_lost_bit_is_noticed(place: str) -> None:
    @jax.jit
    def changed() -> Any:
        _, path = trained(200)
        assert path.policy.exact
        flip = jnp.array([0, 1, 0])
        if place in ("w", "v"):
            path = replace(path, last={**path.last, place: tree(path.last[place]["a"] ^ flip)})
        elif place == "word":
            words = {"v": tree(path.information.words["v"]["a"] ^ flip)}
            path = replace(path, information=replace(path.information, words=words))
        elif place == "row":
            rows = path.information.rows["v"]["a"]
            rows = rows.at[path.information.count - 1].set(rows[path.information.count - 1] ^ flip.astype(rows.dtype))
            path = replace(path, information=replace(path.information, rows={"v": tree(rows)}))
        else:
            first = jnp.argmax(path.information.pushed)
            pushed = path.information.pushed.at[first].set(False)
            path = replace(path, information=replace(path.information, pushed=pushed))
        return returned(path)["w"]["a"]

    assert np.isnan(changed()).all()


def test_a_buffer_that_is_full_is_noticed() -> None:
    @jax.jit
    def pushed() -> Any:
        return trained(200)[1].information.count

    count = int(pushed())
    assert count == int(np.ceil(STEPS / np.floor(16 / (-np.log2(0.8) + 1e-3)))) - 1
    for capacity, fits in ((count, True), (count - 1, False)):
        found = jax.jit(lambda capacity=capacity: returned(trained(capacity)[1])["w"]["a"])()
        assert np.isfinite(found).all() == fits


def test_the_run_is_that_with_rounded_decays() -> None:
    """Forward against a plain loop with n / 65536 in place of the decay, n rounded up."""
    last = jax.jit(lambda: trained(200, steps=20)[0])()
    w, v, decay = START, 0.1 * START, (np.floor(65536 * HYPERS["m"]) + 1) / 65536
    for t in range(20):
        v = decay * v - np.asarray(grad(w, HYPERS["h"], t))
        w = w + HYPERS["rate"] * v
    np.testing.assert_allclose(last["w"]["a"], w, rtol=1e-9)
    np.testing.assert_allclose(last["v"]["a"], v, rtol=1e-8)


def test_the_adjoint_is_taken_at_the_states_of_training() -> None:
    """An adjoint written down by hand against JAX's own gradient with the rounded decay."""
    decay = (np.floor(65536 * HYPERS["m"]) + 1) / 65536

    def reverse_step(before: Any, after: Any, adjoint: Any, t: jax.Array) -> Any:
        d_v = adjoint["v"]["a"] + HYPERS["rate"] * adjoint["w"]["a"]
        d_w = jax.vjp(lambda w: grad(w, HYPERS["h"], t), before["w"]["a"])[1](-d_v)[0] + adjoint["w"]["a"]
        rate = adjoint["rate"] + jnp.vdot(adjoint["w"]["a"], after["v"]["a"])
        return {"w": tree(d_w), "v": tree(decay * d_v), "rate": rate}

    @jax.jit
    def found() -> Any:
        last, path = trained(200, steps=30)
        d_w = jax.grad(objective)(last["w"]["a"])
        return path.backward(None, reverse_step, {"w": tree(d_w), "v": tree(jnp.zeros(3)), "rate": jnp.zeros(())})

    @jax.jit
    @jax.grad
    def expected(rate: jax.Array) -> jax.Array:
        def step(t: jax.Array, state: Any) -> Any:
            w, v = state
            v = decay * v - grad(w, HYPERS["h"], t)
            return w + rate * v, v

        return objective(jax.lax.fori_loop(0, 30, step, (jnp.asarray(START), 0.1 * jnp.asarray(START)))[0])

    np.testing.assert_allclose(found()["rate"], expected(jnp.asarray(HYPERS["rate"])), rtol=1e-8)


@settings(deadline=None, max_examples=50)
@given(st.integers(-(2**62), 2**62), st.integers(0, 2**40), st.integers(1, 65536))
def test_division_undoes_multiplication(x: int, word: int, n: int) -> None:
    """A bijection of (x, word): x n / 65536 within one unit, and what is lost in the word."""
    with jax.enable_x64(True):
        moved, lost = _multiply(jnp.int64(x), jnp.int64(word), jnp.int64(n))
        again = _divide(moved, lost, jnp.int64(n))
    assert (int(again[0]), int(again[1])) == (x, word)
    assert abs(int(moved) - (x * n) // 65536) <= n
    assert int(lost) == ((word << 16) + x % 65536) // n


def test_fixed_point_has_48_bits_behind_the_point() -> None:
    x = jnp.array([1.0, -0.5, 3 * 2.0**-48, 2.0**-49])
    assert np.asarray(to_fixed(x)).tolist() == [2**48, -(2**47), 3, 0]
    np.testing.assert_array_equal(to_real(to_fixed(x)), [1.0, -0.5, 3 * 2.0**-48, 0])
