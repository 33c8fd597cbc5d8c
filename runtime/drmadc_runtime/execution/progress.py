"""Progress inside a training run: while it is watched, compiled loops over steps call back every so many steps.

A compiled function that calls back is not kept in JAX's compilation cache, so only long training runs are watched.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from drmadc_runtime.core.trees import norm
from drmadc_runtime.core.types import Params, PyTree

Loss = Callable[[Params, jax.Array], jax.Array]
Report = Callable[[str, int, float], None]
PERIOD = 0.5


@dataclass(frozen=True)
class Watcher:
    """Calls `report(way, step, value)` every so many steps, from a thread of the device.

    `way` is "forward", with the training loss of that step's minibatch, or "reverse", with the length of the adjoint of
    the parameters behind that step; or what else is under way, in words.
    """

    every: int
    report: Report


def interval(pace: float) -> int:
    """Training steps between two calls, for `pace` seconds a step: a call costs one or two milliseconds."""
    return max(1, round(PERIOD / pace))


_watched: ContextVar[tuple[Watcher, Loss] | None] = ContextVar("watched", default=None)


@contextmanager
def watched(watch: Watcher | None, loss: Loss) -> Iterator[None]:
    """While this lasts, loops that are traced call back; `loss` takes parameters and a step."""
    token = _watched.set(None if watch is None else (watch, loss))
    try:
        yield
    finally:
        _watched.reset(token)


def every() -> int | None:
    """Steps between two calls; None where nobody watches."""
    found = _watched.get()
    return None if found is None else found[0].every


def report(way: str, t: jax.Array, carry: PyTree, when: jax.Array | bool = True) -> None:
    """Call back, if watched and `when` holds; `carry` is the state (on the way back the adjoint), or begins with it.

    A state in fixed point has no loss here: its value is NaN.
    """
    found = _watched.get()
    if found is None:
        return
    watch, loss = found
    while not isinstance(carry, Mapping):
        carry = carry[0]
    w = carry["w"]

    def call() -> None:
        value: jax.Array | float = norm(w) if way == "reverse" else loss(w, t) if _real(w) else math.nan
        jax.debug.callback(lambda t, value: watch.report(way, int(t), float(value)), t, value)

    lax.cond(when, call, lambda: None)


def _real(tree: PyTree) -> bool:
    return all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(tree))
