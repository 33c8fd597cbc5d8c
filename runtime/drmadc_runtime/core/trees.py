"""Trees: one array for each parameter, with elementwise arithmetic, so that update rules read as equations."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar, Union

import jax
import jax.numpy as jnp

from drmadc_runtime.core.types import PyTree

Array = jax.Array
T = TypeVar("T")
Operand = Union["Tree", Array, float, int]


@jax.tree_util.register_pytree_node_class
class Tree(Mapping[str, Array]):
    """Arrays by parameter name. `a + 2 * b` works entry by entry; numbers and scalars broadcast.

    Entries of two trees are matched by name and broadcast like arrays; a tree never meets an array that is not
    a scalar.
    """

    __slots__ = ("_entries",)
    __array_ufunc__ = None

    def __init__(self, entries: Mapping[str, PyTree]) -> None:
        self._entries: dict[str, Array] = {name: entries[name] for name in sorted(entries)}

    def __getitem__(self, name: str) -> Array:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Tree({self._entries!r})"

    def tree_flatten(self) -> tuple[tuple[Array, ...], tuple[str, ...]]:
        """Children and names, for JAX."""
        return tuple(self._entries.values()), tuple(self._entries)

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], children: Iterable[Array]) -> "Tree":
        """The inverse of tree_flatten."""
        tree = object.__new__(cls)
        tree._entries = dict(zip(names, children, strict=True))
        return tree

    def _combine(self, other: Operand, function: Callable[[PyTree, PyTree], PyTree]) -> "Tree":
        if isinstance(other, Tree):
            if self._entries.keys() != other._entries.keys():
                raise ValueError(f"trees have different parameters: {sorted(self)} and {sorted(other)}")
            return Tree({k: function(a, other._entries[k]) for k, a in self._entries.items()})
        return Tree({k: function(a, other) for k, a in self._entries.items()})

    def __add__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: a + b)

    def __radd__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: b + a)

    def __sub__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: a - b)

    def __rsub__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: b - a)

    def __mul__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: a * b)

    def __rmul__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: b * a)

    def __truediv__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: b / a)

    def __pow__(self, other: Operand) -> "Tree":
        if isinstance(other, int) and other == 2:  # the derivative of a * a has no constant to be laid out in memory
            return Tree({k: a * a for k, a in self._entries.items()})
        return self._combine(other, lambda a, b: a**b)

    def __rpow__(self, other: Operand) -> "Tree":
        return self._combine(other, lambda a, b: b**a)

    def __neg__(self) -> "Tree":
        return Tree({k: -a for k, a in self._entries.items()})


def tree_map(function: Callable[[Array], Array], tree: Tree) -> Tree:
    """A function applied to every entry."""
    return Tree({name: function(tree[name]) for name in tree})


def tree_sum(tree: Tree | Array) -> Array:
    """The sum of all elements of all entries; a scalar."""
    parts = [jnp.sum(leaf) for leaf in jax.tree.leaves(tree)]
    return sum(parts[1:], start=parts[0])


def reduce(function: Callable[[Array], Array], tree: Tree) -> Array:
    """A reduction such as `jnp.mean` over all elements of all entries."""
    return function(jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(tree)]))


def select(tree: Tree, names: Iterable[str]) -> Tree:
    """The entries of the given names."""
    return Tree({name: tree[name] for name in names})


def join(*trees: Tree) -> Tree:
    """One tree with the entries of all."""
    return Tree({name: tree[name] for tree in trees for name in tree})


def tree_full(shapes: Mapping[str, tuple[int, ...]], value: float | Array) -> Tree:
    """Arrays of the given shapes, all elements equal to a number (in the default floating type)."""
    dtype = jnp.result_type(float)
    return Tree({name: jnp.full(shape, value, dtype) for name, shape in shapes.items()})


def replaced(tree: Mapping[str, Array], entries: Mapping[str, Array]) -> PyTree:
    """The same mapping (a tree stays a tree) with some entries replaced."""
    changed = {**dict(tree.items()), **entries}
    return Tree(changed) if isinstance(tree, Tree) else changed


def tree_broadcast(tree: Tree, shapes: Mapping[str, tuple[int, ...]]) -> Tree:
    """Every entry repeated to the shape of its parameter."""
    return Tree({name: jnp.broadcast_to(tree[name], shape) for name, shape in shapes.items()})


def zeros_like(tree: T) -> T:
    """The same structure, all elements 0."""
    zeros: T = jax.tree.map(jnp.zeros_like, tree)
    return zeros


def norm(tree: PyTree) -> Array:
    """Euclidean norm of all elements."""
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))
