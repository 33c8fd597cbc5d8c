"""Domains of hyperparameters: for each the bijector from all real numbers onto it, with its adjoint.

The outer loop moves unconstrained numbers; the emitted functions read constrained ones. The bijectors act element by
element, as those of Stan (Stan Reference Manual, "Constraint Transforms") and TensorFlow Probability.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp


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
