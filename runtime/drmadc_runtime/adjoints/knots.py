"""DrMAD (Fu et al. 2016): states on straight lines between snapshots, instead of those of training.

Two knots are the published straight line. Parameters lie on the chord between two snapshots; other states (velocity,
moments) take their mean over the segment, which for heavy ball is the line's own slope, without dividing by a rate
that may be 0.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from drmadc_runtime.adjoints.base import OVERFLOW, SavePolicy, Trajectory, only, read, rows_like, write
from drmadc_runtime.adjoints.stats import Stat
from drmadc_runtime.core.trees import Tree, norm
from drmadc_runtime.core.types import ForwardStep, PyTree, ReverseStep, State
from drmadc_runtime.execution.loops import backwards, forwards

GUARD, CALM = 30.0, 3.0
FALLBACK_STEP = Stat(
    "fallback_step",
    "training step below which a guarded reverse pass used the Gauss-Newton matrix; -1 for none",
    above=-1,
    alarm="at outer step {outer} the adjoint grew too large; before training step {value:.0f} the Gauss-Newton matrix "
    "replaced the Hessian",
)


@dataclass(frozen=True)
class Knots(SavePolicy):
    """Keep `count` snapshots, uniform in steps, from the first state to the last.

    With `progress`, parameters lie on their chord by the distance travelled, each array for itself, instead of by
    time. With `steps`, the reverse pass takes so many steps instead of all: each stands for an interval of training
    steps, with the minibatch of its middle one, and what it changes is scaled by the interval's length.
    """

    count: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    progress: bool = False
    steps: int | None = None
    exact: ClassVar[bool] = False
    stats: ClassVar[tuple[Stat, ...]] = (FALLBACK_STEP,)
    failed: ClassVar[tuple[str, str]] = (OVERFLOW, "use more knots, `curvature: auto`, or `reverse = exact()`")

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "KnotTrajectory"]:
        """The last state and the path; see KnotTrajectory."""
        names = tuple(dict.fromkeys((*self.before, *self.after)))
        averaged = tuple(name for name in names if name != "w")
        bounds = [jnp.asarray(b) for b in segment_bounds(steps, self.count)]
        firsts, stops = bounds
        segments = self.count - 1
        length = steps // segments if steps % segments == 0 else None
        travelled = jax.tree.map(lambda _: jnp.zeros(steps), state["w"]) if self.progress else None

        def segment(i: jax.Array, carry: tuple[PyTree, ...]) -> tuple[PyTree, ...]:
            state, starts, ends, sums, travelled = carry
            starts = write(starts, i, only(state, names))
            start = state["w"]

            def body(forward_step: ForwardStep, t: jax.Array, carry: tuple[PyTree, ...]) -> tuple[PyTree, ...]:
                state, total, travelled = carry
                if travelled is not None:
                    travelled = write(travelled, t, jax.tree.map(lambda a, b: norm(a - b), state["w"], start))
                state = forward_step(state, t)
                return state, jax.tree.map(jnp.add, total, only(state, averaged)), travelled

            zeros = jax.tree.map(jnp.zeros_like, only(state, averaged))
            state, total, travelled = forwards(
                forward_step, firsts[i], stops[i], body, (state, zeros, travelled), count=length
            )
            return state, starts, write(ends, i, only(state, averaged)), write(sums, i, total), travelled

        empty = rows_like(only(state, averaged), segments)
        carry = (state, rows_like(only(state, names), segments), empty, empty, travelled)
        last, starts, ends, sums, travelled = lax.fori_loop(0, segments, segment, carry)

        def lengths(leaf: jax.Array) -> jax.Array:
            return jnp.reshape(stops - firsts, (-1,) + (1,) * (leaf.ndim - 1)).astype(leaf.dtype)

        mean_after = jax.tree.map(lambda total: total / lengths(total), sums)
        mean_before = jax.tree.map(
            lambda total, a, b: (total - b + a) / lengths(total), sums, only(starts, averaged), ends
        )
        end = jax.tree.map(_shifted, starts["w"], last["w"])
        lines = Lines(starts["w"], end, mean_before, mean_after, firsts, stops)
        return last, KnotTrajectory(lines, travelled, steps, self.steps, length)


@dataclass(frozen=True)
class Published(SavePolicy):
    """The published procedure (Fu et al. 2016, the authors' code): for comparison.

    Only both ends are kept. K = T/10 reverse steps at fractions linspace(.001, .999, K) of the straight line, on the
    first K minibatches, unscaled.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = False

    def forward(self, forward_step: ForwardStep, state: State, steps: int) -> tuple[State, "PublishedTrajectory"]:
        """The last state, and both ends of the line."""
        start = state["w"]
        last = forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), state)
        return last, PublishedTrajectory(start, last["w"], max(1, steps // 10))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PublishedTrajectory(Trajectory):
    """The ends of the straight line, and how many points are taken on it."""

    start: Tree
    end: Tree
    points: int = field(metadata={"static": True})

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The authors' recursion."""

        def body(reverse_step: ReverseStep, i: jax.Array, adjoint: State) -> State:
            fraction = 0.001 + 0.998 * i / max(1, self.points - 1)
            w = jax.tree.map(lambda a, b: (1 - fraction) * a + fraction * b, self.start, self.end)
            return reverse_step({"w": w}, {"w": w}, adjoint, i)

        return backwards(reverse_step, 0, self.points, body, adjoint, told=False)


def segment_bounds(steps: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last step of each of the count - 1 segments between uniform knots."""
    knots = np.round(np.linspace(0, steps, count)).astype(np.int32)
    return knots[:-1], knots[1:]


def _shifted(starts: jax.Array, last: jax.Array) -> jax.Array:
    """Ends of the segments: the starts of the next ones, then the last state."""
    return jnp.concatenate([starts[1:], last[None]])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lines:
    """Parameters at the start and the end of each segment, means of other states over it; leading axis [segments]."""

    start: Tree
    end: Tree
    mean_before: State
    mean_after: State
    first: jax.Array
    stop: jax.Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class KnotTrajectory(Trajectory):
    """Segments; with `travelled`, each array's distance from the segment's start, before each step [steps].

    `length` is that of every segment, None where they differ by a step.
    """

    lines: Lines
    travelled: Tree | None
    steps: int = field(metadata={"static": True})
    reverse_steps: int | None = field(metadata={"static": True})
    length: int | None = field(metadata={"static": True})

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint along the lines."""
        if self.reverse_steps is not None:
            return self._coarse(reverse_step, adjoint, self.reverse_steps)
        segments = self.lines.first.shape[0]

        def segment(i: jax.Array, adjoint: State) -> State:
            return self.reverse_segment(reverse_step, segments - 1 - i, adjoint)

        last: State = lax.fori_loop(0, segments, segment, adjoint)
        return last

    def reverse_segment(self, reverse_step: ReverseStep, number: jax.Array, adjoint: State) -> State:
        """The adjoint before the first step of a segment, from the one after its last."""
        piece: Lines = read(self.lines, number)
        total = self._totals(piece)

        def body(reverse_step: ReverseStep, t: jax.Array, adjoint: State) -> State:
            return reverse_step(*self._states(piece, total, t), adjoint, t)

        return backwards(reverse_step, piece.first, piece.stop, body, adjoint, count=self.length)

    def _totals(self, piece: Lines) -> Tree | None:
        if self.travelled is None:
            return None
        totals: Tree = jax.tree.map(lambda a, b: norm(b - a), piece.start, piece.end)
        return totals

    def _states(self, piece: Lines, total: Tree | None, t: jax.Array) -> tuple[State, State]:
        """The states before and after step t of a segment."""
        before, after = self._at(piece, total, t), self._at(piece, total, t + 1)
        return {"w": before, **piece.mean_before}, {"w": after, **piece.mean_after}

    def _at(self, piece: Lines, total: Tree | None, t: jax.Array) -> Tree:
        """The parameters before step t, on the chord."""
        length = (piece.stop - piece.first).astype(jnp.result_type(float))
        elapsed = (t - piece.first) / length
        w: Tree
        if self.travelled is None:
            w = jax.tree.map(lambda a, b: a + elapsed.astype(a.dtype) * (b - a), piece.start, piece.end)
            return w

        def on_chord(a: jax.Array, b: jax.Array, whole: jax.Array, distance: jax.Array) -> jax.Array:
            there = distance[jnp.minimum(t, self.steps - 1)] / jnp.where(whole == 0, 1, whole)
            fraction = jnp.where(t == piece.stop, 1.0, there)
            return a + fraction.astype(a.dtype) * (b - a)

        w = jax.tree.map(on_chord, piece.start, piece.end, total, self.travelled)
        return w

    def _coarse(self, reverse_step: ReverseStep, adjoint: State, count: int) -> State:
        """Every reverse step stands for steps/count training steps: an explicit Euler step of that length."""
        scale = self.steps / count
        middles = jnp.asarray(((np.arange(count) + 0.5) * scale).astype(np.int32))
        # not inside the loop, where XLA cannot compile it for a GPU
        numbers = jnp.searchsorted(self.lines.first, middles, side="right") - 1

        def body(j: jax.Array, adjoint: State) -> State:
            t = middles[count - 1 - j]
            piece: Lines = read(self.lines, numbers[count - 1 - j])
            one = reverse_step(*self._states(piece, self._totals(piece), t), adjoint, t)
            stepped: State = jax.tree.map(lambda old, new: old + scale * (new - old), adjoint, one)
            return stepped

        last: State = lax.fori_loop(0, count, body, adjoint)
        return last


def guarded_reverse_pass(
    forward_step: ForwardStep, reverse_step: ReverseStep, gentle: ReverseStep, trajectory: Trajectory, adjoint: State
) -> tuple[State, jax.Array]:
    """Reverse with `retreat` while the adjoint's norm stays below GUARD times its first, then with `gentle`.

    What has exploded was growing long before it was found out: `gentle` starts from the last knot at which the norm
    was below CALM times the first.

    Returns:
        the adjoint, and the training step below which `gentle` was used; -1 where it was not.
    """
    if not isinstance(trajectory, KnotTrajectory) or trajectory.reverse_steps is not None:
        return trajectory.backward(forward_step, reverse_step, adjoint), jnp.int32(-1)
    segments = trajectory.lines.first.shape[0]
    first = norm(adjoint["w"])
    Carry = tuple[jax.Array, jax.Array, State, jax.Array, State]

    def go_on(carry: Carry) -> jax.Array:
        number, good, *_ = carry
        return good & (number >= 0)

    def exact(carry: Carry) -> Carry:
        number, _, adjoint, calm_number, calm = carry
        adjoint = trajectory.reverse_segment(reverse_step, number, adjoint)
        size = norm(adjoint["w"])
        is_calm = size <= CALM * first
        calm = jax.tree.map(lambda new, old: jnp.where(is_calm, new, old), adjoint, calm)
        return number - 1, size <= GUARD * first, adjoint, jnp.where(is_calm, number - 1, calm_number), calm

    top = jnp.int32(segments - 1)
    _, good, done, number, calm = lax.while_loop(go_on, exact, (top, jnp.bool_(True), adjoint, top, adjoint))
    fallback_step = jnp.where(good, -1, trajectory.lines.stop[jnp.maximum(number, 0)])
    adjoint = jax.tree.map(lambda a, b: jnp.where(good, a, b), done, calm)

    def rest(i: jax.Array, adjoint: State) -> State:
        return trajectory.reverse_segment(gentle, number - i, adjoint)

    last: State = lax.fori_loop(0, jnp.where(good, 0, number + 1), rest, adjoint)
    return last, fallback_step
