"""The loops over training steps: forwards, keeping what a strategy asks for, and backwards along what was kept.

A *keep* says what the forward loop leaves behind; the *path* that it returns gives the reverse loop the states before
and after each step. The adjoint of a step is the same for all of them; where its states come from is the strategy:
`store` (recorded), `recompute` (run again from snapshots), `knots` (straight lines between snapshots), `steady` (the
last state only).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.trees import norm
from drmadc_runtime.execution.loops import forwards

State = dict[str, Any]
ForwardStep = Callable[[State, jax.Array], State]
ReverseStep = Callable[[State, State, State, jax.Array], State]


class Hypergradient(NamedTuple):
    """Objective, its gradient in every hyperparameter, the adjoint's growth, trained parameters, and the path.

    `switched` is the training step below which a guarded reverse pass used the Gauss-Newton matrix; -1 for none.
    `unsettled` is the length of the last training step over that of the first, where the strategy needs a fixed point.
    `lost` is how far naive reversal ends from the start, relative; -1 where nothing is reversed.
    """

    value: jax.Array
    gradient: dict[str, jax.Array]
    growth: jax.Array
    params: Any
    trajectory: Any = None
    switched: jax.Array | int = -1
    residual: jax.Array | float = 0.0
    lost: jax.Array | float = -1.0


class Trajectory(Protocol):
    """What the forward loop left behind."""

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before the first step, from the one after the last."""


class SavePolicy(Protocol):
    """What the forward loop is to leave behind; hashable, a static argument of compiled functions."""

    @property
    def exact(self) -> bool:
        """Whether the path is that of training."""

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, Any]:
        """The state after `steps` steps, and the path."""


@dataclass(frozen=True)
class Watch:
    """Stop at the first step after which a state is not finite; the path is that step, and the state before it."""

    exact: ClassVar[bool] = False

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, tuple[jax.Array, State]]:
        """The last state, the number of steps that left the state finite, and the state after those."""
        Carry = tuple[jax.Array, jax.Array, State, State]

        def go_on(carry: Carry) -> jax.Array:
            t, healthy, _, _ = carry
            return healthy & (t < steps)

        def body(carry: Carry) -> Carry:
            t, _, state, _ = carry
            following = forward_step(state, t)
            healthy = finite(following)
            return jnp.where(healthy, t + 1, t), healthy, following, state

        start = (jnp.int32(0), finite(state), state, state)
        t, healthy, last, before = lax.while_loop(go_on, body, start)
        good = jax.tree.map(lambda a, b: jnp.where(healthy, a, b), last, before)
        return last, (t, good)


@dataclass(frozen=True)
class Partial:
    """Keep what `keep` says, but let the reverse pass stop above step `stop` (to find where it fails)."""

    policy: SavePolicy
    stop: jax.Array
    exact: ClassVar[bool] = False

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "PartialTrajectory"]:
        """The last state and the path of `keep`."""
        last, trajectory = self.policy.forward(forward_step, state, steps)
        return last, PartialTrajectory(trajectory, self.stop)


@dataclass(frozen=True)
class PartialTrajectory:
    """A path of which only the steps from `stop` on are reversed; lives inside one trace."""

    trajectory: Trajectory
    stop: jax.Array

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before step `stop`."""

        def above(before: State, after: State, adjoint: State, t: jax.Array) -> State:
            done: State = lax.cond(t >= self.stop, lambda a: reverse_step(before, after, a, t), lambda a: a, adjoint)
            return done

        return self.trajectory.backward(forward_step, above, adjoint)


def forward_pass(forward_step: ForwardStep, state: State, steps: int, policy: SavePolicy | None) -> tuple[State, Any]:
    """Run `steps` steps from `state`; return the last state and the path, which is None where nothing is kept.

    Nothing is unrolled: compile time does not depend on `steps`.
    """
    if policy is None:
        return forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), state), None
    return policy.forward(forward_step, state, steps)


def reverse_pass(forward_step: ForwardStep, reverse_step: ReverseStep, trajectory: Trajectory, adjoint: State) -> State:
    """Run the adjoint of every step, the last step first, at the states that the path gives."""
    return trajectory.backward(forward_step, reverse_step, adjoint)


def finite(tree: Any) -> jax.Array:
    """Whether every element is a finite number."""
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]))


def growth(first: Any, last: Any) -> jax.Array:
    """|adjoint at the first step| / |adjoint at the last|: an alarm for a diverging reverse pass."""
    size = norm(last)
    return norm(first) / jnp.where(size == 0, 1, size)


def only(state: State, names: tuple[str, ...]) -> State:
    """The entries of the given names."""
    return {name: state[name] for name in names}


def rows_like(tree: Any, count: int) -> Any:
    """Arrays of zeros for `count` copies of a tree, stacked along a new first axis."""
    return jax.tree.map(lambda x: jnp.zeros((count, *x.shape), x.dtype), tree)


def write(rows: Any, i: jax.Array | int, values: Any) -> Any:
    """Rows with row i replaced, entry by entry; in place where XLA can."""
    return jax.tree.map(lambda r, x: lax.dynamic_update_index_in_dim(r, x, i, 0), rows, values)


def read(rows: Any, i: jax.Array | int) -> Any:
    """Row i of every entry."""
    return jax.tree.map(lambda r: lax.dynamic_index_in_dim(r, i, 0, keepdims=False), rows)
