"""Emitted text to a module: its lines are registered, so that a traceback shows them with the spec's line."""

import linecache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drmadc_runtime.program.contract import Program


def load_module(text: str, name: str) -> "Program":
    """Execute an emitted module and return its program.

    Args:
        text: the module's text.
        name: the program's name, for tracebacks.

    Raises:
        ImportError: the module was emitted for another version of the runtime.
    """
    program: Program = execute(text, name)["PROGRAM"]  # type: ignore[assignment]
    return program


def execute(text: str, name: str) -> dict[str, object]:
    """Everything that an emitted module defines, by name."""
    filename = f"<emitted {name}.py>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names: dict[str, object] = {"__name__": f"emitted_{name}", "__file__": filename}
    exec(compile(text, filename, "exec"), names)
    return names
