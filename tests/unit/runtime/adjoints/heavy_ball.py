"""A training run whose steps and adjoint are written down by hand: heavy ball on a loss that is not quadratic.

    v' = m v - grad(w, h, t),  u' = 2 v',  w' = w + rate v',  loss = sum(h w^2 / 2 - cos(w + t / 3))

The adjoint of a step reads w and v before it, v and u after it. `Spy` records what a path gives it instead.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import drmadc_runtime as rt

HYPERS = {"h": np.array([0.5, 1.5, 0.2]), "rate": np.array(0.1), "m": np.array(0.8)}
START = np.array([1.0, -0.7, 0.4])
BEFORE, AFTER = ("w", "v"), ("v", "u")


def phase(t: jax.Array | int) -> jax.Array:
    return jnp.asarray(t, jnp.result_type(float)) / 3


def grad(w: jax.Array, h: jax.Array, t: jax.Array) -> jax.Array:
    return h * w + jnp.sin(w + phase(t))


def tree(x: Any) -> rt.Tree:
    return rt.Tree({"a": jnp.asarray(x)})


def start() -> dict[str, rt.Tree]:
    return {"w": tree(START), "v": tree(0.1 * START), "u": tree(np.zeros(3))}


def forward_step(hypers: dict[str, Any]) -> Any:
    def step(state: dict[str, rt.Tree], t: jax.Array) -> dict[str, rt.Tree]:
        v = hypers["m"] * state["v"]["a"] - grad(state["w"]["a"], hypers["h"], t)
        return {"w": tree(state["w"]["a"] + hypers["rate"] * v), "v": tree(v), "u": tree(2 * v)}

    return step


def reverse_step(hypers: dict[str, Any]) -> Any:
    def step(before: Any, after: Any, adjoint: Any, t: jax.Array) -> dict[str, Any]:
        assert set(before) == set(BEFORE)
        assert set(after) == set(AFTER)
        w, v_before, v = before["w"]["a"], before["v"]["a"], (after["v"]["a"] + after["u"]["a"] / 2) / 2
        d_w, d, found = adjoint["w"]["a"], adjoint["v"]["a"], adjoint["hypers"]
        d_v = d + hypers["rate"] * d_w
        hypers_ = {
            "h": found["h"] - d_v * w,
            "rate": found["rate"] + jnp.vdot(d_w, v),
            "m": found["m"] + jnp.vdot(d_v, v_before),
        }
        d_w = d_w - (hypers["h"] + jnp.cos(w + phase(t))) * d_v
        return {"w": tree(d_w), "v": tree(hypers["m"] * d_v), "hypers": hypers_}

    return step


def objective(w: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sin(2 * w))


def unrolled(steps: int, hypers: dict[str, Any] | None = None, first: int = 0) -> dict[str, jax.Array]:
    """JAX's own gradient in the hyperparameters; with `first`, of the steps from there on."""

    def value(moving: dict[str, Any]) -> jax.Array:
        state = start()
        for t in range(steps):
            state = forward_step(moving if t >= first else (hypers or HYPERS))(state, t)
        return objective(state["w"]["a"])

    return jax.jit(jax.grad(value))(hypers or {k: jnp.asarray(v) for k, v in HYPERS.items()})


def gradient(policy: Any, steps: int) -> dict[str, jax.Array]:
    """The gradient by a save policy's path and the adjoint that is written down."""

    def whole() -> dict[str, jax.Array]:
        hypers = {k: jnp.asarray(v) for k, v in HYPERS.items()}
        last, path = rt.forward_pass(forward_step(hypers), start(), steps, policy)
        d_w = jax.grad(objective)(last["w"]["a"])
        adjoint = {"w": tree(d_w), "v": tree(jnp.zeros(3)), "hypers": rt.zeros_like(hypers)}
        found: dict[str, jax.Array] = rt.reverse_pass(forward_step(hypers), reverse_step(hypers), path, adjoint)[
            "hypers"
        ]
        return found

    return jax.jit(whole)()


@jax.jit
def _stepped(state: dict[str, rt.Tree], t: jax.Array) -> Any:
    return forward_step(HYPERS)(state, t)


def states(steps: int) -> list[dict[str, np.ndarray]]:
    """The states before every step and after the last."""
    out = [start()]
    for t in range(steps):
        out.append(_stepped(out[-1], t))
    return [{name: np.asarray(x["a"]) for name, x in state.items()} for state in out]


def spy(before: Any, after: Any, adjoint: Any, t: jax.Array) -> dict[str, Any]:
    """An adjoint step that writes down the states it is given, in the order in which it is called."""
    n = adjoint["count"]
    out = {**adjoint, "count": n + 1, "t": adjoint["t"].at[n].set(t)}
    for side, given in (("before", before), ("after", after)):
        for name, value in given.items():
            out[f"{side} {name}"] = adjoint[f"{side} {name}"].at[n].set(value["a"])
    return out


def seen(policy: Any, steps: int, step: Any = None) -> tuple[Any, dict[str, np.ndarray]]:
    """The last state, and what an adjoint step is given along the path, call by call: t, and [calls, ...] of states."""
    step = step or forward_step(HYPERS)

    @jax.jit
    def whole() -> Any:
        last, path = rt.forward_pass(step, start(), steps, policy)
        blank: dict[str, Any] = {"w": tree(jnp.zeros(3)), "count": jnp.int32(0), "t": jnp.full(2 * steps, -1)}
        for side in ("before", "after"):
            blank |= {f"{side} {name}": jnp.zeros((2 * steps, 3)) for name in ("w", "v", "u")}
        return last, rt.reverse_pass(step, spy, path, blank)

    last, found = whole()
    calls = int(found.pop("count"))
    return last, {name: np.asarray(value)[:calls] for name, value in found.items() if name != "w"}
