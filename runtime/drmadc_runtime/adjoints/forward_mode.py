"""Forward mode: a tangent of the whole state for each hyperparameter, carried along with training.

Franceschi, Donini, Frasconi and Pontil 2017, section 3.2 (Forward-HG). Memory does not depend on the number of steps.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from drmadc_runtime.core.types import ForwardStep, Hypers, Params, State
from drmadc_runtime.execution.loops import counted

Training = Callable[[Hypers], tuple[State, ForwardStep]]


def forward_mode_pass(training: Training, hypers: dict[str, jax.Array], steps: int) -> tuple[State, State]:
    """The last state, and its tangents: every entry with a leading axis [hyperparameters], in the order of `ravel`.

    `training` maps hyperparameters to the first state and the function that takes it through step t.
    """
    flat, unravel = ravel_pytree(hypers)
    basis = jnp.eye(flat.size, dtype=flat.dtype)
    state, push = jax.linearize(lambda h: training(unravel(h))[0], flat)
    tangents = jax.vmap(push)(basis)

    def body(t: jax.Array, carry: tuple[State, State]) -> tuple[State, State]:
        state, tangents = carry
        state, push = jax.linearize(lambda h, s: training(unravel(h))[1](s, t), flat, state)
        return state, jax.vmap(push)(basis, tangents)

    return counted(steps, body, (state, tangents))


def forward_gradient(tangents: State, d_w: Params, d_hypers: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """d_hypers plus <d_w, tangent of w> for each hyperparameter."""
    _, unravel = ravel_pytree(d_hypers)
    flat = jax.vmap(lambda tangent: jnp.vdot(ravel_pytree(tangent)[0], ravel_pytree(d_w)[0]))(tangents["w"])
    through: dict[str, jax.Array] = unravel(flat)
    return {name: d_hypers[name] + through[name] for name in d_hypers}
