"""Versions: of the interface between emitted modules and this package, and of what a run used."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from drmadc_common.api import API
from drmadc_common.run_folder import Environment


def require(api: int) -> None:
    """Stop an emitted module that was made for another version of this package.

    Raises:
        ImportError: with what to do.
    """
    if api != API:
        raise ImportError(
            f"this module was emitted for drmadc_runtime API {api}, but API {API} is installed; "
            "emit it again with `drmadc emit`, or install the version of drmadc that emitted it"
        )


def working_folder() -> dict[str, int | str]:
    """The state of the working folder in git: commit, and how many files differ from it; empty where there is none."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": len(git("status", "--porcelain").splitlines())}
    except (OSError, subprocess.SubprocessError):
        return {}


def environment() -> Environment:
    """Versions, devices and threads of this process."""
    import jax

    packages = {}
    for name in ("drmadc", "jax", "jaxlib", "numpy", "numba"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return Environment(
        sys.version.split()[0],
        platform.platform(),
        jax.default_backend(),
        tuple(device.device_kind for device in jax.devices()),
        packages,
        threads=_threads() if jax.default_backend() == "cpu" else 0,
    )


def _threads() -> int:
    """Threads of a CPU over which XLA spreads an operation: sums over examples are cut by them, and rounded so."""
    given = os.environ.get("NPROC", "")
    if given.isdigit():
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
