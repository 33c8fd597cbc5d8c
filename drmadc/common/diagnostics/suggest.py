"""`did you mean`: the nearest of a few names."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is near."""
    table = {c.lower(): c for c in sorted(set(candidates))}
    found = get_close_matches(name.lower(), table, n=1, cutoff=0.6)
    return table[found[0]] if found else None


def did_you_mean(name: str, candidates: Iterable[str], kind: str) -> str:
    """A help text: the nearest name, or the list of what there is."""
    names = sorted(set(candidates))
    if near := nearest(name, names):
        return f"did you mean `{near}`?"
    if not names:
        return f"there is no {kind} to choose from here"
    return f"{kind}s known here: {', '.join(names)}"
