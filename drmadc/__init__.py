"""drmadc: a declarative language and compiler for hyperparameter programs.

program = drmadc.compile_file("specs/mnist_l2.drm", overrides=["train.steps=100"])
g = program.hypergradient(program.hypers)
program.run(out="runs/x")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Program", "SpecError", "compile_file", "compile_text"]

if TYPE_CHECKING:
    from drmadc.api import Program, compile_file, compile_text
    from drmadc.common.diagnostics.model import SpecError


def __getattr__(name: str) -> Any:
    """Import the interface at first use, so that `import drmadc` stays quick."""
    if name in ("Program", "compile_file", "compile_text"):
        from drmadc import api

        return getattr(api, name)
    if name == "SpecError":
        from drmadc.common.diagnostics.model import SpecError

        return SpecError
    raise AttributeError(f"module 'drmadc' has no attribute '{name}'")
