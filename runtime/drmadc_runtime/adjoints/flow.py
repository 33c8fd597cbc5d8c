"""The adjoint of training as that of a gradient flow, solved segment by segment in Krylov spaces.

Over a segment of n steps the Hessian H is taken at the path's middle, on one large minibatch. Then the adjoint of
n steps of v' = m v - k grad, w' = w + D v' (D the learning rates) is a function of A = D^1/2 H D^1/2: of each
eigenvalue, the n-th power of a 4 x 4 matrix. That is exact for the segment's quadratic model, momentum's lag included;
for m = 0 and small rates it tends to the exponential of -n D H. Lanczos applies it with a few products. The velocity's
adjoint enters a segment at its slow value, the one that it has for slowly varying d_w, less the lag 1 - m^k of the k
steps that it had to build up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from drmadc_runtime.adjoints.base import read
from drmadc_runtime.adjoints.knots import Knots, KnotTrajectory, Lines, segment_bounds
from drmadc_runtime.adjoints.krylov import Product, lanczos
from drmadc_runtime.adjoints.stats import Stat
from drmadc_runtime.core.axes import sum_to
from drmadc_runtime.core.trees import Tree, tree_map
from drmadc_runtime.core.types import Hypers, Params, PyTree, State
from drmadc_runtime.execution.progress import report

FLOOR = -0.5
Rate: TypeAlias = Tree | jax.Array | float
FlowRule: TypeAlias = Callable[[Hypers, jax.Array], tuple[Rate, jax.Array, jax.Array]]


@dataclass(frozen=True)
class FlowKnots(Knots):
    """Snapshots as those of `Knots`; the reverse pass goes from segment to segment."""

    stepwise: ClassVar[bool] = False
    stats: ClassVar[tuple[Stat, ...]] = ()


def flow_reverse_pass(
    products: Callable[[Params, jax.Array], Product],
    rule: FlowRule,
    trajectory: KnotTrajectory,
    adjoint: State,
    hypers: dict[str, jax.Array],
    segments: int,
    count: int,
) -> State:
    """The adjoint before the first step.

    Args:
        products: at parameters w and segment i, the function direction -> (H direction, mixed terms by name).
        rule: hypers and step -> (learning rate, momentum, kick); the rate a number or one for each parameter entry.
        path: snapshots.
        adjoint: that after the last step; its velocity is 0.
        hypers: hyperparameters in their own domains.
        segments: number of segments, `count` products each.
    """
    steps = trajectory.steps
    bounds = [jnp.asarray(b) for b in segment_bounds(steps, segments + 1)]
    centres = (bounds[0] + bounds[1]) / 2
    # not inside the loop, where XLA cannot compile it for a GPU
    chunks = jnp.searchsorted(trajectory.lines.first, centres, side="right") - 1
    longest = -(-steps // segments) + 1
    flat, unravel = ravel_pytree(adjoint["w"])

    def segment(j: jax.Array, carry: tuple[jax.Array, dict[str, jax.Array]]) -> tuple[jax.Array, dict[str, jax.Array]]:
        d_w, d_hypers = carry
        i = segments - 1 - j
        first, stop = bounds[0][i], bounds[1][i]
        report("reverse", stop, {"w": d_w})
        middle = (first + stop) // 2
        length = stop - first
        w, moved = _point(read(trajectory.lines, chunks[i]), centres[i])
        rate, momentum, kick = rule(hypers, middle)
        rates = ravel_pytree(_full(rate, adjoint["w"]))[0]
        root = jnp.sqrt(rates)
        product = products(w, i)

        def apply(x: jax.Array) -> jax.Array:
            return root * ravel_pytree(product(unravel(root * x))[0])[0]

        basis, values, coefficients = lanczos(apply, root * d_w, count)
        values = jnp.maximum(values, FLOOR / (length * kick / (1 - momentum)))
        last, impulse, tree_sum = _segment_functions(values, momentum, kick, length, steps - stop, longest)

        def combined(f: jax.Array) -> jax.Array:
            return basis.T @ (f * coefficients)

        _, mixed = product(unravel(root * combined(impulse)))
        d_hypers = {n: d_hypers[n] - mixed[n] if n in mixed else d_hypers[n] for n in d_hypers}
        safe = jnp.where(root == 0, 1, root)
        change = combined(last - 1) / safe
        share = unravel(combined(tree_sum) / safe / length * ravel_pytree(moved)[0] / jnp.where(rates == 0, 1, rates))
        d_hypers = _add_rates(rule, hypers, d_hypers, share, rate, first, length, longest)
        return d_w + change, d_hypers

    d_w, d_hypers = lax.fori_loop(0, segments, segment, (flat, adjoint["hypers"]))
    return {**adjoint, "w": unravel(d_w), "hypers": d_hypers}


def _full(rate: Rate, like: Tree) -> Tree:
    """A rate laid out over every entry."""
    if isinstance(rate, Tree):
        return Tree({n: jnp.broadcast_to(rate[n], like[n].shape) for n in like})
    return tree_map(lambda x: jnp.broadcast_to(rate, x.shape), like)


def _point(piece: Lines, t: jax.Array) -> tuple[Tree, Tree]:
    """Parameters at time t on a chord, and how far they move in a step there."""
    length = piece.stop - piece.first
    fraction = (t - piece.first) / length
    w = jax.tree.map(lambda a, b: a + fraction.astype(a.dtype) * (b - a), piece.start, piece.end)
    return w, jax.tree.map(lambda a, b: (b - a) / length.astype(a.dtype), piece.start, piece.end)


def _segment_functions(
    values: jax.Array, momentum: jax.Array, kick: jax.Array, length: jax.Array, elapsed: jax.Array, longest: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Functions of each eigenvalue [k] of A: d_w's factor, and the sums over the segment of kick * d_v and of d_w.

    One adjoint step for eigenvalue h, in units where the rate is 1: d_v += d_w; the sums; d_w -= kick h d_v; d_v *= m.
    No segment has more than `longest` steps.
    """
    zero, one = jnp.zeros_like(values), jnp.ones_like(values)
    step = jnp.stack(
        [
            jnp.stack([one - kick * values, -kick * values, zero, zero], -1),
            jnp.stack([momentum * one, momentum * one, zero, zero], -1),
            jnp.stack([kick * one, kick * one, one, zero], -1),
            jnp.stack([one, zero, zero, one], -1),
        ],
        -2,
    )

    def body(_: jax.Array, carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        power, square, n = carry
        power = jnp.where(n % 2 == 1, jnp.einsum("kij,kjl->kil", square, power), power)
        return power, jnp.einsum("kij,kjl->kil", square, square), n // 2

    unit = jnp.broadcast_to(jnp.eye(4, dtype=values.dtype), step.shape)
    power, _, _ = lax.fori_loop(0, longest.bit_length(), body, (unit, step, length))
    # d_v on the slow eigenvector (d_w, d_v) of the step: d_v = slow * d_w
    trace = one - kick * values + momentum
    square = trace**2 / 4 - momentum  # below 0 the mode oscillates; then the real part
    real = trace / 2 + jnp.sqrt(jnp.maximum(square, 0)) - momentum
    slow = momentum * real / jnp.maximum(real**2 + jnp.maximum(-square, 0), 1e-12)
    start = slow * (1 - momentum ** elapsed.astype(values.dtype))
    out = power[:, :, 0] + power[:, :, 1] * start[:, None]
    return out[:, 0], out[:, 2], out[:, 3]


def _add_rates(
    rule: FlowRule,
    hypers: dict[str, jax.Array],
    d_hypers: dict[str, jax.Array],
    share: Tree,
    rate: Rate,
    first: jax.Array,
    length: jax.Array,
    longest: int,
) -> dict[str, jax.Array]:
    """The learning rates' part: `share` [like w] is the adjoint of each step's rate, the same in the whole segment."""

    def one(j: jax.Array) -> dict[str, jax.Array]:
        t = first + jnp.minimum(j, length - 1)
        value, pull = jax.vjp(lambda h: rule(h, t)[0], hypers)
        inside = (j < length).astype(jnp.result_type(float))
        if isinstance(value, Tree):
            cotangent: PyTree = Tree({n: sum_to(share[n], value[n].shape) * inside for n in value})
        else:
            cotangent = sum(jnp.sum(leaf) for leaf in jax.tree.leaves(share)) * inside
        (d,) = pull(jax.tree.map(lambda c, v: c.astype(v.dtype), cotangent, value))
        return dict(d)

    if not isinstance(rate, jax.core.Tracer | Tree):
        return d_hypers
    added = jax.vmap(one)(jnp.arange(longest))
    return {name: d_hypers[name] + jnp.sum(added[name], axis=0) for name in d_hypers}
