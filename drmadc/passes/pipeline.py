"""The passes, in order; the IR is verified after each."""

from collections.abc import Callable

from drmadc.ir.program import Program
from drmadc.ir.verify import verify
from drmadc.passes.adjoint import adjoint
from drmadc.passes.choose import choose
from drmadc.passes.feeding import feed
from drmadc.passes.fold import fold

PASSES: tuple[tuple[str, Callable[[Program], Program]], ...] = (
    ("fold", fold),
    ("adjoint", adjoint),
    ("choose", choose),
    ("feed", feed),
)


def run_passes(program: Program, after: str | None = None) -> Program:
    """Run the passes, up to and including `after` where it is given."""
    verify(program)
    for name, transform in PASSES:
        program = transform(program)
        verify(program)
        if name == after:
            break
    return program
