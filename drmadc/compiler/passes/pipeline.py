"""The passes, in order; the IR is verified after each."""

from collections.abc import Callable

from drmadc.compiler.passes.adjoint import adjoint
from drmadc.compiler.passes.data.feeding import feed
from drmadc.compiler.passes.data.guard import guard
from drmadc.compiler.passes.fold import fold
from drmadc.compiler.passes.round_decays import round_decays
from drmadc.compiler.passes.strategy.choose import choose
from drmadc.ir.program import Program
from drmadc.ir.verify import verify

PASSES: tuple[tuple[str, Callable[[Program], Program]], ...] = (
    ("guard", guard),
    ("fold", fold),
    ("adjoint", adjoint),
    ("choose", choose),
    ("round_decays", round_decays),
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
