"""MNIST as it comes from people: digits of sites of unknown quality, and digits with wrong labels.

Deterministic; a spec reads it by `python("specs.corrupted:sites", ...)`, run in the folder above `specs`. Pictures are
halved to 14 by 14, so that a run takes seconds. What is drawn but not given to a spec (how good a site is, which labels
are wrong) is for `benchmarks/trust.py`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drmadc_runtime.data.sources.bundled import mnist

Fields = dict[str, npt.NDArray[np.generic]]
SITES, DIGITS, SITES_CHECKED = 50, 200, 250
MISLABELLED, CHECKED, TEST = 4000, 1000, 5000


class Sites(NamedTuple):
    """The quality of each site [sites]: its share of wrong labels, and its scanner's noise in grey levels."""

    wrong: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]


def quality(seed: int = 0) -> Sites:
    """Two sites in five make no mistakes, the others from 30 to 100 %; a scanner in three is noisy, one very noisy."""
    draws = np.random.default_rng((seed, 0))
    wrong = np.where(draws.random(SITES) < 0.4, 0.0, draws.uniform(0.3, 1.0, SITES))
    return Sites(wrong, draws.choice([0.0, 40.0, 150.0], SITES))


def sites(seed: int = 0) -> dict[str, Fields]:
    """50 sites of 200 digits each; 250 digits that an expert has checked, and 5,000 for testing."""
    draws = np.random.default_rng((seed, 1))
    train, valid = _cut(_digits(draws, "train", SITES * DIGITS + SITES_CHECKED), SITES * DIGITS)
    site = np.repeat(np.arange(SITES, dtype=np.int32), DIGITS)
    wrong, noise = (values[site] for values in quality(seed))
    image = train["image"] + noise[:, None, None] * draws.normal(size=train["image"].shape)
    train = {
        "image": np.clip(image, 0, 255).astype(np.uint8),
        "label": _mislabelled(draws, train["label"], wrong),
        "site": site,
    }
    any_site = np.arange(TEST, dtype=np.int32) % SITES  # of what is checked, no site is read
    test = _digits(draws, "test", TEST)
    return {"train": train, "valid": {**valid, "site": any_site[:SITES_CHECKED]}, "test": {**test, "site": any_site}}


def noisy_labels(seed: int = 0) -> dict[str, Fields]:
    """4,000 digits, about 40 % of them with a wrong label; 1,000 checked ones, and 5,000 for testing."""
    draws = np.random.default_rng((seed, 2))
    train, valid = _cut(_digits(draws, "train", MISLABELLED + CHECKED), MISLABELLED)
    train["true"] = train["label"]
    train["label"] = _mislabelled(draws, train["label"], np.full(MISLABELLED, 0.4))
    valid["true"] = valid["label"]
    test = _digits(draws, "test", TEST)
    return {"train": train, "valid": valid, "test": {**test, "true": test["label"]}}


def _digits(draws: np.random.Generator, part: str, count: int) -> Fields:
    """So many digits of a part of MNIST at random, each pixel the mean of four."""
    arrays = mnist()[part]
    rows = draws.permutation(len(arrays["label"]))[:count]
    image = arrays["image"][rows].reshape(count, 14, 2, 14, 2).mean(axis=(2, 4))
    return {"image": image.astype(np.uint8), "label": arrays["label"][rows]}


def _mislabelled(
    draws: np.random.Generator, label: npt.NDArray[np.generic], wrong: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """Each label with this probability replaced by one of the other nine."""
    other = (label.astype(np.int32) + draws.integers(1, 10, len(label), dtype=np.int32)) % 10
    return np.where(draws.random(len(label)) < wrong, other, label).astype(np.int32)


def _cut(fields: Fields, count: int) -> tuple[Fields, Fields]:
    """The first examples, and the rest."""
    return {k: v[:count] for k, v in fields.items()}, {k: v[count:] for k, v in fields.items()}
