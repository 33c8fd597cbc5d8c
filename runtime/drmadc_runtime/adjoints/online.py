"""Online tuning: the hyperparameters move while training runs (Luketina et al. 2016, T1-T2)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.adjoints.base import State
from drmadc_runtime.core.domains import constrain, reverse_constrain
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.execution.loops import forwards


def online(
    module: Callable[[str], Any], every: int, steps: int, tune_state: State, outer: jax.Array, data: tuple[Any, ...]
) -> tuple[State, State, jax.Array]:
    """One training run; after every `every` steps the outer update follows the gradient through the last step.

    Args:
        module: the emitted module's functions by name.
        tune_state: state of the outer update; `w` are the unconstrained hyperparameters.

    Returns:
        the last training state, the last outer state, and the objective at the last outer update.
    """
    domains, tune_step = module("DOMAINS"), module("tune_step")

    def hypers_of(tune_state: State) -> Any:
        return constrain(domains, tune_state["w"])

    start, _ = module("training")(hypers_of(tune_state), outer, *data)
    rounds = steps // every

    def one_round(i: jax.Array, carry: tuple[State, State, jax.Array]) -> tuple[State, State, jax.Array]:
        state, tune_state, _ = carry
        hypers = hypers_of(tune_state)
        _, forward_step = module("training")(hypers, outer, *data)
        last = (i + 1) * every - 1
        state = forwards(forward_step, i * every, last, lambda step, t, s: step(s, t), state)
        state, value, d_hypers = module("hypergradient_of_step")(state, hypers, outer, *data, last)
        gradient = Tree(reverse_constrain(domains, hypers, d_hypers))
        return state, tune_step(tune_state, gradient, outer * rounds + i), value

    zero = jnp.zeros((), jax.tree.leaves(start["w"])[0].dtype)
    state, tune_state, value = lax.fori_loop(0, rounds, one_round, (start, tune_state, zero))
    hypers = hypers_of(tune_state)
    _, forward_step = module("training")(hypers, outer, *data)
    state = forwards(forward_step, rounds * every, steps, lambda step, t, s: step(s, t), state)
    return state, tune_state, value
