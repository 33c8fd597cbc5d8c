"""Splits of a source as a function of (seed, outer), and the gather of rows on the host and on the device."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numba
import numpy as np
import numpy.typing as npt

from drmadc_common.parts import HELD_OUT
from drmadc_runtime.data.sources import huggingface
from drmadc_runtime.data.sources.downloads import fetch, is_here
from drmadc_runtime.data.sources.read import Loaded, load
from drmadc_runtime.data.sources.registry import REGISTRY
from drmadc_runtime.data.sources.request import Raw, Request
from drmadc_runtime.data.splits import Order, balanced, fold, random_order, stratified

Rows = npt.NDArray[np.generic]
LARGE = 200_000_000  # bytes; a kernel is compiled at its first use on a machine, which takes seconds


@dataclass(frozen=True)
class Data:
    """Which source, and how many examples of its parts go to which split.

    Splits of one part never overlap. `resample` draws train and valid anew for each outer step, test and guard once:
    what a run is judged by takes part in no outer step. `stratify` names the label whose
    classes have the same share in every split, `balance` one whose classes are equally frequent. With `folds`, valid
    is fold (outer mod folds) of train and valid together. `guard_from` is what the guard was set aside from, where the
    spec names none. The rest is what the source is asked for (see `Request`).
    """

    source: str
    seed: int
    from_train: Mapping[str, int] = field(default_factory=dict)
    from_valid: Mapping[str, int] = field(default_factory=dict)
    from_test: Mapping[str, int] = field(default_factory=dict)
    resample: bool = False
    stratify: str = ""
    balance: tuple[str, int] | None = None
    folds: int = 0
    files: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guard_from: Literal["", "unused", "valid"] = ""

    def fetch(self, info: Callable[[str], None]) -> None:
        """Fetch the source where it has to be fetched first and is not here; `info` is told what, from where.

        Raises:
            DataError: it cannot be fetched, or must not be.
        """
        if self.source in REGISTRY and not is_here(self.source):
            fetch(self.source, info)
        if self.source == "huggingface":
            huggingface.fetch(self.options["name"], self.options.get("configuration"), info)

    @property
    def raw(self) -> Raw:
        """The source's arrays: part -> field -> [n, ...].

        Raises:
            DataError: they cannot be read, or are not what the spec says.
        """
        return self.loaded.raw

    @cached_property
    def loaded(self) -> Loaded:
        """The source's arrays, and the words of its classes.

        Raises:
            DataError: as `raw`.
        """
        return load(self.source, Request(self.files, self.columns, self.options, self.fields, self.seed, self.words))

    @property
    def text(self) -> str:
        """The source and the sizes of the splits, in words."""
        sizes = {**self.from_train, **self.from_valid, **self.from_test}
        aside = {"": "", "unused": ", set aside from unused examples", "valid": ", set aside from valid"}[
            self.guard_from
        ]
        texts = [f"{name} {size:,}{aside if name == 'guard' else ''}" for name, size in sizes.items()]
        return f"{self.source} ({', '.join(texts)})"

    def draw_of(self, outer: int) -> int:
        """What of the outer step the splits depend on."""
        return outer if self.resample else outer % self.folds if self.folds else 0

    def splits(self, outer: int, without: tuple[str, ...] = ()) -> dict[str, dict[str, Rows]]:
        """Raw arrays of the splits for an outer step, on the host: split -> field -> [n, ...]."""
        out: dict[str, dict[str, Rows]] = {}
        for name, (part, rows) in self.rows(outer).items():
            if name in without:
                continue
            out[name] = {key: gather_host(values, rows) for key, values in self.raw[part].items()}
        return out

    def chunks(self, split: str, outer: int, size: int) -> Iterator[dict[str, Rows]]:
        """A split in pieces of about `size` bytes, without ever holding all of it."""
        part, rows = self.rows(outer)[split]
        step = piece_length(self.raw[part], size)
        for start in range(0, len(rows), step):
            piece = rows[start : start + step]
            yield {key: gather_host(values, piece) for key, values in self.raw[part].items()}

    def rows(self, outer: int) -> dict[str, tuple[str, Order]]:
        """The part and the rows in it of every split."""
        out: dict[str, tuple[str, Order]] = {}
        parts = (("train", self.from_train), ("test", self.from_test), ("valid", self.from_valid))
        for number, (part, sizes) in enumerate(parts):
            if not sizes:
                continue
            everything = np.arange(len(next(iter(self.raw[part].values()))))
            if self.resample:
                held: dict[str, int] = {name: size for name, size in sizes.items() if name in HELD_OUT}
                sizes = {name: size for name, size in sizes.items() if name not in HELD_OUT}
                once = self._order(part, everything, number, 0, held)
                out |= _cut(part, once, held)
                everything = once[sum(held.values()) :] if held else everything
                if not sizes:
                    continue
            order = self._order(part, everything, number, outer if self.resample else 0, sizes)
            if self.folds and part == "train":
                order = fold(order, sizes["valid"], self.folds, outer)
                sizes = {"train": sizes["train"], "valid": sizes["valid"], **sizes}
            out |= _cut(part, order, sizes)
        return out

    def _order(self, part: str, rows: Order, number: int, draw: int, sizes: Mapping[str, int]) -> Order:
        """Some rows of a part in the order in which splits of these sizes are taken from them; then the others."""
        order = rows[random_order(self.seed, draw, len(rows), number)]
        if self.stratify:
            order = stratified(order, self.raw[part][self.stratify])
        if self.balance is not None and sizes:
            name, classes = self.balance
            labels = self.raw[part][name]
            chosen = balanced(order, labels, classes or int(labels.max()) + 1, tuple(sizes.values()))
            order = np.concatenate([chosen, order[~np.isin(order, chosen)]])
        return order


def _cut(part: str, order: Order, sizes: Mapping[str, int]) -> dict[str, tuple[str, Order]]:
    """Consecutive stretches of an order, one for each split."""
    ends = np.cumsum([0, *sizes.values()])
    return {name: (part, order[start:stop]) for name, start, stop in zip(sizes, ends, ends[1:], strict=False)}


def piece_length(fields: Mapping[str, Rows], size: int) -> int:
    """Examples of a piece of about `size` bytes."""
    return max(1, size // max(1, sum(values[:1].nbytes for values in fields.values())))


def count(split: Mapping[str, jax.Array]) -> int:
    """Number of examples of a split."""
    return int(next(iter(split.values())).shape[0])


def take(split: Mapping[str, jax.Array], rows: jax.Array) -> dict[str, jax.Array]:
    """The given rows of every field, gathered on the device."""
    return {key: jnp.take(values, rows, axis=0, mode="clip") for key, values in split.items()}


@numba.njit(cache=True, parallel=True, nogil=True)
def _gather(values: Rows, rows: Rows, out: Rows) -> None:
    for i in numba.prange(rows.size):
        out[i] = values[rows[i]]


def gather_host(values: Rows, rows: npt.NDArray[np.integer]) -> Rows:
    """values[rows] along the first axis; what is large by a Numba kernel over all cores.

    Raises:
        IndexError: when a row is out of range.
    """
    if rows.size and (rows.min() < 0 or rows.max() >= len(values)):
        raise IndexError(f"rows from {rows.min()} to {rows.max()} of an array of {len(values)}")
    if not values.flags.c_contiguous:  # a view, as of windows that overlap; a copy of all of it may not fit
        picked: Rows = values[rows]
        return picked
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    out = np.empty((rows.size, flat.shape[1]), values.dtype)
    if out.nbytes < LARGE:
        np.take(flat, rows, axis=0, out=out)
    else:
        _gather(flat, rows, out)
    return out.reshape(rows.size, *values.shape[1:])
