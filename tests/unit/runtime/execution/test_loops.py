"""Loops visit every step once and in order: plain, of a known number of steps, in blocks of a stream, watched."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drmadc_runtime.execution.loops import Along, backwards, counted, counted_back, forwards
from drmadc_runtime.execution.progress import Watcher, watched


@dataclass(frozen=True)
class Numbers:
    """A stream whose raw minibatch of step t is 10 t + outer; `fetched` are the numbers of its blocks."""

    length: int = 4
    fetched: list[int] = field(default_factory=list)

    def block(self, outer: Any, number: jax.Array) -> jax.Array:
        jax.debug.callback(lambda n: self.fetched.append(int(n)), number, ordered=True)
        return 10 * (number * self.length + jnp.arange(self.length)) + outer

    def one(self, outer: Any, t: jax.Array) -> jax.Array:
        return 10 * t + outer


def plain(t: jax.Array) -> jax.Array:
    return 10 * t + 3


def visit(function: Any, t: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    count, times, values = carry
    return count + 1, times.at[count].set(t), values.at[count].set(function(t))


def visited(loop: Any, function: Any, first: Any, stop: Any, **more: Any) -> tuple[list[int], list[int]]:
    def whole(first: jax.Array, stop: jax.Array) -> Any:
        return loop(function, first, stop, visit, (jnp.int32(0), *[jnp.full(20, -1)] * 2), **more)

    count, times, values = jax.jit(whole)(first, stop)
    jax.effects_barrier()
    assert (np.asarray(times[int(count) :]) == -1).all()
    return times[: int(count)].tolist(), values[: int(count)].tolist()


BOUNDS = [(0, 13), (3, 4), (5, 11), (4, 8), (7, 7)]


@pytest.mark.parametrize(("first", "stop"), BOUNDS)
@pytest.mark.parametrize("kind", ["plain", "counted", "stream"])
def test_every_step_once_and_in_order(kind: str, first: int, stop: int) -> None:
    expected = list(range(first, stop))
    more = {"count": stop - first} if kind == "counted" else {}
    for loop, order in ((forwards, expected), (backwards, expected[::-1])):
        source = Numbers()
        function = Along(source, 3, lambda t, raw: raw) if kind == "stream" else plain
        times, values = visited(loop, function, first, stop, **more)
        assert times == order
        assert values == [10 * t + 3 for t in order]
        if kind == "stream":  # each block once, the same way round; none for no steps
            assert source.fetched == list(dict.fromkeys(t // 4 for t in order))


def test_a_step_by_itself_is_fetched_alone() -> None:
    along = Along(Numbers(), 3, lambda x, t, raw: (x, t, raw))
    assert along(7, 5) == (7, 5, 53)
    assert jax.jit(along.within(jnp.arange(40, 44), 8))(7, 10) == (7, 10, 42)


def heard(loop: Any, first: int, stop: int, **more: Any) -> list[tuple[str, int, float]]:
    ticks: list[tuple[str, int, float]] = []

    def body(function: Any, t: jax.Array, carry: Any) -> Any:
        return {"w": carry[0]["w"] + 1.0}, carry[1] + 1

    def whole() -> Any:
        return loop(plain, first, stop, body, ({"w": jnp.zeros(4)}, jnp.int32(0)), **more)

    with watched(Watcher(4, lambda way, t, value: ticks.append((way, t, value))), lambda w, t: jnp.sum(w) + t):
        _, count = jax.jit(whole)()
    jax.effects_barrier()
    assert int(count) == stop - first
    return ticks


def test_who_watches_hears_of_every_block() -> None:
    """Forwards the loss before a block's first step, backwards the adjoint's length behind its last."""
    assert heard(forwards, 0, 10) == [("forward", 0, 0.0), ("forward", 4, 20.0), ("forward", 8, 40.0)]
    assert heard(forwards, 2, 10) == [("forward", 4, 12.0), ("forward", 8, 32.0)]  # the first block was begun before
    assert heard(backwards, 0, 10) == [("reverse", 10, 0.0), ("reverse", 8, 4.0), ("reverse", 4, 12.0)]
    assert heard(backwards, 2, 10) == [("reverse", 10, 0.0), ("reverse", 8, 4.0)]
    assert heard(backwards, 0, 10, told=False) == []


def test_bodies_that_take_their_minibatches_themselves() -> None:
    def body(t: jax.Array, carry: jax.Array) -> jax.Array:
        return 10 * carry + t

    assert int(counted(4, body, jnp.int32(0))) == 123
    assert int(counted_back(4, body, jnp.int32(0))) == 3210
