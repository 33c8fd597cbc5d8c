"""The same hypergradient on a GPU as on the CPU."""

import jax
import numpy as np
import pytest

from tests.conftest import compiled
from tests.oracle.unrolled import exact_path, perturbed


def gpus() -> list[jax.Device]:
    try:
        return jax.devices("gpu")
    except RuntimeError:
        return []


@pytest.mark.gpu
@pytest.mark.skipif(not gpus(), reason="no GPU is visible to JAX here")
@pytest.mark.parametrize("case", ["l2_by_input", "schedules", "adam_all"])
def test_gpu_equals_cpu(case: str) -> None:
    program = compiled(case)
    hypers = perturbed(program)
    results = {}
    for device in (jax.devices("cpu")[0], gpus()[0]):
        with jax.default_device(device):
            session = type(program.session)(program.session.module)
            results[device.platform] = session.evaluate(hypers, 1, exact_path(program))
    cpu, gpu = results.pop("cpu"), results.popitem()[1]
    assert gpu.value == pytest.approx(cpu.value, rel=1e-9)
    for name, expected in cpu.gradient.items():
        np.testing.assert_allclose(gpu.gradient[name], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
