"""Loops over consecutive training steps, forwards and backwards, in blocks where minibatches are streamed or somebody
watches.

A step function of an emitted module takes the step's number last. Where minibatches are streamed it is an `Along`: what
it takes behind the number, the raw minibatch, comes from a block of many steps, which the loop fetches once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.types import Int, PyTree, Split
from drmadc_runtime.execution import progress

C = TypeVar("C")
StepFunction = Callable[..., PyTree]
Body = Callable[[StepFunction, jax.Array, C], C]
Bound = jax.Array | int


class Blocks(Protocol):
    """Where streamed minibatches come from."""

    @property
    def length(self) -> int:
        """Steps of a block."""

    def block(self, outer: Int, number: jax.Array) -> Split:
        """The raw minibatches of a block: [length, batch, ...]."""

    def one(self, outer: Int, t: jax.Array) -> Split:
        """The raw minibatch of one step: [batch, ...]."""


@dataclass(frozen=True)
class Along:
    """A step function with the stream that its raw minibatches come from; called by itself it fetches one step."""

    blocks: Blocks
    outer: Int
    function: StepFunction

    def __call__(self, *args: PyTree) -> PyTree:
        """The function at one step, whose number is the last argument."""
        return self.function(*args, self.blocks.one(self.outer, jnp.asarray(args[-1])))

    def within(self, block: Split, first: jax.Array) -> StepFunction:
        """The function at steps of a block that has been fetched and begins at step `first`."""
        return lambda *args: self.function(*args, _row(block, args[-1] - first))


class _Loop(Protocol):
    """JAX's loop, with its types."""

    def __call__(self, first: Bound, stop: Bound, body: Callable[[jax.Array, C], C], carry: C, /) -> C: ...


_loop: _Loop = lax.fori_loop


def _row(block: Split, i: jax.Array) -> Split:
    row: Split = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, i, 0, keepdims=False), block)
    return row


def _within(function: StepFunction, number: jax.Array, start: jax.Array) -> StepFunction:
    """The step function at the steps of a block; of a stream, with what the block holds."""
    if not isinstance(function, Along):
        return function
    return function.within(function.blocks.block(function.outer, number), start)


def _block_length(function: StepFunction) -> int | None:
    """Steps of a block: as a stream cuts them, else as often as who watches wants to hear; None for one loop."""
    return function.blocks.length if isinstance(function, Along) else progress.every()


def _block_range(length: int, first: Bound, stop: Bound) -> tuple[jax.Array, jax.Array]:
    """The blocks that hold steps first .. stop - 1: the first one's number, and how many; none for no steps."""
    begin, end = jnp.asarray(first), jnp.asarray(stop)
    number = begin // length
    return number, jnp.where(begin < end, -(-end // length) - number, 0)


def forwards(
    function: StepFunction, first: Bound, stop: Bound, body: Body[C], carry: C, *, count: int | None = None
) -> C:
    """`carry` after body(function, t, carry) for t = first .. stop - 1; it is the state, or begins with it.

    `count` is stop - first where that is known while tracing: a GPU then runs the loop without asking the host.
    """
    length = _block_length(function)
    if length is None and count is not None:
        return _loop(0, count, lambda j, carry: body(function, first + j, carry), carry)
    if length is None:
        return _loop(first, stop, partial(body, function), carry)

    def block(number: jax.Array, carry: C) -> C:
        start = number * length
        inner = _within(function, number, start)
        begin, end = jnp.maximum(start, first), jnp.minimum(start + length, stop)
        progress.report("forward", start, carry, when=start >= first)
        return _loop(begin, end, partial(body, inner), carry)

    number, blocks = _block_range(length, first, stop)
    return _loop(number, number + blocks, block, carry)


def backwards(
    function: StepFunction,
    first: Bound,
    stop: Bound,
    body: Body[C],
    carry: C,
    *,
    count: int | None = None,
    told: bool = True,
) -> C:
    """`carry` after body(function, t, carry) for t = stop - 1 down to first; it is the adjoint, or begins with it.

    `count` as in `forwards`. Without `told`, nobody hears of it: for loops whose t is no training step.
    """
    length = _block_length(function) if told or isinstance(function, Along) else None
    if length is None:
        steps = stop - first if count is None else count
        return _loop(0, steps, lambda j, carry: body(function, stop - 1 - j, carry), carry)
    lowest, blocks = _block_range(length, first, stop)

    def block(i: jax.Array, carry: C) -> C:
        number = lowest + blocks - 1 - i
        start = number * length
        inner = _within(function, number, start)
        begin, end = jnp.maximum(start, first), jnp.minimum(start + length, stop)
        if told:
            progress.report("reverse", end, carry, when=start >= first)
        return _loop(0, end - begin, lambda j, carry: body(inner, end - 1 - j, carry), carry)

    return _loop(0, blocks, block, carry)


def counted(steps: int, body: Callable[[jax.Array, C], C], carry: C) -> C:
    """`forwards` over all steps, for a body that takes its minibatches itself."""
    return forwards(body, 0, steps, lambda body, t, carry: body(t, carry), carry)


def counted_back(steps: int, body: Callable[[jax.Array, C], C], carry: C) -> C:
    """`backwards` over all steps, for a body that takes its minibatches itself."""
    return backwards(body, 0, steps, lambda body, t, carry: body(t, carry), carry)
