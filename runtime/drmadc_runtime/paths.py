"""The loops over training steps, and what the forward one keeps for the reverse one.

A path gives the reverse pass the states before and after each step. `Store` records them: the hypergradient is then
exact. `Knots` keeps snapshots only and runs a straight line between them: DrMAD (Fu et al. 2016, equation 5, is the
case of 2 knots). The reverse pass is the same for both; the path is its argument.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from drmadc_runtime.trees import norm

State = dict[str, Any]
Advance = Callable[[State, jax.Array], State]
Retreat = Callable[[State, State, State, jax.Array], State]


class Hypergradient(NamedTuple):
    """Objective, its gradient in every hyperparameter, the adjoint's growth, trained parameters, and the path."""

    value: jax.Array
    gradient: dict[str, jax.Array]
    growth: jax.Array
    params: Any
    path: Any


@dataclass(frozen=True)
class Store:
    """Keep every state: exact. Memory grows with the number of steps.

    `room` may hold the arrays of an earlier StoredPath of the same program, to be written over: fresh memory of this
    size costs a page fault every 4 KB, which is a fifth of the whole hypergradient.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    room: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Knots:
    """Keep `count` snapshots, uniform in steps, from the first state to the last.

    Parameters lie on the straight line between two snapshots; other states (velocity, moments) take their mean over
    the segment, which for heavy ball is the line's own slope, without dividing by a rate that may be 0.
    """

    count: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Watch:
    """Keep nothing, and stop at the first step after which a state is not finite; the path is that step."""


@dataclass(frozen=True)
class Partial:
    """Keep what `keep` says, but let the reverse pass stop above step `stop` (to find where it fails)."""

    keep: Store | Knots
    stop: jax.Array


Keep = Store | Knots | Watch | Partial | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StoredPath:
    """States before (and, where only they are needed, after) every step; leading axis [steps]."""

    before: State
    after: State
    last: State


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class KnotPath:
    """Snapshots at the start and the end of each segment, and means over it; leading axis [segments]."""

    start: State
    end: State
    mean_before: State
    mean_after: State
    first: jax.Array
    stop: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartialPath:
    """A path of which only the steps from `stop` on are reversed."""

    path: StoredPath | KnotPath
    stop: jax.Array


Path = StoredPath | KnotPath | PartialPath


def sweep(advance: Advance, state: State, steps: int, keep: Keep) -> tuple[State, Any]:
    """Run `steps` steps from `state`; return the last state and the path. Nothing is unrolled.

    With `keep` None nothing is kept; with Watch the path is the number of steps that left the state finite.
    """
    match keep:
        case None:
            last: State = lax.fori_loop(0, steps, lambda t, state: advance(state, t), state)
            return last, None
        case Store():
            return _sweep_store(advance, state, steps, keep)
        case Knots():
            return _sweep_knots(advance, state, steps, keep)
        case Watch():
            return _sweep_watch(advance, state, steps)
        case Partial():
            last, path = sweep(advance, state, steps, keep.keep)
            return last, PartialPath(path, keep.stop)


def sweep_back(retreat: Retreat, path: Path, adjoint: State) -> State:
    """Run the adjoint of every step, the last step first, at the states that the path gives."""
    match path:
        case StoredPath():
            return _back_store(retreat, path, adjoint)
        case KnotPath():
            return _back_knots(retreat, path, adjoint)
        case PartialPath():

            def above(before: State, after: State, adjoint: State, t: jax.Array) -> State:
                done: State = lax.cond(t >= path.stop, lambda a: retreat(before, after, a, t), lambda a: a, adjoint)
                return done

            return sweep_back(above, path.path, adjoint)


def finite(tree: Any) -> jax.Array:
    """Whether every element is a finite number."""
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]))


def _sweep_watch(advance: Advance, state: State, steps: int) -> tuple[State, jax.Array]:
    def go_on(carry: tuple[jax.Array, jax.Array, State]) -> jax.Array:
        t, healthy, _ = carry
        return healthy & (t < steps)

    def body(carry: tuple[jax.Array, jax.Array, State]) -> tuple[jax.Array, jax.Array, State]:
        t, _, state = carry
        state = advance(state, t)
        healthy = finite(state)
        return jnp.where(healthy, t + 1, t), healthy, state

    t, _, last = lax.while_loop(go_on, body, (jnp.int32(0), finite(state), state))
    return last, t


def growth(first: Any, last: Any) -> jax.Array:
    """|adjoint at the first step| / |adjoint at the last|: an alarm for a diverging reverse pass."""
    size = norm(last)
    return norm(first) / jnp.where(size == 0, 1, size)


def _only(state: State, names: tuple[str, ...]) -> State:
    return {name: state[name] for name in names}


def _sweep_store(advance: Advance, state: State, steps: int, keep: Store) -> tuple[State, StoredPath]:
    only_after = tuple(name for name in keep.after if name not in keep.before)
    both = tuple(name for name in keep.after if name in keep.before)
    room = keep.room if keep.room is not None else store_room(state, steps, keep)

    def body(t: jax.Array, carry: tuple[State, tuple[State, State]]) -> tuple[State, tuple[State, State]]:
        state, (before, after) = carry
        before = _write(before, t, _only(state, keep.before))
        state = advance(state, t)
        return state, (before, _write(after, t, _only(state, only_after)))

    last, (before, after) = lax.fori_loop(0, steps, body, (state, room))
    return last, StoredPath(before, after, _only(last, both))


def store_room(state: State, steps: int, keep: Store) -> tuple[State, State]:
    """Arrays for the path that `keep` asks for: `before` and `after`, leading axis [steps]."""
    only_after = tuple(name for name in keep.after if name not in keep.before)
    kept = _only(state, keep.before), _only(state, only_after)
    room: tuple[State, State] = jax.tree.map(lambda x: jnp.zeros((steps, *x.shape), x.dtype), kept)
    return room


def _back_store(retreat: Retreat, path: StoredPath, adjoint: State) -> State:
    both = tuple(path.last)
    steps = jax.tree.leaves((path.before, path.after))[0].shape[0]

    def body(carry: tuple[State, State], now: tuple[jax.Array, State, State]) -> tuple[Any, None]:
        adjoint, following = carry
        t, before, after = now
        adjoint = retreat(before, {**after, **following}, adjoint, t)
        return (adjoint, _only(before, both)), None

    slices = (jnp.arange(steps), path.before, path.after)
    (adjoint, _), _ = lax.scan(body, (adjoint, path.last), slices, reverse=True)
    return adjoint


def segment_bounds(steps: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last step of each of the count - 1 segments between uniform knots."""
    knots = np.round(np.linspace(0, steps, count)).astype(np.int32)
    return knots[:-1], knots[1:]


def _sweep_knots(advance: Advance, state: State, steps: int, keep: Knots) -> tuple[State, KnotPath]:
    names = tuple(dict.fromkeys((*keep.before, *keep.after)))
    averaged = tuple(name for name in names if name != "w")
    firsts, stops = (jnp.asarray(bounds) for bounds in segment_bounds(steps, keep.count))
    segments = keep.count - 1

    def rows(tree: Any) -> Any:
        return jax.tree.map(lambda x: jnp.zeros((segments, *x.shape), x.dtype), tree)

    def segment(i: jax.Array, carry: tuple[State, State, State, State]) -> tuple[State, State, State, State]:
        state, starts, ends, sums = carry
        starts = _write(starts, i, _only(state, names))

        def body(t: jax.Array, carry: tuple[State, State]) -> tuple[State, State]:
            state, total = carry
            state = advance(state, t)
            return state, jax.tree.map(jnp.add, total, _only(state, averaged))

        zeros = jax.tree.map(jnp.zeros_like, _only(state, averaged))
        state, total = lax.fori_loop(firsts[i], stops[i], body, (state, zeros))
        return state, starts, _write(ends, i, _only(state, averaged)), _write(sums, i, total)

    empty = rows(_only(state, averaged))
    last, starts, ends, sums = lax.fori_loop(0, segments, segment, (state, rows(_only(state, names)), empty, empty))

    def lengths(leaf: jax.Array) -> jax.Array:
        return jnp.reshape(stops - firsts, (-1,) + (1,) * (leaf.ndim - 1)).astype(leaf.dtype)

    mean_after = jax.tree.map(lambda total: total / lengths(total), sums)
    mean_before = jax.tree.map(
        lambda total, a, b: (total - b + a) / lengths(total), sums, _only(starts, averaged), ends
    )
    w_start = {"w": starts["w"]}
    w_end = {"w": jax.tree.map(_shifted, starts["w"], last["w"])}
    return last, KnotPath(w_start, w_end, mean_before, mean_after, firsts, stops)


def _write(rows: Any, i: jax.Array, values: Any) -> Any:
    """Rows with row i replaced, entry by entry; in place where XLA can."""
    return jax.tree.map(lambda r, x: lax.dynamic_update_index_in_dim(r, x, i, 0), rows, values)


def _shifted(starts: jax.Array, last: jax.Array) -> jax.Array:
    """Ends of the segments: the starts of the next ones, then the last state."""
    return jnp.concatenate([starts[1:], last[None]])


def _back_knots(retreat: Retreat, path: KnotPath, adjoint: State) -> State:
    segments = path.first.shape[0]

    def segment(i: jax.Array, adjoint: State) -> State:
        number = segments - 1 - i
        piece: KnotPath = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, number, 0, keepdims=False), path)
        length = (piece.stop - piece.first).astype(jnp.result_type(float))
        a, b = piece.start["w"], piece.end["w"]

        def at(t: jax.Array) -> Any:
            fraction = (t - piece.first) / length
            return jax.tree.map(lambda x, y: x + fraction.astype(x.dtype) * (y - x), a, b)

        def body(j: jax.Array, adjoint: State) -> State:
            t = piece.stop - 1 - j
            before = {"w": at(t), **piece.mean_before}
            after = {"w": at(t + 1), **piece.mean_after}
            return retreat(before, after, adjoint, t)

        done: State = lax.fori_loop(0, piece.stop - piece.first, body, adjoint)
        return done

    last: State = lax.fori_loop(0, segments, segment, adjoint)
    return last
