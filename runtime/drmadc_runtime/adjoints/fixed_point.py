"""Implicit hypergradients: the adjoint at the last state only, as if training stood still there.

`Steady` repeats the adjoint of one step at that state: the Neumann series of the implicit function theorem (Lorraine,
Vicol and Duvenaud 2020, algorithm 3), with the training rule's own preconditioning and its last minibatches.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.adjoints.base import SavePolicy, Trajectory, only
from drmadc_runtime.adjoints.stats import Stat
from drmadc_runtime.core.trees import norm
from drmadc_runtime.core.types import ForwardStep, ReverseStep, State
from drmadc_runtime.execution.loops import forwards

RESIDUAL = Stat(
    "residual",
    "length of the last training step over that of the first",
    above=0.1,
    alarm="training has not converged: its last step is still {value:.2g} times as long as its first, and implicit "
    "gradients are correct at convergence only. Use more steps, or `exact()`.",
)


@dataclass(frozen=True)
class FixedPoint(SavePolicy):
    """Keep the last state; the reverse pass takes `terms` steps there, on the last minibatches."""

    terms: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = False
    stepwise: ClassVar[bool] = False
    stats: ClassVar[tuple[Stat, ...]] = (RESIDUAL,)

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "FixedPointTrajectory"]:
        """The last state, twice."""
        last = forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), state)
        return last, FixedPointTrajectory(only(last, self.before), only(last, self.after), steps, self.terms)


def residual(forward_step: ForwardStep, start: State, last: State, steps: int) -> jax.Array:
    """How far training is from rest: the length of one more step over that of the first."""
    more = forward_step(last, jnp.int32(steps - 1))
    first = forward_step(start, jnp.int32(0))
    moved = norm(jax.tree.map(jnp.subtract, more["w"], last["w"]))
    begun = norm(jax.tree.map(jnp.subtract, first["w"], start["w"]))
    return moved / jnp.where(begun == 0, 1, begun)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FixedPointTrajectory(Trajectory):
    """The last state, for every step."""

    before: State
    after: State
    steps: int = field(metadata={"static": True})
    terms: int = field(metadata={"static": True})

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """`terms` adjoint steps at the last state; minibatches from the last step down, around again where they end."""

        def body(i: jax.Array, adjoint: State) -> State:
            return reverse_step(self.before, self.after, adjoint, (self.steps - 1 - i) % self.steps)

        last: State = lax.fori_loop(0, self.terms, body, adjoint)
        return last
