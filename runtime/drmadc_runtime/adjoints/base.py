"""The loops over training steps: forwards, keeping what a strategy asks for, and backwards along what was kept.

A *keep* says what the forward loop leaves behind; the *path* that it returns gives the reverse loop the states before
and after each step. The adjoint of a step is the same for all of them; where its states come from is the strategy:
`store` (recorded), `recompute` (run again from snapshots), `knots` (straight lines between snapshots), `steady` (the
last state only).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.adjoints.stats import Stat
from drmadc_runtime.core.trees import norm
from drmadc_runtime.core.types import ForwardStep, Int, Params, PyTree, ReverseStep, State
from drmadc_runtime.execution.loops import forwards


class Hypergradient(NamedTuple):
    """What an emitted `hypergradient` returns.

    Attributes:
        value: the outer objective, a scalar.
        gradient: its derivative in each hyperparameter, in their own domains, of their shapes.
        growth: |adjoint at the first step| / |adjoint at the last|.
        params: trained parameters, by name.
        trajectory: what the forward pass kept, for its buffer; None where it has none to give back.
        stats: scalars that the strategy declares (see `Stat`), by name.
    """

    value: jax.Array
    gradient: dict[str, jax.Array]
    growth: jax.Array
    params: Params
    trajectory: "Trajectory | None" = None
    stats: dict[str, jax.Array] = {}  # noqa: RUF012 - a tuple's default, which nobody changes


class Trajectory(Protocol):
    """What the forward loop left behind."""

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before the first step, from the one after the last."""

    @property
    def buffer(self) -> PyTree:
        """The memory that `SavePolicy.empty` gave, for the next run; None where there was none."""
        return None


OVERFLOW = "training is finite, but the adjoint overflows in the reverse pass"
EXACT_FAILED = (
    OVERFLOW,
    "training is unstable: clip the gradient, `clip(norm: 1, RULE)`, use fewer steps or a smaller rate, or "
    "`precision = float64`",
)


class SavePolicy(Protocol):
    """What the forward pass is to leave behind; hashable, a static argument of compiled functions.

    Attributes:
        stats: what the strategy measures of itself.
        stepwise: whether the reverse pass takes the adjoint of one training step after another, so that the first that
            fails can be looked for (see `Partial`).
        failed: what is said where training is healthy and the gradient is not finite; and what to try.
    """

    stats: ClassVar[tuple[Stat, ...]] = ()
    stepwise: ClassVar[bool] = True
    failed: ClassVar[tuple[str, str]] = (OVERFLOW, "use `reverse = exact()`")

    @property
    def exact(self) -> bool:
        """Whether the trajectory is that of training."""

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, PyTree]:
        """The state after `steps` steps, and the trajectory; reversals have forward passes of their own."""
        raise NotImplementedError(type(self).__name__)

    def empty(self, like: Callable[[], State], steps: int) -> PyTree:
        """Memory for the trajectory that `reuse` takes, or None; `like` gives a state or its shapes.

        Fresh memory costs a page fault every 4 KB, a fifth of a whole hypergradient, so it is kept from run to run.
        """
        return None

    def reuse(self, buffer: PyTree) -> "SavePolicy":
        """The same policy, writing over this memory; inside one trace."""
        return self


@dataclass(frozen=True)
class Watch(SavePolicy):
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
class Partial(SavePolicy):
    """Keep what `keep` says, but let the reverse pass stop above step `stop` (to find where it fails)."""

    policy: SavePolicy
    stop: jax.Array
    exact: ClassVar[bool] = False

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "PartialTrajectory"]:
        """The last state and the path of `keep`."""
        last, trajectory = self.policy.forward(forward_step, state, steps)
        return last, PartialTrajectory(trajectory, self.stop)


@dataclass(frozen=True)
class PartialTrajectory(Trajectory):
    """A path of which only the steps from `stop` on are reversed; lives inside one trace."""

    trajectory: Trajectory
    stop: jax.Array

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before step `stop`."""

        def above(before: State, after: State, adjoint: State, t: jax.Array) -> State:
            done: State = lax.cond(t >= self.stop, lambda a: reverse_step(before, after, a, t), lambda a: a, adjoint)
            return done

        return self.trajectory.backward(forward_step, above, adjoint)


def forward_pass(
    forward_step: ForwardStep, state: State, steps: int, policy: SavePolicy | None
) -> tuple[State, PyTree]:
    """Run `steps` steps from `state`; return the last state and the path, which is None where nothing is kept.

    Nothing is unrolled: compile time does not depend on `steps`.
    """
    if policy is None:
        return forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), state), None
    return policy.forward(forward_step, state, steps)


def reverse_pass(forward_step: ForwardStep, reverse_step: ReverseStep, trajectory: Trajectory, adjoint: State) -> State:
    """Run the adjoint of every step, the last step first, at the states that the path gives."""
    return trajectory.backward(forward_step, reverse_step, adjoint)


def finite(tree: PyTree) -> jax.Array:
    """Whether every element is a finite number."""
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]))


def growth(first: PyTree, last: PyTree) -> jax.Array:
    """|adjoint at the first step| / |adjoint at the last|: an alarm for a diverging reverse pass."""
    size = norm(last)
    return norm(first) / jnp.where(size == 0, 1, size)


def only(state: State, names: tuple[str, ...]) -> State:
    """The entries of the given names."""
    return {name: state[name] for name in names}


def rows_like(tree: PyTree, count: int) -> PyTree:
    """Arrays of zeros for `count` copies of a tree, stacked along a new first axis."""
    return jax.tree.map(lambda x: jnp.zeros((count, *x.shape), x.dtype), tree)


def write(rows: PyTree, i: Int, values: PyTree) -> PyTree:
    """Rows with row i replaced, entry by entry; in place where XLA can."""
    return jax.tree.map(lambda r, x: lax.dynamic_update_index_in_dim(r, x, i, 0), rows, values)


def read(rows: PyTree, i: Int) -> PyTree:
    """Row i of every entry."""
    return jax.tree.map(lambda r: lax.dynamic_index_in_dim(r, i, 0, keepdims=False), rows)
