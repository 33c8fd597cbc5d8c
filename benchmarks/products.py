"""What do the products with the 784 inputs cost, of which a training step has two and a reverse step three?

    taskset -c 0 python benchmarks/products.py

Microseconds of each product alone, inside one compiled loop, the best of five: x @ W and x^T @ dz of a plain step;
x @ W and x @ V, apart and as one product x @ [W | V], of a reverse step. Minibatch 50, 784 inputs, 50 units.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

REPEATS = 2000


def main() -> None:
    key = jax.random.key(0)
    x, w = jax.random.normal(key, (50, 784)), jax.random.normal(key, (784, 50))
    d_z = jax.random.normal(key, (50, 50))
    rows: list[tuple[str, Callable[..., Any], tuple[jax.Array, ...]]] = [
        ("x @ W", lambda x, w: x @ w, (x, w)),
        ("x^T @ dz", lambda x, d: x.T @ d, (x, d_z)),
        ("x @ W, x @ V", lambda x, w, v: (x @ w, x @ v), (x, w, 2 * w)),
        ("x @ [W | V]", lambda x, w, v: x @ jnp.concatenate([w, v], 1), (x, w, 2 * w)),
    ]
    for name, function, arguments in rows:
        print(f"{name:<14} {1e6 * seconds(function, arguments):6.1f} us")


def seconds(function: Callable[..., Any], arguments: tuple[jax.Array, ...]) -> float:
    """One call inside a loop whose every turn depends on the one before."""

    @jax.jit
    def loop(*arguments: jax.Array) -> jax.Array:
        def body(_: jax.Array, carry: jax.Array) -> jax.Array:
            out = function(arguments[0] + 0 * carry, *arguments[1:])
            return 1e-9 * sum(jnp.sum(leaf[:1, :1]) for leaf in jax.tree.leaves(out))

        return lax.fori_loop(0, REPEATS, body, jnp.float32(0))

    with jax.default_matmul_precision("highest"):
        loop(*arguments).block_until_ready()
        times = []
        for _ in range(5):
            start = time.perf_counter()
            loop(*arguments).block_until_ready()
            times.append(time.perf_counter() - start)
    return min(times) / REPEATS


if __name__ == "__main__":
    main()
