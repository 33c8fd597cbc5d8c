"""Finds where a run ceased to be finite: outer step, training step, and the spec's line."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_runtime.naive import Naive
from drmadc_runtime.paths import Partial, Watch
from drmadc_runtime.reversible import Reversible
from drmadc_runtime.session import Evaluation, Session, Values
from drmadc_runtime.steady import Steady


class NotFinite(RuntimeError):
    """A run stopped at a NaN or an infinity. `step` is the training step, counted from 0, where it is known."""

    def __init__(self, outer: int, step: int | None, line: str, what: str, advice: str = "") -> None:
        where = f"outer step {outer}" + ("" if step is None else f", training step {step}")
        text = f"{what}\n  at {where}\n  spec: {line}"
        super().__init__(text + (f"\n  try: {advice}" if advice else ""))
        self.outer = outer
        self.step = step
        self.line = line


def locate(session: Session, hypers: Values, outer: int, result: Evaluation) -> NotFinite:
    """What went wrong in an evaluation whose result is not finite; trains again, watching."""
    lines = session.module["LINES"]
    steps = session.module["STEPS"]
    with session.precision():
        data = session.data(outer)
        healthy = int(session.train(hypers, outer, Watch())[1])
    if healthy < steps:
        return NotFinite(
            outer,
            healthy,
            f"{lines['update']}\n        {lines['loss']}",
            "training diverged: a parameter or a state of the update rule is not finite",
            "a smaller rate, or a loss that stays finite",
        )
    if not np.isfinite(result.value):
        return NotFinite(outer, None, lines["objective"], "the outer objective is not finite")
    return NotFinite(
        outer,
        _failing_reverse_step(session, hypers, outer, data),
        lines["reverse"],
        "training is healthy, but the adjoint is not finite on the way back",
        "more knots, `curvature: auto`, or `reverse = exact()`",
    )


def _failing_reverse_step(session: Session, hypers: Values, outer: int, data: tuple[Any, ...]) -> int | None:
    """The training step whose adjoint is the first, from the end, that is not finite; None where none is taken."""
    module = session.module
    if isinstance(module["KEEP"], Naive | Reversible | Steady) or "flow_rule" in module:
        return None

    @jax.jit
    def healthy_down_to(stop: jax.Array, *data: Any) -> jax.Array:
        keep = Partial(module["KEEP"], stop)
        gradient = module["hypergradient"](hypers, jnp.int32(outer), *data, keep=keep)
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
