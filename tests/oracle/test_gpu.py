"""GPUs: the same hypergradient as on the CPU; and, where there is none, that every program compiles for one."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
from drmadc_runtime.adjoints.store import Store
from tests.conftest import CASES, compiled
from tests.gpu_target import compiled_for_gpu
from tests.oracle.unrolled import exact_policy, perturbed

PROGRAMS = sorted(path.stem for path in (CASES / "ok").glob("*.drm") if path.stem != "streamed")  # it calls the host


def gpus() -> list[jax.Device]:
    try:
        return jax.devices("gpu")
    except RuntimeError:
        return []


def compiled_hypergradient(program: drmadc.Program) -> Any:
    """A program's hypergradient, compiled for a GPU."""
    executor = program.executor
    policy = executor.program.policy

    def whole(*args: Any) -> Any:
        result = executor.program.hypergradient(*args, policy=policy)
        return result if isinstance(policy, Store) else result._replace(trajectory=None)

    with executor.precision():
        return compiled_for_gpu(whole, executor.cast(program.hypers), jnp.int32(0), *executor.data(0))


@pytest.mark.gpu
@pytest.mark.skipif(not gpus(), reason="no GPU is visible to JAX here")
@pytest.mark.parametrize("case", ["l2_by_input", "schedules", "adam_all"])
def test_gpu_equals_cpu(case: str) -> None:
    program = compiled(case)
    hypers = perturbed(program)
    results = {}
    for device in (jax.devices("cpu")[0], gpus()[0]):
        with jax.default_device(device):
            executor = type(program.executor)(program.emitted)
            results[device.platform] = executor.evaluate(hypers, 1, exact_policy(program))
    cpu, gpu = results.pop("cpu"), results.popitem()[1]
    assert gpu.value == pytest.approx(cpu.value, rel=1e-9)
    for name, expected in cpu.gradient.items():
        np.testing.assert_allclose(gpu.gradient[name], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())


def assert_on_the_device(program: drmadc.Program) -> None:
    """XLA compiles the hypergradient; it gives a number for every hyperparameter, and calls the host for nothing."""
    found = compiled_hypergradient(program)
    entries = sum(np.size(values) for values in program.hypers.values())
    assert found.memory_analysis().output_size_in_bytes >= 4 * entries
    assert "callback" not in found.as_text()


@pytest.mark.gpu
@pytest.mark.long
@pytest.mark.parametrize("case", PROGRAMS)
def test_compiles_for_a_gpu(case: str) -> None:
    assert_on_the_device(compiled(case))


@pytest.mark.gpu
@pytest.mark.long
@pytest.mark.parametrize(
    "strategy", ["exact(tree)", "drmad(knots: 5, steps: T / 2)", "drmad(knots: 5, progress: on)", "implicit(cg: 3)"]
)
def test_strategies_that_no_program_above_has_compile_for_a_gpu(strategy: str) -> None:
    assert_on_the_device(compiled("l2_by_input", "train.steps=8", f"tune.reverse={strategy}"))


@pytest.mark.gpu
@pytest.mark.long
def test_memory_of_drmad_on_a_gpu_does_not_grow_with_the_number_of_steps() -> None:
    few, many = (
        compiled_hypergradient(compiled("l2_by_input", f"train.steps={steps}", "tune.reverse=drmad(knots: 5)"))
        for steps in (40, 4000)
    )
    assert few.memory_analysis().temp_size_in_bytes == many.memory_analysis().temp_size_in_bytes


@pytest.mark.gpu
@pytest.mark.long
@pytest.mark.parametrize(
    ("strategy", "steps"),
    [("exact(store)", 8), ("exact(checkpoint)", 8), ("drmad(knots: 5)", 8), ("flow(knots: 5)", 40)],
)
def test_loops_on_a_gpu_do_not_ask_the_host(strategy: str, steps: int) -> None:
    """A loop whose number of turns XLA does not know fetches its condition from the GPU in every turn."""
    program = compiled("l2_by_input", f"train.steps={steps}", f"tune.reverse={strategy}")
    loops = [line for line in compiled_hypergradient(program).as_text().splitlines() if " while(" in line]
    assert loops
    assert [line for line in loops if "known_trip_count" not in line] == []
