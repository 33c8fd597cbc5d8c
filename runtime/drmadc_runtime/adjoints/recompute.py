"""Exact reverse passes that run training steps again instead of storing them all.

`Checkpoint` (two levels: about the square root of T in memory, one more training run) and `Recursion` (Griewank 1992's
recursion with k branches: k log_k T snapshots, log_k T more training runs).
"""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_common.recursion import recursion_levels
from drmadc_runtime.adjoints.base import EXACT_FAILED, SavePolicy, Trajectory, only, read, rows_like, write
from drmadc_runtime.adjoints.store import Names, empty_record, record, reverse_record
from drmadc_runtime.core.types import ForwardStep, ReverseStep, State
from drmadc_runtime.execution.loops import forwards


@dataclass(frozen=True)
class Checkpoint(SavePolicy):
    """Keep a snapshot of the whole state every `length` steps, and record one segment at a time."""

    length: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = True
    failed: ClassVar[tuple[str, str]] = EXACT_FAILED

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "CheckpointTrajectory"]:
        """The last state; a snapshot at the start of each segment."""
        length = min(self.length, steps)
        segments = -(-steps // length)
        count = length if steps % length == 0 else None

        def segment(i: jax.Array, carry: tuple[State, State]) -> tuple[State, State]:
            state, snapshots = carry
            snapshots = write(snapshots, i, state)
            first = i * length
            stop = jnp.minimum(first + length, steps)
            state = forwards(forward_step, first, stop, lambda step, t, state: step(state, t), state, count=count)
            return state, snapshots

        state, snapshots = lax.fori_loop(0, segments, segment, (state, rows_like(state, segments)))
        return state, CheckpointTrajectory(snapshots, length, steps, Names(self.before, self.after))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CheckpointTrajectory(Trajectory):
    """Snapshots [segments]."""

    snapshots: State
    length: int = field(metadata={"static": True})
    steps: int = field(metadata={"static": True})
    names: Names = field(metadata={"static": True})

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """Record a segment, reverse it, and so on with the one below.

        Each segment gets fresh room: XLA would copy room that one loop reads and the next one writes.
        """
        segments = -(-self.steps // self.length)
        count = self.length if self.steps % self.length == 0 else None

        def segment(j: jax.Array, adjoint: State) -> State:
            first = (segments - 1 - j) * self.length
            stop = jnp.minimum(first + self.length, self.steps)
            state = read(self.snapshots, segments - 1 - j)
            buffer = empty_record(state, self.length, self.names)
            _, rows = record(forward_step, state, first, stop, buffer, self.names, count)
            return reverse_record(reverse_step, rows, first, stop, adjoint, self.names, count)

        done: State = lax.fori_loop(0, segments, segment, adjoint)
        return done


@dataclass(frozen=True)
class Recursion(SavePolicy):
    """Keep `arity` snapshots of the whole state on each of about log_arity(T) levels, and fill them again as needed."""

    arity: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = True
    failed: ClassVar[tuple[str, str]] = EXACT_FAILED

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "RecursionTrajectory"]:
        """The last state; the snapshots that the last step needs."""
        levels = recursion_levels(steps, self.arity)
        empty = rows_like(state, levels * self.arity)
        trajectory = RecursionTrajectory(write(empty, 0, state), steps, self.arity, Names(self.before, self.after))
        trajectory = trajectory.filled(forward_step, jnp.int32(steps - 1), jnp.int32(0))
        return forward_step(trajectory.state_before(jnp.int32(steps - 1)), jnp.int32(steps - 1)), trajectory


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RecursionTrajectory(Trajectory):
    """Snapshots [levels * arity]; those of level d are arity^(levels-1-d) steps apart, inside their parent's."""

    snapshots: State
    steps: int = field(metadata={"static": True})
    arity: int = field(metadata={"static": True})
    names: Names = field(metadata={"static": True})

    @property
    def levels(self) -> int:
        """Number of levels."""
        return recursion_levels(self.steps, self.arity)

    def _strides(self) -> jax.Array:
        powers = [min(self.arity ** (self.levels - 1 - d), 2**31 - 1) for d in range(self.levels)]
        return jnp.array(powers, jnp.int32)

    def state_before(self, t: jax.Array) -> State:
        """The state before step t, when the snapshots are filled for it."""
        state: State = read(self.snapshots, (self.levels - 1) * self.arity + t % self.arity)
        return state

    def filled(self, forward_step: ForwardStep, t: jax.Array, first: jax.Array) -> "RecursionTrajectory":
        """Snapshots for step t on the levels from `first` down; those above are right already."""
        strides, arity = self._strides(), self.arity

        def level(d: jax.Array, snapshots: State) -> State:
            stride = strides[d]
            mine = t // stride % arity
            parent = jnp.where(d > 0, (d - 1) * arity + t // (stride * arity) % arity, 0)
            state = read(snapshots, parent)
            begin = jnp.where(d > 0, t // stride - mine, 0) * stride
            snapshots = write(snapshots, d * arity, state)

            def child(i: jax.Array, carry: tuple[State, State]) -> tuple[State, State]:
                state, snapshots = carry
                at = begin + (i - 1) * stride
                state = forwards(forward_step, at, at + stride, lambda step, t, state: step(state, t), state)
                return state, write(snapshots, d * arity + i, state)

            _, snapshots = lax.fori_loop(1, mine + 1, child, (state, snapshots))
            return snapshots

        snapshots = lax.fori_loop(first, self.levels, level, self.snapshots)
        return RecursionTrajectory(snapshots, self.steps, arity, self.names)

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """Each step's state from the lowest level; a level is filled again when a step leaves its parent's."""
        strides = self._strides()

        def body(j: jax.Array, carry: tuple[State, "RecursionTrajectory"]) -> tuple[State, "RecursionTrajectory"]:
            adjoint, trajectory = carry
            t = self.steps - 1 - j
            valid = jnp.sum((t + 1) % strides[:-1] != 0) + 1 if self.levels > 1 else jnp.int32(1)
            trajectory = trajectory.filled(forward_step, t, jnp.where(j > 0, valid, self.levels))
            before = trajectory.state_before(t)
            after = only(forward_step(before, t), self.names.after) if self.names.after else {}
            return reverse_step(only(before, self.names.before), after, adjoint, t), trajectory

        adjoint, _ = lax.fori_loop(0, self.steps, body, (adjoint, self))
        return adjoint
