"""Finds where a run ceased to be finite: outer step, training step, and the spec's line."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_runtime.adjoints.base import Partial, Watch
from drmadc_runtime.adjoints.fixed_point import FixedPoint
from drmadc_runtime.adjoints.naive import Naive
from drmadc_runtime.adjoints.reversible import Reversible
from drmadc_runtime.program.debug_nans import first_bad_operation
from drmadc_runtime.program.executor import Evaluation, Session, Values


class NotFinite(RuntimeError):
    """A run stopped at a NaN or an infinity. `step` is the training step, counted from 0, where it is known.

    `healthy` are the last values that were finite, `operation` the first one that was not, where it was looked for.
    """

    def __init__(
        self,
        outer: int,
        step: int | None,
        line: str,
        what: str,
        advice: str = "",
        healthy: str = "",
        operation: str | None = None,
    ) -> None:
        where = f"outer step {outer}" + ("" if step is None else f", training step {step}")
        rest = {"last healthy": healthy, "first": operation, "try": advice}
        lines = [
            what,
            f"  at {where}",
            f"  spec: {line}",
            *(f"  {name}: {text}" for name, text in rest.items() if text),
        ]
        super().__init__("\n".join(lines))
        self.outer = outer
        self.step = step
        self.line = line


def locate(session: Session, hypers: Values, outer: int, result: Evaluation) -> NotFinite:
    """What went wrong in an evaluation whose result is not finite; trains again, watching."""
    module = session.module
    lines = module["LINES"]
    steps = module["STEPS"]
    values = _ranges(hypers)
    with session.precision():
        data = session.data(outer)
        healthy, before = session.train(hypers, outer, Watch())[1]
    if int(healthy) < steps:
        where = f"before step {int(healthy)} the parameters had length {_length(before['w']):.4g}"
        with session.precision():
            loss = float(module["training_loss"](before["w"], hypers, jnp.int32(outer), *data, jnp.int32(healthy)))
        return NotFinite(
            outer,
            int(healthy),
            f"{lines['update']}\n        {lines['loss']}",
            "training diverged: a parameter or a state of the update rule is not finite",
            "a smaller rate, or a loss that stays finite",
            f"{where}, the loss was {loss:.4g}; {values}",
            _operation(session, lambda: _advance(session, hypers, outer, before, int(healthy))),
        )
    if not np.isfinite(result.value):
        return NotFinite(
            outer,
            None,
            lines["objective"],
            "the outer objective is not finite",
            "a loss that stays finite, or hyperparameters that stay in bounds (`project`)",
            f"trained parameters of length {_length(before['w']):.4g}; {values}",
            _operation(session, lambda: session.evaluate(hypers, outer)),
        )
    what = "training is healthy, but the adjoint is not finite on the way back"
    advice = "more knots, `curvature: auto`, or `reverse = exact()`"
    if isinstance(module["SAVE_POLICY"], Reversible):
        what = (
            "training is healthy, but reversal did not return to its first state bit for bit: decays have fallen so "
            "far that its buffer, made for half of the initial ones, is full; or the adjoint is not finite"
        )
        advice = "begin with the decays that were reached, or `reverse = exact(checkpoint)`"
    return NotFinite(
        outer,
        _failing_reverse_step(session, hypers, outer, data),
        lines["reverse"],
        what,
        advice,
        f"objective {result.value:.4g}; {values}",
        _operation(session, lambda: session.evaluate(hypers, outer)),
    )


def _length(params: Any) -> float:
    """The length of parameters; in float64, since the squares of what is about to overflow do."""
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(leaf, np.float64))) for leaf in jax.tree.leaves(params))))


def _ranges(hypers: Values) -> str:
    """Each hyperparameter's value, or its least and greatest."""
    out = []
    for name, given in hypers.items():
        x = np.asarray(given)
        out.append(f"{name} {x:.4g}" if x.ndim == 0 else f"{name} from {x.min():.4g} to {x.max():.4g}")
    return ", ".join(out)


def _operation(session: Session, work: Callable[[], Any]) -> str | None:
    """The first operation that is not finite, where the session is asked to look for it."""
    if not session.debug_nans:
        return None
    return first_bad_operation(work) or "none found: without compilation everything stays finite"


def _advance(session: Session, hypers: Values, outer: int, state: Any, t: int) -> Any:
    with session.precision():
        _, forward_step = session.module["training"](session.cast(hypers), jnp.int32(outer), *session.data(outer))
        return forward_step(state, jnp.int32(t))


def _failing_reverse_step(session: Session, hypers: Values, outer: int, data: tuple[Any, ...]) -> int | None:
    """The training step whose adjoint is the first, from the end, that is not finite; None where none is taken."""
    module = session.module
    if isinstance(module["SAVE_POLICY"], Naive | Reversible | FixedPoint) or "flow_rule" in module:
        return None

    @jax.jit
    def healthy_down_to(stop: jax.Array, *data: Any) -> jax.Array:
        policy = Partial(module["SAVE_POLICY"], stop)
        gradient = module["hypergradient"](hypers, jnp.int32(outer), *data, policy=policy)
        leaves = jax.tree.leaves((gradient.gradient, gradient.growth))
        return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]))

    with session.precision():
        bad, good = 0, int(module["STEPS"])
        while good - bad > 1:
            middle = (bad + good) // 2
            if healthy_down_to(jnp.int32(middle), *data):
                good = middle
            else:
                bad = middle
    return bad
