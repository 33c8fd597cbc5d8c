"""The device that computes: which one it is, what is left of its memory, and what was used."""

import os
import sys
from typing import Any

import jax


class NoDevice(ValueError):
    """Says which devices there are."""


def use(name: str) -> None:
    """Compute on a device: `cpu`, `gpu`, or with its number, `cuda:0`.

    Raises:
        NoDevice: there is none of this name.
    """
    platform, _, number = name.partition(":")
    if platform == "cpu":
        _configure("jax_platforms", "cpu")  # or the memory of a GPU is taken all the same
    try:
        found = [device for device in jax.devices(platform) if not number or str(device.id) == number]
    except RuntimeError:
        found = []
    if not found:
        there = ", ".join(f"{device.platform}:{device.id}" for device in jax.devices())
        raise NoDevice(f"no device `{name}`; this machine has {there}")
    _configure("jax_default_device", found[0])


def current() -> jax.Device:
    """The device that computes where nothing else is asked for."""
    chosen: jax.Device | None = getattr(jax.config, "jax_default_device", None)
    return chosen or jax.devices()[0]


def _configure(name: str, value: object) -> None:
    update: Any = jax.config.update
    update(name, value)


def free_memory() -> int | None:
    """Bytes that are free on the device: as it says, or for a CPU the machine's; None where unknown."""
    statistics = current().memory_stats()
    if statistics and "bytes_limit" in statistics:
        return int(statistics["bytes_limit"]) - int(statistics.get("bytes_in_use", 0))
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def holder() -> str:
    """Whose memory `used_memory` counts."""
    return "device" if "peak_bytes_in_use" in (current().memory_stats() or {}) else "process"


def used_memory() -> int | None:
    """Most bytes that were in use: on the device as it says, for a CPU by this process; None where unknown."""
    statistics = current().memory_stats()
    if statistics and "peak_bytes_in_use" in statistics:
        return int(statistics["peak_bytes_in_use"])
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
