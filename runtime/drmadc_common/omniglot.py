"""Omniglot's alphabets as they ship (Lake et al. 2015): how many characters each has, and the sets of them."""

from collections.abc import Mapping

ABOUT = "28×28 characters of eight alphabets (Lake et al. 2015)"
DRAWERS = 20  # images of each character
CHARACTERS: Mapping[str, int] = {
    "Balinese": 24,
    "Early_Aramaic": 22,
    "Greek": 24,
    "Korean": 40,
    "Latin": 26,
    "Japanese_(katakana)": 47,
    "Sanskrit": 42,
    "Tagalog": 17,
}  # in the order of the file of images
SETS: Mapping[str, tuple[str, ...]] = {
    "small1": ("Balinese", "Early_Aramaic", "Greek", "Korean", "Latin"),
    "small2": ("Greek", "Japanese_(katakana)", "Latin", "Sanskrit", "Tagalog"),
    "all": tuple(CHARACTERS),
}


def characters(alphabets: str) -> tuple[int, ...]:
    """The number of characters of each alphabet of a set."""
    return tuple(CHARACTERS[name] for name in SETS[alphabets])
