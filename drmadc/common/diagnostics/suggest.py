"""`did you mean`: the nearest of a few names."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is near."""
    table = {c.lower(): c for c in sorted(set(candidates))}
    found = get_close_matches(name.lower(), table, n=1, cutoff=0.6)
    return table[found[0]] if found else None


def _plural(kind: str) -> str:
    if kind.endswith("x"):
        return f"{kind}es"
    return kind if kind in ("data", "recorded series") else f"{kind}s"


def did_you_mean(name: str, candidates: Iterable[str], kind: str) -> str:
    """A help text: the nearest name, or the list of the names that are known."""
    names = sorted(set(candidates))
    if near := nearest(name, names):
        return f"did you mean `{near}`?"
    if not names:
        return f"no {kind} is declared"
    return f"known {_plural(kind)}: {', '.join(names)}"
