"""Where what can be made again is kept."""

import os
from pathlib import Path


def cache_home() -> Path:
    """The user's folder for drmadc's caches, `$XDG_CACHE_HOME/drmadc` or `~/.cache/drmadc`; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drmadc"
