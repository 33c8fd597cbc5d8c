"""Finds the operation that first gives a NaN or an infinity: runs the emitted code uncompiled, and stops there."""

import linecache
import re
import traceback
from collections.abc import Callable

import jax

from drmadc_runtime.core.types import PyTree

SPEC_LINE = re.compile(r"# (\S+\.drm:\d+)")


def first_bad_operation(work: Callable[[], PyTree]) -> str | None:
    """The operation, the emitted line that asked for it, and the spec's line that this came from; None for none.

    NaNs are looked for first: an infinity may be meant. Nothing is compiled while `work` runs, so it takes long.
    """
    for flag in (jax.debug_nans, jax.debug_infs):
        try:
            with jax.disable_jit(), flag(True):
                work()
        except FloatingPointError as error:
            return _place(error)
    return None


def _place(error: FloatingPointError) -> str:
    found = re.search(r"\((nan|inf)\) encountered in ([\w-]+)", str(error))
    what = f"{'NaN' if found[1] == 'nan' else 'infinity'} in the operation `{found[2]}`" if found else str(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _emitted(frame.filename)]
    if not frames:
        return what
    frame = frames[-1]
    number = frame.lineno or 1
    text = linecache.getline(frame.filename, number)
    origin = _spec_line(frame.filename, number)
    code = text.partition("  # ")[0].strip()
    return f"{what} of `{code}` (line {number} of the emitted module{f', from {origin}' if origin else ''})"


def _emitted(filename: str) -> bool:
    return filename.startswith("<emitted ")


def _spec_line(filename: str, number: int) -> str | None:
    """The spec's line that a comment names, on the emitted line or the nearest one above it in the same function."""
    for line in range(number, 0, -1):
        text = linecache.getline(filename, line)
        found = SPEC_LINE.search(text)
        if found:
            return found[1]
        if text.startswith("def ") and line != number:
            return None
    return None
