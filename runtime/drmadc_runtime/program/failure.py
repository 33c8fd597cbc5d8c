"""Finds where a run ceased to be finite: outer step, training step, and the spec's line."""

import inspect
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_runtime.adjoints.base import Partial, Watch
from drmadc_runtime.core.types import Hypers, PyTree, Splits, State, Values
from drmadc_runtime.program.debug_nans import first_bad_operation
from drmadc_runtime.program.executor import Evaluation, Executor
from drmadc_runtime.program.feature_checks import unfinite_feature
from drmadc_runtime.program.training_runs import train


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


def locate(executor: Executor, hypers: Values, outer: int, result: Evaluation) -> NotFinite:
    """What went wrong in an evaluation whose result is not finite; trains again, watching."""
    program, origins = executor.program, executor.program.origins
    hypers = executor.cast(hypers)
    values = _ranges(hypers)
    with executor.precision():
        data = executor.data(outer)
        healthy, before = train(executor, hypers, outer, Watch())[1]
        feature = unfinite_feature(program, outer, data)
    if feature:
        return NotFinite(
            outer,
            None,
            " ".join((inspect.getdoc(program.features) or "").split()),
            feature,
            "a column that is constant in train has a standard deviation of 0: `standardise(x)` makes it 0, and so "
            "does `(x - mean(x)) / (std(x) + 1e-6)`",
        )
    if int(healthy) < program.steps:
        where = f"before step {int(healthy)} the parameters had norm {_length(before['w']):.4g}"
        with executor.precision():
            loss = float(program.training_loss(before["w"], hypers, jnp.int32(outer), *data, jnp.int32(healthy)))
        return NotFinite(
            outer,
            int(healthy),
            f"{_line(origins.step, program.step)}\n        {_line(origins.loss, program.loss)}",
            "training diverged: a parameter or a state of the update rule is not finite",
            "use a smaller rate, or a loss that stays finite",
            f"{where}, the loss was {loss:.4g}; {values}",
            _operation(executor, lambda: _advance(executor, hypers, outer, before, int(healthy))),
        )
    if not np.isfinite(result.value):
        return NotFinite(
            outer,
            None,
            _line(origins.objective, program.objective),
            "the objective is not finite",
            "use a loss that stays finite, or bound the hyperparameters with `project`",
            f"trained parameters have norm {_length(before['w']):.4g}; {values}",
            _operation(executor, lambda: executor.evaluate(hypers, outer)),
        )
    what, advice = program.policy.failed
    return NotFinite(
        outer,
        _failing_reverse_step(executor, hypers, outer, data),
        f"{origins.reverse}: {program.strategy}",
        what,
        advice,
        f"objective {result.value:.4g}; {values}",
        _operation(executor, lambda: executor.evaluate(hypers, outer)),
    )


def _line(origin: str, function: Callable[..., PyTree]) -> str:
    """A line of the spec, and what it says: the first paragraph of the docstring of what was emitted for it."""
    said = (inspect.getdoc(function) or "").partition("\n\n")[0]
    said = re.sub(r"^(One step of|[A-Z][a-z ]+:) ", "", " ".join(said.split())).removesuffix(".")
    return f"{origin}: {said}"


def _length(params: PyTree) -> float:
    """The length of parameters; in float64, since the squares of what is about to overflow do."""
    return float(np.sqrt(sum(np.sum(np.square(np.asarray(leaf, np.float64))) for leaf in jax.tree.leaves(params))))


def _ranges(hypers: Values) -> str:
    """Each hyperparameter's value, or its least and greatest."""
    out = []
    for name, given in hypers.items():
        x = np.asarray(given)
        out.append(f"{name} {x:.4g}" if x.ndim == 0 else f"{name} from {x.min():.4g} to {x.max():.4g}")
    return ", ".join(out)


def _operation(executor: Executor, work: Callable[[], PyTree]) -> str | None:
    """The first operation that is not finite, where the executor is asked to look for it."""
    if not executor.debug_nans:
        return None
    return first_bad_operation(work) or "no operation found: without compilation everything stays finite"


def _advance(executor: Executor, hypers: Values, outer: int, state: State, t: int) -> State:
    with executor.precision():
        _, forward_step = executor.program.training(executor.cast(hypers), jnp.int32(outer), *executor.data(outer))
        return forward_step(state, jnp.int32(t))


def _failing_reverse_step(executor: Executor, hypers: Hypers, outer: int, data: tuple[Splits, ...]) -> int | None:
    """The training step whose adjoint is the first, from the end, that is not finite; None where none is taken."""
    program = executor.program
    if not program.policy.stepwise:
        return None

    @jax.jit
    def healthy_down_to(stop: jax.Array, *data: Splits) -> jax.Array:
        policy = Partial(program.policy, stop)
        gradient = program.hypergradient(hypers, jnp.int32(outer), *data, policy=policy)
        leaves = jax.tree.leaves((gradient.gradient, gradient.growth))
        return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]))

    with executor.precision():
        bad, good = 0, program.steps
        while good - bad > 1:
            middle = (bad + good) // 2
            if healthy_down_to(jnp.int32(middle), *data):
                good = middle
            else:
                bad = middle
    return bad
