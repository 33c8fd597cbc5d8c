"""Amounts in words: bytes, counts and durations as messages write them, and bytes as specs write them."""

UNITS = {"TB": 1_000_000_000_000, "GB": 1_000_000_000, "MB": 1_000_000, "KB": 1_000}


def bytes_text(count: float) -> str:
    """Bytes to three figures, in powers of ten: 2 GB, 21.4 MB, 12 bytes."""
    for unit, size in UNITS.items():
        if count >= 0.9995 * size:  # what rounds to 1 of it: never 1e+03 of the unit below
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"


def exact_bytes_text(count: int) -> str:
    """Bytes with all their figures, which `bytes_of` reads back: 1.2345 GB, 0.5 KB."""
    unit = next((unit for unit, size in UNITS.items() if count >= size), "KB")
    return f"{count / UNITS[unit]:.15g} {unit}"


def bytes_of(number: str, unit: str) -> int:
    """The bytes of an amount as a spec writes it, `2.5 GB`; at most 2^63 - 1.

    Raises:
        KeyError: the unit is not KB, MB or GB.
    """
    return min(round(min(float(number), 1e15) * UNITS[unit]), 2**63 - 1)


def count_text(count: int, thing: str) -> str:
    """A number of things: 1 step, 1,234 steps."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """A duration in the unit that suits it: 0.25 s, 12 min, 3.4 h."""
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
