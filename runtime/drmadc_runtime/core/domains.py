"""Domains of hyperparameters: for each the bijector from all real numbers onto it, with its adjoint.

The outer loop moves unconstrained numbers; the emitted functions read constrained ones. The bijectors act element by
element, as those of Stan (Stan Reference Manual, "Constraint Transforms") and TensorFlow Probability.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True, slots=True)
class Domain:
    """A set of numbers and the bijector onto it.

    Attributes:
        constrain: an unconstrained array to the values in the domain; same shape.
        unconstrain: its inverse.
        adjoint: (values, d_values) to d_free, the chain rule of `constrain`, from the values that it returned.
    """

    constrain: Callable[[jax.Array], jax.Array]
    unconstrain: Callable[[jax.Array], jax.Array]
    adjoint: Callable[[jax.Array, jax.Array], jax.Array]


class OutsideDomain(RuntimeError):
    """A value that its domain has not: its logarithm or logit is not a number, and nothing could move it."""

    advice: ClassVar[str] = "bound it, for example exp(normal(0.1)) for a positive one, sigmoid(normal(0.1)) for a unit"


def require_inside(domains: Mapping[str, Domain], hypers: Mapping[str, jax.Array]) -> None:
    """Check initial values.

    Raises:
        OutsideDomain: one is outside its domain; with name, place and value.
    """
    for name, free in unconstrain(domains, hypers).items():
        outside = ~np.isfinite(np.asarray(free))
        if outside.any():
            place = tuple(int(i) for i in np.argwhere(outside)[0])
            entry = f"[{', '.join(map(str, place))}]" if place else ""
            count = f", and {int(outside.sum()) - 1} more" if outside.sum() > 1 else ""
            raise OutsideDomain(
                f"the initial value of `{name}` is outside its domain\n"
                f"  {name}{entry} is {float(np.asarray(hypers[name])[place]):.4g}{count}\n"
                f"  try: {OutsideDomain.advice}"
            )


real = Domain(lambda free: free, lambda x: x, lambda x, d_x: d_x)
positive = Domain(jnp.exp, jnp.log, lambda x, d_x: d_x * x)
unit = Domain(jax.nn.sigmoid, lambda x: jnp.log(x) - jnp.log1p(-x), lambda x, d_x: d_x * (x * (1 - x)))


def constrain(domains: Mapping[str, Domain], free: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Unconstrained values by name to values in their domains."""
    return {name: domain.constrain(free[name]) for name, domain in domains.items()}


def unconstrain(domains: Mapping[str, Domain], hypers: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Values in their domains by name to unconstrained values."""
    return {name: domain.unconstrain(hypers[name]) for name, domain in domains.items()}


def reverse_constrain(
    domains: Mapping[str, Domain], hypers: Mapping[str, jax.Array], d_hypers: Mapping[str, jax.Array]
) -> dict[str, jax.Array]:
    """The adjoint of `constrain`: a gradient in the values to one in the unconstrained values."""
    return {name: domain.adjoint(hypers[name], d_hypers[name]) for name, domain in domains.items()}
