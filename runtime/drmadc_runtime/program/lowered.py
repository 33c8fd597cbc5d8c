"""The hypergradient as JAX and XLA see it."""

import jax
import jax.numpy as jnp

from drmadc_runtime.program.executor import Executor


def jaxpr(executor: Executor) -> str:
    """The hypergradient as a jaxpr."""
    with executor.precision():
        arguments = (executor.initial_hypers(), jnp.int32(0), *executor.data(0))
        return f"{jax.make_jaxpr(executor.program.hypergradient)(*arguments)}\n"


def hlo(executor: Executor) -> str:
    """The hypergradient as the StableHLO that XLA compiles."""
    with executor.precision():
        arguments = (executor.initial_hypers(), jnp.int32(0), *executor.data(0))
        return jax.jit(executor.program.hypergradient).lower(*arguments).as_text()
