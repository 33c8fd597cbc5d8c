"""Twins in NumPy of what a model's forward pass calls: exported models hold the source of those that they need.

Each has the name, arguments and values of its original in drmadc_runtime or jax.nn, and imports nothing but NumPy and
the standard library.
"""

# mypy: disable-error-code="no-any-return"

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

MISSING = float(np.finfo(np.float32).min)
NO_CLASS = -1


class Tree(dict[str, np.ndarray], np.lib.mixins.NDArrayOperatorsMixin):
    """Arrays by parameter, with arithmetic entry by entry."""

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object) -> dict[str, np.ndarray]:
        """A function of numbers, applied to every entry."""
        names = next(list(x) for x in inputs if isinstance(x, Tree))
        return Tree({n: ufunc(*(x[n] if isinstance(x, Tree) else x for x in inputs)) for n in names})


class At(NamedTuple):
    """Where a parameter's entries stand on an axis, and the shape that broadcasts against the parameter."""

    start: int
    shape: tuple[int, ...] = ()


class Layout(NamedTuple):
    """An axis of a hyperparameter over a group of parameters."""

    length: int
    entries: Mapping[str, At]


def broadcast(values: np.ndarray, layout: Layout) -> Tree:
    """Entries of an axis as one array for each parameter."""
    entries = layout.entries.items()
    return Tree({n: values[at.start : at.start + math.prod(at.shape)].reshape(at.shape) for n, at in entries})


def part(values: np.ndarray, start: int, end: int) -> np.ndarray:
    """Entries start .. end-1 of an axis."""
    return values[start:end]


def tree_map(function: Callable[[np.ndarray], np.ndarray], tree: Tree) -> Tree:
    """A function applied to every entry."""
    return Tree({name: function(x) for name, x in tree.items()})


def tree_sum(tree: Mapping[str, np.ndarray]) -> np.ndarray:
    """The sum of all elements of all entries."""
    return np.asarray(sum(np.sum(x) for x in tree.values()))


def reduce(function: Callable[[np.ndarray], np.ndarray], tree: Mapping[str, np.ndarray]) -> np.ndarray:
    """A reduction over all elements of all entries."""
    return function(np.concatenate([np.ravel(x) for x in tree.values()]))


def select(tree: Mapping[str, np.ndarray], names: Iterable[str]) -> Tree:
    """The entries of the given names."""
    return Tree({name: tree[name] for name in names})


def join(*trees: Mapping[str, np.ndarray]) -> Tree:
    """One tree with the entries of all; later ones replace earlier ones."""
    return Tree({name: tree[name] for tree in trees for name in tree})


def tree_broadcast(tree: Tree, shapes: Mapping[str, tuple[int, ...]]) -> Tree:
    """Every entry repeated to the shape of its parameter."""
    return Tree({name: np.broadcast_to(tree[name], shape) for name, shape in shapes.items()})


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)"""
    return np.maximum(x, 0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))"""
    return 0.5 * (1 + np.tanh(x / 2))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x))"""
    return np.logaddexp(x, 0)


def silu(x: np.ndarray) -> np.ndarray:
    """x / (1 + exp(-x))"""
    return x * 0.5 * (1 + np.tanh(x / 2))


def gelu(x: np.ndarray) -> np.ndarray:
    """x times the normal CDF of x"""
    return x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2


def unit_step(x: np.ndarray) -> np.ndarray:
    """1 where x > 0, else 0"""
    return (x > 0).astype(x.dtype)


def sqrt(x: np.ndarray) -> np.ndarray:
    """The square root"""
    return np.sqrt(x)


def inverse(x: np.ndarray) -> np.ndarray:
    """1 / x, and 0 at 0"""
    return np.divide(1, x, out=np.zeros_like(x), where=x != 0)


def round_decay(decay: np.ndarray) -> np.ndarray:
    """n / 65536, the decay rounded up"""
    return np.clip(np.floor(65536 * decay + 1), 1, 65536) / 65536


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """exp(x) over its sum along an axis"""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def expm(matrix: np.ndarray) -> np.ndarray:
    """The exponential of a square matrix: Taylor's series of the matrix over a power of two, squared again."""
    halvings = max(0, math.frexp(float(np.abs(matrix).sum(axis=0).max(initial=0)))[1] + 1)
    small = matrix / 2.0**halvings
    term = total = np.eye(len(matrix))
    for k in range(1, 20):
        term = term @ small / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total


def flatten(x: np.ndarray) -> np.ndarray:
    """[n, ...] -> [n, product of the rest]"""
    return x.reshape(len(x), -1)


def noise(x: np.ndarray, deviation: np.ndarray, key: None, index: int) -> np.ndarray:
    """x: noise is for training."""
    return x


def gaussian_dropout(x: np.ndarray, rate: np.ndarray, key: None, index: int) -> np.ndarray:
    """x: noise is for training."""
    return x


def or_one(x: np.ndarray) -> np.ndarray:
    """x, and 1 where it is 0"""
    return np.where(x == 0, 1, x)


def standardise(x: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(x - mean) / std"""
    return (x - mean) / or_one(std)


def rescale(x: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """(x - min) / (max - min)"""
    return (x - least) / or_one(most - least)


def whiten(x: np.ndarray, mean: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(x - mean) @ (C + epsilon I)^(-1/2)"""
    return (x - mean) @ matrix


def global_contrast(x: np.ndarray) -> np.ndarray:
    """Each example minus its mean, over its standard deviation"""
    axes = tuple(range(1, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    return centred / or_one(np.sqrt((centred**2).mean(axis=axes, keepdims=True)))


def concat(*values: np.ndarray) -> np.ndarray:
    """Vectors and numbers of each example as one vector"""
    return np.concatenate([x if x.ndim > 1 else x[:, None] for x in values], axis=1)


def one_hot(x: np.ndarray, classes: int, dtype: str) -> np.ndarray:
    """Labels as vectors of zeros and a one"""
    return (x[..., None] == np.arange(classes)).astype(dtype)


def missing(x: np.ndarray) -> np.ndarray:
    """Where x is missing"""
    return x == (MISSING if np.issubdtype(x.dtype, np.floating) else NO_CLASS)


def fill_missing(x: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    """x, with a value where it is missing"""
    return np.where(missing(x), np.asarray(value, x.dtype), x)


def is_missing(x: np.ndarray, dtype: str) -> np.ndarray:
    """1 where x is missing, else 0"""
    return missing(x).astype(dtype)
