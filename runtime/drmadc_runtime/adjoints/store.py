"""Recorded states: `exact(store)`, and `truncated(steps: k)`, which records the last k steps only."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import jax

from drmadc_runtime.adjoints.base import EXACT_FAILED, SavePolicy, Trajectory, only, read, rows_like, write
from drmadc_runtime.core.types import ForwardStep, ReverseStep, State
from drmadc_runtime.execution.loops import backwards, forwards


class Names(NamedTuple):
    """Which states the adjoint of a step reads: before it, and after it."""

    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def only_after(self) -> tuple[str, ...]:
        """States read after a step but not before it; they need rows of their own."""
        return tuple(name for name in self.after if name not in self.before)

    @property
    def both(self) -> tuple[str, ...]:
        """States read before and after a step: the row of the following step serves."""
        return tuple(name for name in self.after if name in self.before)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Record:
    """States before consecutive steps and behind the last [rows + 1], and those read only after a step [rows]."""

    before: State
    after: State


def empty_record(state: State, rows: int, names: Names) -> Record:
    """Room for `rows` steps."""
    return Record(
        rows_like(only(state, names.before), rows + 1),
        rows_like(only(state, names.only_after), rows),
    )


def record(
    forward_step: ForwardStep,
    state: State,
    first: jax.Array | int,
    stop: jax.Array | int,
    buffer: Record,
    names: Names,
    count: int | None = None,
) -> tuple[State, Record]:
    """Run steps first .. stop-1, writing the states before and after step t to rows t - first and t - first + 1."""

    def body(forward_step: ForwardStep, t: jax.Array, carry: tuple[State, State, State]) -> tuple[State, State, State]:
        state, before, after = carry
        state = forward_step(state, t)
        row = t - first
        before = write(before, row + 1, only(state, names.before))
        return state, before, write(after, row, only(state, names.only_after))

    start = write(buffer.before, 0, only(state, names.before))
    state, before, after = forwards(forward_step, first, stop, body, (state, start, buffer.after), count=count)
    return state, Record(before, after)


def reverse_record(
    reverse_step: ReverseStep,
    rows: Record,
    first: jax.Array | int,
    stop: jax.Array | int,
    adjoint: State,
    names: Names,
    count: int | None = None,
) -> State:
    """The adjoints of steps stop-1 .. first, whose states are in the rows from 0."""

    def body(reverse_step: ReverseStep, t: jax.Array, adjoint: State) -> State:
        row = t - first
        before = read(rows.before, row)
        after = {**read(rows.after, row), **read(only(rows.before, names.both), row + 1)}
        return reverse_step(before, after, adjoint, t)

    return backwards(reverse_step, first, stop, body, adjoint, count=count)


@dataclass(frozen=True)
class Store(SavePolicy):
    """Keep every state, or with `last` those of the last steps only: exact over the steps that are kept.

    Memory grows with the number of steps. `room` may hold the record of an earlier run of the same program, to be
    written over: fresh memory of this size costs a page fault every 4 KB, a fifth of the whole hypergradient.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    last: int | None = None
    buffer: Record | None = field(default=None, compare=False)
    failed: ClassVar[tuple[str, str]] = EXACT_FAILED

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "StoredTrajectory"]:
        """The last state, and the record."""
        names = Names(self.before, self.after)
        first = max(0, steps - self.last) if self.last is not None else 0
        buffer = self.buffer if self.buffer is not None else self.empty(lambda: state, steps)
        if first:
            state = forwards(forward_step, 0, first, lambda step, t, state: step(state, t), state)
        state, rows = record(forward_step, state, first, steps, buffer, names)
        return state, StoredTrajectory(rows, first, steps, names)

    @property
    def exact(self) -> bool:
        """Whether every step is kept."""
        return self.last is None

    def empty(self, like: Callable[[], State], steps: int) -> Record:
        """Memory for the record."""
        rows = min(steps, self.last) if self.last is not None else steps
        return empty_record(like(), rows, Names(self.before, self.after))

    def reuse(self, buffer: Record) -> "Store":
        """The same policy, writing over the record of an earlier run."""
        return replace(self, buffer=buffer)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StoredTrajectory(Trajectory):
    """The record of steps `first` .. `steps` - 1."""

    rows: Record
    first: int = field(metadata={"static": True})
    steps: int = field(metadata={"static": True})
    names: Names = field(metadata={"static": True})

    @property
    def buffer(self) -> Record:
        """The record, to be written over."""
        return self.rows

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before step `first`."""
        return reverse_record(reverse_step, self.rows, self.first, self.steps, adjoint, self.names)
