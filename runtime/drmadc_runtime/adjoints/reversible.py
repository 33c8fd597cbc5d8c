"""Training that can be run backwards bit for bit: Maclaurin, Duvenaud and Adams 2015, algorithm 3.

Parameters and states are 64-bit fixed-point numbers. A state is multiplied by n / 65536, its decay rounded: what the
division loses is pushed, digit by digit, onto an information buffer of machine words, one for each number, and what
the multiplication needs is popped from it. So the run solves the problem with decays rounded to n / 65536, and its
adjoint is that of the rounded problem, in which the derivative of the rounding is taken as 1. The buffer
grows by -log2(decay) bits a step; full words are kept in an array that is allocated beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.adjoints.base import SavePolicy, Trajectory
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.core.types import ForwardStep, PyTree, ReverseStep, State
from drmadc_runtime.execution.loops import counted, counted_back

RADIX = 48
DIGIT = 65536
Kick = Callable[[Tree, jax.Array], tuple[State, State]]
Drift = Callable[[State, jax.Array], Tree]


def to_fixed(x: jax.Array) -> jax.Array:
    """A real number as a multiple of 2^-48; below 2^15 in size."""
    return jnp.round(x * 2.0**RADIX).astype(jnp.int64)


def to_real(x: jax.Array) -> jax.Array:
    """The real number of a fixed-point one."""
    return x.astype(jnp.float64) * 2.0**-RADIX


@jax.custom_jvp
def round_decay(decay: jax.Array) -> jax.Array:
    """n / 65536, the decay rounded up as in the authors' code; the derivative is taken as 1."""
    return jnp.clip(jnp.floor(DIGIT * decay + 1), 1, DIGIT) / DIGIT


@round_decay.defjvp
def _(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    return round_decay(*primals), tangents[0]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Buffer:
    """What multiplications lose: a word for each number, and full 16-bit digits of it in rows [capacity].

    All numbers push a digit at the same steps, `pushed` [steps], so that the way back needs no pointers. `bits` is an
    upper bound of what the words hold.
    """

    words: State
    rows: State
    pushed: jax.Array
    count: jax.Array
    bits: jax.Array


@dataclass(frozen=True)
class Reversible(SavePolicy):
    """Room for `capacity` digits; `before` and `after` as elsewhere."""

    capacity: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    exact: ClassVar[bool] = True
    stepwise: ClassVar[bool] = False
    failed: ClassVar[tuple[str, str]] = (
        "training is finite, but the reversed run did not reproduce its initial state: the decays fell below half of "
        "the initial ones and overflowed the buffer, or the adjoint is not finite",
        "start from the decays that were reached, or use `reverse = exact(checkpoint)`",
    )


def reversible_forward_pass(
    kick: Kick, drift: Drift, start: State, steps: int, policy: Reversible
) -> tuple[State, "ReversibleTrajectory"]:
    """Run s' = n/65536 s + kick, w' = w + drift in fixed point; the last state, and the path back.

    Args:
        kick: parameters and t -> decay, a multiple of 1 / 65536, and kick of each state.
        drift: new states and t -> what is added to the parameters.
    """
    fixed = jax.tree.map(to_fixed, start)
    names = tuple(name for name in start if name != "w")
    states = {name: fixed[name] for name in names}
    zeros = jax.tree.map(jnp.zeros_like, states)
    rows = jax.tree.map(lambda x: jnp.zeros((policy.capacity, *x.shape), jnp.uint16), states)
    buffer = Buffer(zeros, rows, jnp.zeros(steps, bool), jnp.int32(0), jnp.float64(0))

    def body(t: jax.Array, carry: tuple[State, Buffer]) -> tuple[State, Buffer]:
        fixed, buffer = carry
        decays, kicks = kick(jax.tree.map(to_real, fixed["w"]), t)
        numerators = _numerators(decays, fixed)
        buffer = _make_room(buffer, t, numerators)
        moved, words = {}, {}
        for name in names:
            pairs = jax.tree.map(_multiply, fixed[name], buffer.words[name], numerators[name])
            moved[name], words[name] = _unzip(fixed[name], pairs)
            moved[name] = jax.tree.map(lambda v, k: v + to_fixed(k), moved[name], kicks[name])
        added = drift({name: jax.tree.map(to_real, moved[name]) for name in names}, t)
        w = jax.tree.map(lambda w, d: w + to_fixed(d), fixed["w"], added)
        return {"w": w, **moved}, Buffer(words, buffer.rows, buffer.pushed, buffer.count, buffer.bits)

    last, buffer = counted(steps, body, (fixed, buffer))
    trajectory = ReversibleTrajectory(fixed, last, buffer, kick, drift, steps, policy)
    return jax.tree.map(to_real, last), trajectory


@dataclass(frozen=True)
class ReversibleTrajectory(Trajectory):
    """The last state in fixed point, and the information buffer; lives inside one trace."""

    start: State
    last: State
    information: Buffer
    kick: Kick
    drift: Drift
    steps: int
    policy: Reversible

    def backward(self, forward_step: ForwardStep, reverse_step: ReverseStep, adjoint: State) -> State:
        """The adjoint before the first step; NaN where the first state was not recovered bit for bit."""
        names = tuple(name for name in self.last if name != "w")

        def body(t: jax.Array, carry: tuple[State, State, Buffer]) -> tuple[State, State, Buffer]:
            adjoint, fixed, buffer = carry
            after = jax.tree.map(to_real, fixed)
            added = self.drift({name: after[name] for name in names}, t)
            w = jax.tree.map(lambda w, d: w - to_fixed(d), fixed["w"], added)
            decays, kicks = self.kick(jax.tree.map(to_real, w), t)
            numerators = _numerators(decays, fixed)
            earlier, words = {}, {}
            for name in names:
                still = jax.tree.map(lambda v, k: v - to_fixed(k), fixed[name], kicks[name])
                pairs = jax.tree.map(_divide, still, buffer.words[name], numerators[name])
                earlier[name], words[name] = _unzip(still, pairs)
            buffer = _take_back(Buffer(words, buffer.rows, buffer.pushed, buffer.count, buffer.bits), t)
            fixed = {"w": w, **earlier}
            return reverse_step(jax.tree.map(to_real, fixed), after, adjoint, t), fixed, buffer

        adjoint, first, _ = counted_back(self.steps, body, (adjoint, self.last, self.information))
        same = jax.tree.map(lambda a, b: jnp.all(a == b), first, self.start)
        good = jnp.all(jnp.stack(jax.tree.leaves(same))) & (self.information.count <= self.policy.capacity)
        checked: State = jax.tree.map(lambda x: jnp.where(good, x, jnp.nan), adjoint)
        return checked


def _numerators(decays: State, like: State) -> State:
    """n of a decay n / 65536, for every number."""

    def one(decay: jax.Array | float, x: jax.Array) -> jax.Array:
        n = jnp.clip(jnp.round(DIGIT * jnp.asarray(decay, jnp.float64)), 1, DIGIT).astype(jnp.int64)
        return jnp.broadcast_to(n, x.shape)

    out = {}
    for name, decay in decays.items():
        entries = isinstance(decay, type(like[name]))
        out[name] = (
            jax.tree.map(one, decay, like[name])
            if entries
            else jax.tree.map(lambda x, decay=decay: one(decay, x), like[name])
        )
    return out


def _multiply(x: jax.Array, word: jax.Array, n: jax.Array) -> tuple[jax.Array, jax.Array]:
    """x n / 65536, with what is lost in the word: a bijection of (x, word)."""
    word = (word << 16) + (x & (DIGIT - 1))
    return (x >> 16) * n + word % n, word // n


def _divide(x: jax.Array, word: jax.Array, n: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The inverse of _multiply."""
    word = word * n + x % n
    return ((x // n) << 16) + (word & (DIGIT - 1)), word >> 16


def _unzip(like: PyTree, pairs: PyTree) -> tuple[PyTree, PyTree]:
    """A tree of pairs as a pair of trees."""
    two: tuple[PyTree, PyTree] = jax.tree.transpose(jax.tree.structure(like), jax.tree.structure((0, 0)), pairs)
    return two


def _make_room(buffer: Buffer, t: jax.Array, numerators: State) -> Buffer:
    """Push a digit of every word where the next multiplication could fill it."""
    smallest = jnp.min(jnp.stack([jnp.min(n) for n in jax.tree.leaves(numerators)])).astype(jnp.float64)
    more = jnp.log2(DIGIT / smallest) + 1e-3
    push = buffer.bits + more > 16

    def written(rows: jax.Array, word: jax.Array) -> jax.Array:
        place = jnp.minimum(buffer.count, rows.shape[0] - 1)
        old = lax.dynamic_index_in_dim(rows, place, 0, keepdims=False)
        digit = jnp.where(push, (word & (DIGIT - 1)).astype(jnp.uint16), old)
        changed: jax.Array = lax.dynamic_update_index_in_dim(rows, digit, place, 0)
        return changed

    rows = jax.tree.map(written, buffer.rows, buffer.words)
    words = jax.tree.map(lambda word: jnp.where(push, word >> 16, word), buffer.words)
    bits = jnp.where(push, 0, buffer.bits) + more
    return Buffer(words, rows, buffer.pushed.at[t].set(push), buffer.count + push, bits)


def _take_back(buffer: Buffer, t: jax.Array) -> Buffer:
    """The inverse of _make_room."""
    push = buffer.pushed[t]
    count = buffer.count - push

    def read_back(rows: jax.Array, word: jax.Array) -> jax.Array:
        digit = lax.dynamic_index_in_dim(rows, jnp.minimum(count, rows.shape[0] - 1), 0, keepdims=False)
        return jnp.where(push, (word << 16) + digit.astype(jnp.int64), word)

    words = jax.tree.map(read_back, buffer.rows, buffer.words)
    return Buffer(words, buffer.rows, buffer.pushed, count, buffer.bits)
