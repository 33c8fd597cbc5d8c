"""Emitted modules as tracebacks show them."""

import drmadc
from tests.conftest import CASES, names


def test_tracebacks_show_the_emitted_line_with_the_line_of_the_spec() -> None:
    import linecache

    program = drmadc.compile_file(CASES / "ok" / "l2_by_input.drm")  # its own: others of the name replace the lines
    line = next(n for n, text in enumerate(program.python.splitlines(), 1) if "grad = jax.grad(loss)" in text)
    assert names(program).step.__code__.co_filename == "<emitted l2_by_input.py>"
    assert linecache.getline("<emitted l2_by_input.py>", line).strip().endswith("# l2_by_input.drm:19")
