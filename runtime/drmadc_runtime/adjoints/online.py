"""Online tuning: the hyperparameters move while training runs (Luketina et al. 2016, T1-T2)."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.domains import Domain, constrain, reverse_constrain
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.core.types import ForwardStep, Hypers, Splits, State, UpdateState
from drmadc_runtime.execution.loops import forwards


def online(
    domains: Mapping[str, Domain],
    training: Callable[..., tuple[State, ForwardStep]],
    hypergradient_of_step: Callable[..., tuple[State, jax.Array, Hypers]],
    tune_step: Callable[[UpdateState, Tree, jax.Array], UpdateState],
    tune_state: UpdateState,
    outer: jax.Array,
    *data: Splits,
    every: int,
    steps: int,
) -> tuple[State, UpdateState, jax.Array]:
    """One training run; after every `every` steps the outer update follows the gradient through the last step.

    Args:
        domains: of the hyperparameters.
        training: hypers, outer, *data -> the first state, and what takes a state through step t.
        hypergradient_of_step: state, hypers, outer, *data, t -> the state after step t, the objective there, and its
            gradient through that step alone.
        tune_step: the outer update, of its state, the unconstrained gradient and its number.
        tune_state: state of the outer update; `w` are the unconstrained hyperparameters.
        outer: number of the outer step.
        data: of the outer step; nothing for a program that reads none.
        every: training steps between two outer updates.
        steps: training steps.

    Returns:
        the last training state, the last outer state, and the objective at the last outer update.
    """

    def hypers_of(tune_state: UpdateState) -> Hypers:
        return constrain(domains, tune_state["w"])

    start, _ = training(hypers_of(tune_state), outer, *data)
    rounds = steps // every

    def one_round(i: jax.Array, carry: tuple[State, UpdateState, jax.Array]) -> tuple[State, UpdateState, jax.Array]:
        state, tune_state, _ = carry
        hypers = hypers_of(tune_state)
        _, forward_step = training(hypers, outer, *data)
        last = (i + 1) * every - 1
        state = forwards(forward_step, i * every, last, lambda step, t, s: step(s, t), state)
        state, value, d_hypers = hypergradient_of_step(state, hypers, outer, *data, last)
        gradient = Tree(reverse_constrain(domains, hypers, d_hypers))
        return state, tune_step(tune_state, gradient, outer * rounds + i), value

    zero = jnp.zeros((), jax.tree.leaves(start["w"])[0].dtype)
    state, tune_state, value = lax.fori_loop(0, rounds, one_round, (start, tune_state, zero))
    hypers = hypers_of(tune_state)
    _, forward_step = training(hypers, outer, *data)
    state = forwards(forward_step, rounds * every, steps, lambda step, t, s: step(s, t), state)
    return state, tune_state, value
