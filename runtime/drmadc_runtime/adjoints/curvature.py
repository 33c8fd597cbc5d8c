"""The Gauss-Newton matrix in place of a loss's Hessian."""

from collections.abc import Callable

import jax

from drmadc_runtime.core.types import Params, PyTree


def gauss_newton(
    outputs: Callable[[Params], PyTree],
    loss: Callable[..., jax.Array],
    w: Params,
    direction: Params,
    *hypers: jax.Array,
) -> tuple[PyTree, ...]:
    """J^T H J direction, and the exact mixed terms (d grad / d hyper)^T direction.

    J is the Jacobian of `outputs(w)`, H the Hessian of `loss(outputs, w, *hypers)` in outputs and parameters: for a
    loss that is convex in both, as the language's losses with square penalties are, the product is positive
    semidefinite (Schraudolph 2002). Mixed terms are exact where `outputs` does not read the hyperparameter.
    """
    z, push = jax.linearize(outputs, w)
    tangent = push(direction)

    def slope(z: PyTree, w: Params, *hypers: jax.Array) -> jax.Array:
        along: jax.Array = jax.jvp(lambda z, w: loss(z, w, *hypers), (z, w), (tangent, direction))[1]
        return along

    numbers = tuple(range(2 + len(hypers)))
    d_z, d_w, *mixed = jax.grad(slope, argnums=numbers)(z, w, *hypers)
    (through_outputs,) = jax.linear_transpose(push, w)(d_z)
    return (through_outputs + d_w, *mixed)


def slope(function: Callable[[Params], jax.Array], w: Params, direction: Params) -> jax.Array:
    """The derivative of a function of the parameters along a direction."""
    along: jax.Array = jax.jvp(function, (w,), (direction,))[1]
    return along
