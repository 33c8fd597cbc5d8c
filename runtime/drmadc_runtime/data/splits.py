"""Which examples go to which split: a function of (seed, draw), at random, by class, or by folds."""

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.random import permutation_host
from drmadc_runtime.data.sources.request import DataError

Order = npt.NDArray[np.int64]


def stratified(order: Order, labels: npt.NDArray[np.generic]) -> Order:
    """The order in which every stretch has the classes' shares, up to one example of each class.

    The k-th of the n examples of a class gets the place (k + 1/2) / n; `order` decides which is the k-th, and ties.
    """
    own = labels[order]
    places = np.empty(len(order))
    for label in np.unique(own):
        mine = own == label
        count = int(mine.sum())
        places[mine] = (np.arange(count) + 0.5) / count
    return order[np.argsort(places, kind="stable")]


def balanced(order: Order, labels: npt.NDArray[np.generic], classes: int, sizes: tuple[int, ...]) -> Order:
    """The order that takes one example of each class in turn, as far as splits of these sizes need.

    Raises:
        DataError: a class has too few, or a size is no multiple of the number of classes.
    """
    own = labels[order]
    uneven = next((size for size in sizes if size % classes), None)
    if uneven is not None:
        raise DataError(
            f"`balance` needs splits whose sizes are multiples of {classes}, the number of classes, not {uneven}"
        )
    each = sum(sizes) // classes
    chosen = []
    for label in range(classes):
        rows = order[own == label]
        if len(rows) < each:
            raise DataError(
                f"class {label} has {len(rows)} examples, but `balance` needs {each} of each class; use smaller splits"
            )
        chosen.append(rows[:each])
    return np.stack(chosen, axis=1).ravel()


def fold(order: Order, size: int, folds: int, number: int) -> Order:
    """The first folds * size rows, those of one fold last: the training rows, then the fold's own."""
    used = order[: folds * size]
    start = number % folds * size
    return np.concatenate([used[:start], used[start + size :], used[start : start + size], order[folds * size :]])


def random_order(seed: int, draw: int, size: int, number: int) -> Order:
    """A permutation of [0, size) as a function of (seed, draw, number of the part)."""
    return permutation_host(seed, draw, size, number)
