"""Emitted text to a module: its lines are registered, so that a traceback shows them with the spec's line."""

import linecache
from typing import Any


def load_module(text: str, name: str) -> dict[str, Any]:
    """Execute an emitted module and return its names.

    Args:
        text: the module's text.
        name: the program's name, for tracebacks.
    """
    filename = f"<emitted {name}.py>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    names: dict[str, Any] = {"__name__": f"emitted_{name}", "__file__": filename}
    exec(compile(text, filename, "exec"), names)
    return names
