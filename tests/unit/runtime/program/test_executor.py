"""What is compiled."""

from drmadc_runtime.program.lowered import hlo
from tests.conftest import compiled


def test_compile_time_does_not_grow_with_steps() -> None:
    """Nothing is unrolled: the compiled program has the same size for 10 and for 10,000 steps."""
    sizes = []
    for steps in (10, 10000):
        executor = compiled("l2_by_input", f"train.steps={steps}").executor
        sizes.append(len(hlo(executor).splitlines()))
    assert sizes[0] == sizes[1]
