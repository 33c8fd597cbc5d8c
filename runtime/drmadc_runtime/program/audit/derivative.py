"""Is the derivative right? Against one that owes nothing to the adjoint, in float64, through few steps.

Through few steps nothing is chaotic yet, and float64 leaves ten digits: what differs then is an error, not rounding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_runtime.core.domains import constrain
from drmadc_runtime.core.types import Hypers, Splits, Values
from drmadc_runtime.program.audit.agreement import Vector
from drmadc_runtime.program.executor import Evaluation, Executor

Vectors = Mapping[str, Vector]
FORWARD_MODE, DIFFERENCES = "JAX's forward mode", "central differences"
TOLERANCE = {FORWARD_MODE: 1e-6, DIFFERENCES: 1e-3}


@dataclass(frozen=True, slots=True)
class Derivative:
    """The derivative of one hyperparameter against an independent one.

    Attributes:
        name: of the hyperparameter.
        error: of its derivative along random directions, relative to their sizes; infinite where it is not finite.
        method: `FORWARD_MODE`, or `DIFFERENCES` where JAX cannot go forwards or meets a division by zero.
    """

    name: str
    error: float
    method: str

    @property
    def right(self) -> bool:
        """Whether the error is one that rounding explains."""
        return self.error <= TOLERANCE[self.method]


def check_derivative(executor: Executor, hypers: Values, found: Evaluation, outer: int) -> tuple[Derivative, ...]:
    """Each hyperparameter's derivative as it was evaluated, along its own signs and along random ones."""
    gradient = found.unconstrained
    free = {name: np.asarray(value, np.float64) for name, value in executor.unconstrain(hypers).items()}
    with executor.precision():
        point = {name: jnp.asarray(value) for name, value in free.items()}
        forward = jax.jit(lambda tangent, *data: _forward(executor, point, tangent, outer, *data))
        rows: list[Derivative] = []
        for name, own in gradient.items():
            random = np.random.default_rng(len(rows))
            weights = random.uniform(0.5, 1.5, size=own.shape)
            signs = random.choice([-1.0, 1.0], size=own.shape)
            error, method = 0.0, FORWARD_MODE
            for direction in (weights * np.where(own < 0, -1.0, 1.0), weights * signs):
                tangent = {n: direction if n == name else np.zeros_like(value) for n, value in free.items()}
                true, used = _along(executor, forward, free, tangent, outer)
                method = used if used == DIFFERENCES else method
                slope = float(np.sum(own * direction))
                size = max(float(np.sum(np.abs(own * direction))), abs(true))
                off = abs(slope - true) / size if size else 0.0
                error = max(error, off if np.isfinite(off) else float("inf"))
            rows.append(Derivative(name, error, method))
    return tuple(rows)


def _forward(executor: Executor, free: Hypers, tangent: Hypers, outer: int, *data: Splits) -> jax.Array:
    def objective(free: Hypers) -> jax.Array:
        program = executor.program
        return program.trained_objective(constrain(program.domains, free), jnp.int32(outer), *data)

    slope: jax.Array = jax.jvp(objective, (free,), (tangent,))[1]
    return slope


def _along(
    executor: Executor, forward: Callable[..., jax.Array], free: Vectors, tangent: Vectors, outer: int
) -> tuple[float, str]:
    """The objective's slope, and how it was found."""
    try:
        slope = float(forward({name: jnp.asarray(x) for name, x in tangent.items()}, *executor.data(outer)))
    except (TypeError, ValueError, NotImplementedError):  # a derivative of its own, or a call to the host
        slope = float("nan")
    if np.isfinite(slope):
        return slope, FORWARD_MODE
    step = 1e-5
    ends = [
        executor.objective(executor.constrain({n: x + s * tangent[n] for n, x in free.items()}), outer)
        for s in (step, -step)
    ]
    return (ends[0] - ends[1]) / (2 * step), DIFFERENCES
