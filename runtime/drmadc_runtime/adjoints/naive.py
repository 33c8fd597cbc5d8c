"""Training run backwards in floating point, as a demonstration of why that fails: Maclaurin et al. 2015, section 2.2.

Dividing the velocity by its decay multiplies each step's rounding error by 1 / decay. `exact(reversible)` keeps what
is lost; here nothing does.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.adjoints.base import SavePolicy, Trajectory
from drmadc_runtime.adjoints.reversible import Drift, Kick
from drmadc_runtime.adjoints.stats import Stat
from drmadc_runtime.core.trees import norm
from drmadc_runtime.core.types import ForwardStep, ReverseStep, State
from drmadc_runtime.execution.loops import counted, counted_back

REVERSAL_ERROR = Stat("reversal_error", "distance from the start at which the way back ends, over the start's length")


@dataclass(frozen=True)
class Naive(SavePolicy):
    """Keep the last state only."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = False
    stepwise: ClassVar[bool] = False
    stats: ClassVar[tuple[Stat, ...]] = (REVERSAL_ERROR,)


@dataclass(frozen=True)
class NaiveTrajectory(Trajectory):
    """The last state; lives inside one trace."""

    start: State
    last: State
    kick: Kick
    drift: Drift
    steps: int

    def _before(self, after: State, t: jax.Array) -> State:
        """The state before step t, from the one after it."""
        moved = {name: after[name] for name in after if name != "w"}
        w = after["w"] - self.drift(moved, t)
        decays, kicks = self.kick(w, t)
        return {"w": w, **{name: (moved[name] - kicks[name]) / decays[name] for name in moved}}

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before the first step, at the states that running backwards gives."""

        def body(t: jax.Array, carry: tuple[State, State]) -> tuple[State, State]:
            adjoint, after = carry
            before = self._before(after, t)
            return reverse_step(before, after, adjoint, t), before

        return counted_back(self.steps, body, (adjoint, self.last))[0]

    def reversal_error(self) -> jax.Array:
        """How far from the start the way back ends, over the length of the start."""
        first = lax.fori_loop(0, self.steps, lambda j, after: self._before(after, self.steps - 1 - j), self.last)
        return norm(first["w"] - self.start["w"]) / jnp.maximum(norm(self.start["w"]), 1e-30)


def naive_forward_pass(
    kick: Kick, drift: Drift, start: State, steps: int, policy: Naive
) -> tuple[State, NaiveTrajectory]:
    """Run s' = decay s + kick, w' = w + drift; the last state, and the path back."""

    def body(t: jax.Array, state: State) -> State:
        decays, kicks = kick(state["w"], t)
        moved = {name: decays[name] * state[name] + kicks[name] for name in state if name != "w"}
        return {"w": state["w"] + drift(moved, t), **moved}

    last = counted(steps, body, start)
    return last, NaiveTrajectory(start, last, kick, drift, steps)
