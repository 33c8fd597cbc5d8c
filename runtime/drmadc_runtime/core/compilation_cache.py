"""JAX's persistent compilation cache, turned on unless the user has chosen one."""

from collections.abc import Callable
from pathlib import Path

import jax

from drmadc_common.cache_home import cache_home


def compilation_cache() -> Path:
    """Where compiled functions are kept: JAX's own setting, or a folder in the user's cache."""
    chosen = _chosen()
    if chosen is not None:
        return Path(chosen)
    return cache_home() / "jax"


def use_compilation_cache() -> None:
    """Turn the cache on, unless the user has chosen one or its folder cannot be made."""
    if _chosen() is not None:
        return
    folder = compilation_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    update: Callable[[str, str | float], None] = jax.config.update
    update("jax_compilation_cache_dir", str(folder))
    update("jax_persistent_cache_min_compile_time_secs", 0.5)


def caching() -> bool:
    """Whether compiled functions are kept."""
    found: bool = getattr(jax.config, "jax_enable_compilation_cache")  # noqa: B009 - the attribute is not typed
    return found


def _chosen() -> str | None:
    """The folder that JAX is set to."""
    folder: str | None = getattr(jax.config, "jax_compilation_cache_dir")  # noqa: B009 - the attribute is not typed
    return folder
