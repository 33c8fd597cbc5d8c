"""What it takes to compile a function: seconds, which are remembered on this machine, and the bytes it then needs."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import jax

from drmadc_common.atomic import write_whole
from drmadc_runtime.core.compilation_cache import caching, compilation_cache
from drmadc_runtime.core.device import current

FILE = "drmadc_seconds.json"
MOST = 1000  # programs that are remembered
KEPT = 0.5  # seconds from which on JAX keeps a compiled function
LOADING = 0.02  # of its seconds take to load it, until that is measured, too


@dataclass(frozen=True, slots=True)
class Size:
    """A function before it is compiled: a name that is the same in every process, and how long its text is."""

    key: str
    lines: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """What compiling a function took.

    Attributes:
        size: of its text.
        seconds: of the compiler; little where JAX's cache had it.
        memory: bytes that it needs while it runs beyond data and hyperparameters: temporaries, results, and the buffer
            that it is given for the trajectory; None where the device does not tell.
    """

    size: Size
    seconds: float
    memory: int | None


def size_of(lowered: jax.stages.Lowered) -> Size:
    """The size of a function that has been traced and lowered."""
    text = lowered.as_text()
    setting = f"{jax.__version__} {current().device_kind} {os.environ.get('XLA_FLAGS', '')}"
    return Size(sha256(f"{setting}\n{text}".encode()).hexdigest()[:16], text.count("\n"))


def compile_lowered(lowered: jax.stages.Lowered, buffer: int = 0) -> tuple[jax.stages.Compiled, Compiled]:
    """Compile; `buffer` is the bytes of what is donated to it. A call of the same function then finds it compiled."""
    size = size_of(lowered)
    start = time.perf_counter()
    compiled = lowered.compile()
    seconds = time.perf_counter() - start
    remember(size, seconds)
    return compiled, Compiled(size, seconds, _memory(compiled, buffer))


def _memory(compiled: jax.stages.Compiled, buffer: int) -> int | None:
    """XLA's account of what it allocates, as the compiler predicts it: without the data and the hyperparameters."""
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    results = analysis.output_size_in_bytes - analysis.alias_size_in_bytes  # what is not written over the buffer
    return int(analysis.temp_size_in_bytes + results + buffer)


def remember(size: Size, seconds: float) -> None:
    """Keep the seconds of a program: the first time as those of compiling it, then as those of loading it."""
    known = _known()
    first = known.pop(size.key, [])[:1]
    loaded = bool(first) and seconds < first[0]
    known[size.key] = [first[0], seconds] if loaded else [seconds]
    kept = dict(list(known.items())[-MOST:])
    with suppress(OSError):
        write_whole(_file(), json.dumps(kept) + "\n")


def seconds_of(size: Size, beside: Compiled) -> float:
    """Predicted seconds of compiling a program, from those of another on this machine: in proportion to their lines.

    A program that was compiled here before is loaded from JAX's cache.
    """
    known = _known()
    if size.key in known:
        compiling, *loading = known[size.key]
        if compiling < KEPT or not caching():
            return compiling
        return loading[0] if loading else LOADING * compiling
    compiled = known.get(beside.size.key, [beside.seconds])[0]
    return max(beside.seconds, compiled) * size.lines / max(1, beside.size.lines)


def _file() -> Path:
    return compilation_cache() / FILE


def _known() -> dict[str, list[float]]:
    """Seconds by program; empty where nothing is remembered, or what is cannot be read."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {str(key): [float(x) for x in value] for key, value in found.items() if value}
