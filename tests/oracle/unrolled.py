"""The oracle: JAX's own gradient through a Python loop over the emitted forward step."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import drmadc
import drmadc_runtime as rt
from drmadc.compiler.passes.dependence import function_hypers
from tests.conftest import names


def unrolled_gradient(program: drmadc.Program, hypers: Mapping[str, Any], outer: int) -> tuple[Any, Any]:
    """Value and gradient of the outer objective in the hyperparameters' own domains."""
    module = names(program)
    direct_names = function_hypers(program.ir, program.ir.objective)

    def objective(hypers: Mapping[str, Any], *data: Any) -> jax.Array:
        state, _ = module.training(hypers, outer, *data)
        for t in range(module.STEPS):
            batch = [module.minibatch(*data, outer, t)] if hasattr(module, "minibatch") else []
            state = module.step(state, hypers, *batch, jnp.int32(t))
        direct = [hypers[name] for name in direct_names]
        value: jax.Array = module.objective(state["w"], *direct, *data)
        return value

    with program.executor.precision():
        data = program.executor.data(outer)
        result: tuple[Any, Any] = jax.jit(jax.value_and_grad(objective))(program.executor.cast(hypers), *data)
    return result


def perturbed(program: drmadc.Program, seed: int = 0) -> dict[str, np.ndarray]:
    """Hyperparameters that differ from entry to entry, so that a wrong axis cannot hide."""
    draws = np.random.default_rng(seed)
    free = program.executor.unconstrain(program.hypers)
    moved = {k: np.asarray(v) + 0.3 * draws.normal(size=np.shape(v)) for k, v in free.items()}
    return {k: np.asarray(v) for k, v in program.executor.constrain(moved).items()}


def exact_policy(program: drmadc.Program) -> rt.Store:
    """The recorded path, whatever strategy the spec asks for."""
    policy = program.emitted.policy
    return rt.Store(policy.before, policy.after)


def assert_equal_gradients(actual: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float) -> None:
    """Every array agrees within `tolerance` of its largest entry, and none is 0."""
    assert set(actual) == set(expected)
    for name in expected:
        a, b = np.asarray(actual[name]), np.asarray(expected[name])
        scale = np.abs(b).max()
        assert scale > 0, f"{name} is not tested by a gradient of 0"
        assert np.abs(a - b).max() <= tolerance * scale, name
