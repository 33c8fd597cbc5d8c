"""`did you mean`: a name by what it means elsewhere, or by its letters."""

from collections.abc import Iterable
from difflib import get_close_matches

from drmadc.common.diagnostics.meanings import MEANT, PHRASES

MOST = 12  # names that are listed whole
FEW = 5


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is near."""
    table = {c.lower(): c for c in sorted(set(candidates))}
    found = get_close_matches(name.lower(), table, n=1, cutoff=0.6)
    return table[found[0]] if found else None


def _plural(kind: str) -> str:
    if kind.endswith("x"):
        return f"{kind}es"
    return kind if kind in ("data", "recorded series") else f"{kind}s"


def by_meaning(name: str, candidates: Iterable[str], place: str) -> str:
    """What a name of another library is here: one of the candidates, or what to do instead; "" where it is unknown."""
    word = name.lower()
    meant = MEANT.get(place, {}).get(word, word)
    names = sorted(set(candidates))
    for found in (meant, *(other for other in names if other.endswith(f".{meant}"))):
        if found in names and found != name:
            return f"did you mean `{found}`?"
    return PHRASES.get(place, {}).get(word, "")


def did_you_mean(name: str, candidates: Iterable[str], kind: str, place: str = "") -> str:
    """A help text: the name that is meant or nearest, else those that are known, of many the nearest.

    `place` is where meanings are looked up, a block or a kind of thing; the kind itself where it is left out.
    """
    names = sorted(set(candidates))
    if meant := by_meaning(name, names, place or kind):
        return meant
    if near := nearest(name, names):
        return f"did you mean `{near}`?"
    if not names:
        return f"no {kind} is declared"
    if len(names) <= MOST:
        return f"known {_plural(kind)}: {', '.join(names)}"
    few = get_close_matches(name.lower(), names, n=FEW, cutoff=0.0)
    every = f"`drmadc explain {_plural(kind)}` lists all" if kind == "function" else f"{len(names) - len(few)} more"
    return f"the nearest {_plural(kind)} are {', '.join(few)}; {every}"
