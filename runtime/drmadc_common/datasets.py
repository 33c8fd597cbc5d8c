"""The data sets of images that a spec can name: image shape, classes, examples of each part."""

from collections.abc import Mapping
from dataclasses import dataclass

from drmadc_common.parts import SourcePart


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set with fields `image: byte[shape]` and `label: class[classes]`.

    `bundled` ones ship with drmadc, the others are fetched.
    """

    shape: tuple[int, ...]
    classes: int
    counts: Mapping[SourcePart, int]
    about: str
    bundled: bool = False


DATASETS: Mapping[str, Dataset] = {
    "digits": Dataset((8, 8), 10, {"train": 1797}, "1,797 8×8 digits (Alpaydin and Kaynak 1998)", bundled=True),
    "mnist": Dataset(
        (28, 28), 10, {"train": 60000, "test": 10000}, "70,000 28×28 digits (LeCun et al. 1998)", bundled=True
    ),
    "fashion_mnist": Dataset(
        (28, 28), 10, {"train": 60000, "test": 10000}, "28×28 greyscale clothing (Xiao et al. 2017)"
    ),
    "cifar10": Dataset(
        (32, 32, 3),
        10,
        {"train": 50000, "test": 10000},
        "32×32 colour images, 10 classes (Krizhevsky 2009)",
    ),
    "cifar100": Dataset(
        (32, 32, 3),
        100,
        {"train": 50000, "test": 10000},
        "32×32 colour images, 100 classes (Krizhevsky 2009)",
    ),
    "svhn": Dataset(
        (32, 32, 3),
        10,
        {"train": 73257, "test": 26032},
        "32×32 colour house numbers (Netzer et al. 2011)",
    ),
}
