"""Krylov methods with products of the loss's Hessian: Lanczos, conjugate gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from drmadc_runtime.core.types import Params, State

Product = Callable[[Params], tuple[Params, dict[str, jax.Array]]]


def lanczos(
    apply: Callable[[jax.Array], jax.Array], start: jax.Array, count: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`count` steps of the Lanczos method with full reorthogonalisation, from a vector [n].

    Returns:
        the basis [count, n], the Ritz values [count], and the coefficients of `start` in the Ritz vectors: a function
        f of the operator, applied to `start`, is basis^T U (f(values) * coefficients), U being the fourth result.
    """
    size = jnp.linalg.norm(start)

    def body(j: jax.Array, carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        basis, diagonal, beside = carry
        r = apply(basis[j])
        alpha = jnp.vdot(basis[j], r)
        r = r - basis.T @ (basis @ r)
        r = r - basis.T @ (basis @ r)
        beta = jnp.linalg.norm(r)
        basis = basis.at[j + 1].set(r / jnp.where(beta == 0, 1, beta))
        return basis, diagonal.at[j].set(alpha), beside.at[j].set(beta)

    zeros = jnp.zeros(count, start.dtype)
    first = jnp.zeros((count + 1, start.size), start.dtype).at[0].set(start / jnp.where(size == 0, 1, size))
    basis, diagonal, beside = lax.fori_loop(0, count, body, (first, zeros, zeros))
    off = beside[:-1]
    values, vectors = jnp.linalg.eigh(jnp.diag(diagonal) + jnp.diag(off, 1) + jnp.diag(off, -1))
    return vectors.T @ basis[:count], values, size * vectors[0]


def conjugate_gradients(product: Product, target: Params, iterations: int) -> Params:
    """x with H x = target, by conjugate gradients; stops at a direction of negative curvature (Steihaug 1983).

    Where the first direction is one, it is taken with the size of its curvature, so that the result is never 0.
    """
    right, unravel = ravel_pytree(target)

    def apply(x: jax.Array) -> jax.Array:
        return ravel_pytree(product(unravel(x))[0])[0]

    def body(i: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        x, r, p, size, going = carry
        image = apply(p)
        curvature = jnp.vdot(p, image)
        going = going & ((curvature > 0) | (i == 0)) & (size > 0) & (curvature != 0)
        alpha = jnp.where(going, size / jnp.abs(jnp.where(going, curvature, 1)), 0)
        going = going & (curvature > 0)
        x, r = x + alpha * p, r - alpha * image
        following = jnp.vdot(r, r)
        p = jnp.where(going, r + following / jnp.where(size > 0, size, 1) * p, p)
        return x, r, p, jnp.where(going, following, size), going

    start = (jnp.zeros_like(right), right, right, jnp.vdot(right, right), jnp.bool_(True))
    solution: Params = unravel(lax.fori_loop(0, iterations, body, start)[0])
    return solution


def implicit(product: Product, adjoint: State, iterations: int) -> State:
    """The implicit function theorem at the trained parameters (Larsen et al. 1996; Pedregosa 2016).

    d_hypers -= (d grad / d hypers)^T H^-1 d_w, with the Hessian H of `product`'s loss.
    """
    solution = conjugate_gradients(product, adjoint["w"], iterations)
    _, mixed = product(solution)
    d_hypers = {name: value - mixed[name] if name in mixed else value for name, value in adjoint["hypers"].items()}
    return {**adjoint, "hypers": d_hypers}
