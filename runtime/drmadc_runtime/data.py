"""Splits of a source as a function of (seed, outer), and the gather of rows on the host and on the device."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
import numpy.typing as npt

from drmadc_runtime.draws import draw_rows_host, permutation_host
from drmadc_runtime.sources import load

Rows = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Data:
    """Which source, and how many examples of its parts go to which split.

    Splits of one part never overlap. `resample` draws them anew for each outer step. `path` is the file of a source
    that is one, `fields` what is read of it, `classes` the number of classes of each label in it.
    """

    source: str
    seed: int
    from_train: Mapping[str, int] = field(default_factory=dict)
    from_test: Mapping[str, int] = field(default_factory=dict)
    resample: bool = False
    path: str = ""
    fields: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)

    def splits(self, outer: int) -> dict[str, dict[str, Rows]]:
        """Raw arrays of every split for an outer step, on the host: split -> field -> [n, ...]."""
        raw = load(self.source, self.path, self.fields, self.classes)
        draw = outer if self.resample else 0
        out: dict[str, dict[str, Rows]] = {}
        for number, (part, sizes) in enumerate((("train", self.from_train), ("test", self.from_test))):
            if not sizes:
                continue
            fields = raw[part]
            total = len(next(iter(fields.values())))
            order = permutation_host(self.seed, draw, total, number)
            start = 0
            for name, size in sizes.items():
                rows = order[start : start + size]
                out[name] = {key: gather_host(values, rows) for key, values in fields.items()}
                start += size
        return out


def count(split: Mapping[str, jax.Array]) -> int:
    """Number of examples of a split."""
    return int(next(iter(split.values())).shape[0])


def take(split: Mapping[str, jax.Array], rows: jax.Array) -> dict[str, jax.Array]:
    """The given rows of every field, gathered on the device."""
    return {key: jnp.take(values, rows, axis=0, mode="clip") for key, values in split.items()}


@numba.njit(cache=True, parallel=True, nogil=True)
def _gather(values: Any, rows: Any, out: Any) -> None:
    for i in numba.prange(rows.size):
        out[i] = values[rows[i]]


def gather_host(values: Rows, rows: npt.NDArray[np.integer[Any]]) -> Rows:
    """values[rows] along the first axis, by a Numba kernel over all cores.

    Raises:
        IndexError: when a row is out of range.
    """
    if rows.size and (rows.min() < 0 or rows.max() >= len(values)):
        raise IndexError(f"rows from {rows.min()} to {rows.max()} of an array of {len(values)}")
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    out = np.empty((rows.size, flat.shape[1]), values.dtype)
    _gather(flat, rows, out)
    return out.reshape(rows.size, *values.shape[1:])


def minibatch_host(split: Mapping[str, Rows], seed: int, outer: int, t: int, count: int) -> dict[str, Rows]:
    """The raw minibatch of step t for a split that stays on the host; the same rows as on the device, bit for bit."""
    size = len(next(iter(split.values())))
    rows = draw_rows_host(seed, outer, t, count, size)
    return {key: gather_host(values, rows) for key, values in split.items()}
