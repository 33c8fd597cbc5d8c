"""The data sets of images that a spec can name: image shape, classes, examples of each part."""

from collections.abc import Mapping
from dataclasses import dataclass

from drmadc_common.parts import SourcePart


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set with fields `image: byte[shape]` and `label: class[classes]`.

    `bundled` ones ship with drmadc, the others are fetched. `names` are those of the classes in order, where these are
    not digits.
    """

    shape: tuple[int, ...]
    classes: int
    counts: Mapping[SourcePart, int]
    about: str
    bundled: bool = False
    names: tuple[str, ...] = ()


CLOTHING = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""

DATASETS: Mapping[str, Dataset] = {
    "digits": Dataset((8, 8), 10, {"train": 1797}, "1,797 8×8 digits (Alpaydin and Kaynak 1998)", bundled=True),
    "mnist": Dataset(
        (28, 28), 10, {"train": 60000, "test": 10000}, "70,000 28×28 digits (LeCun et al. 1998)", bundled=True
    ),
    "fashion_mnist": Dataset(
        (28, 28), 10, {"train": 60000, "test": 10000}, "28×28 greyscale clothing (Xiao et al. 2017)", names=CLOTHING
    ),
    "cifar10": Dataset(
        (32, 32, 3),
        10,
        {"train": 50000, "test": 10000},
        "32×32 colour images, 10 classes (Krizhevsky 2009)",
        names=tuple(CIFAR10.split()),
    ),
    "cifar100": Dataset(
        (32, 32, 3),
        100,
        {"train": 50000, "test": 10000},
        "32×32 colour images, 100 classes (Krizhevsky 2009)",
        names=tuple(CIFAR100.split()),
    ),
    "svhn": Dataset(
        (32, 32, 3),
        10,
        {"train": 73257, "test": 26032},
        "32×32 colour house numbers (Netzer et al. 2011)",
    ),
}
