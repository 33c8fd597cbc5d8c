"""Trees, axes, random numbers: what everything else stands on."""
