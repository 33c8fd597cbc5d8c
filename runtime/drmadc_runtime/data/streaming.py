"""Minibatches streamed from the host: blocks of many steps, gathered ahead by Numba kernels while the device works.

A block is a function of (seed, outer, number), so it can be asked for in any order; the one that follows in the
direction of the last two is prepared by threads in the meantime. Its bytes equal those of a minibatch that is gathered
on the device, bit for bit; numbers are made of them on the device in either case.
"""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import jax
import numba
import numpy as np
import numpy.typing as npt
from jax import lax

from drmadc_runtime.core.random import draw_rows_host
from drmadc_runtime.core.types import Int, Split
from drmadc_runtime.data.resident import Data, Rows
from drmadc_runtime.data.sampling import cyclic_rows_host, shuffled_rows_host
from drmadc_runtime.data.transforms.geometric import Moves, augmentation_key_host, encoded, moved_row
from drmadc_runtime.execution.loops import Along, StepFunction

BLOCK, MOST, KEPT = 4_000_000, 256, 4
GATHERED = 250_000_000
SAMPLING: dict[str, Callable[[int, int, int, int, int, int], npt.NDArray[np.int32]]] = {
    "with_replacement": draw_rows_host,
    "without_replacement": shuffled_rows_host,
    "cyclic": cyclic_rows_host,
}
Block = dict[str, Rows]
Shapes = dict[str, jax.ShapeDtypeStruct]


@numba.njit(cache=True, nogil=True)
def gather_steps(values: Rows, rows: Rows, out: Rows) -> None:
    """out[s, i] = values[rows[s, i]], for rows of numbers."""
    for s in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            row = rows[s, i]
            for k in range(values.shape[1]):
                out[s, i, k] = values[row, k]


@numba.njit(cache=True, nogil=True)
def gather_steps_moved(values: Rows, rows: Rows, kinds: Rows, amounts: Rows, keys: Rows, first: int, out: Rows) -> None:
    """The same for images, each through its moves; keys[s] is that of step s, `first` the place of the first image."""
    for s in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            moved_row(values[rows[s, i]], out[s, i], kinds, amounts, keys[s], first + i)


@dataclass(frozen=True)
class Feed:
    """The raw minibatches of a training run, by blocks.

    `redraw`: they differ from one outer step to the next. `threads` gather a block together. `shard` (k, n) is the k-th
    of n equal parts of every minibatch, for one of n hosts; together they are the minibatch, and no two hosts talk.

    Raises:
        ValueError: a minibatch does not divide into n parts, or k is not one of them.
    """

    data: Data
    seed: int
    batch: int
    steps: int
    sampling: str = "with_replacement"
    redraw: bool = True
    geometric: Moves = field(default_factory=dict)
    threads: int = 0
    shard: tuple[int, int] = (0, 1)
    _state: "_State" = field(default_factory=lambda: _State(), repr=False, compare=False)

    def __post_init__(self) -> None:
        number, count = self.shard
        if not 0 <= number < count or self.batch % count:
            raise ValueError(f"part {number} of {count} of a minibatch of {self.batch}")

    @property
    def share(self) -> slice:
        """The places of a minibatch that come from here."""
        number, count = self.shard
        size = self.batch // count
        return slice(number * size, (number + 1) * size)

    @property
    def length(self) -> int:
        """Steps of a block: about 4 MB of them."""
        each = sum(shape.size * shape.dtype.itemsize for shape in self._shapes(1).values())
        return max(1, min(MOST, self.steps, BLOCK // max(1, int(each))))

    def along(self, outer: Int, function: StepFunction) -> Along:
        """A step function whose raw minibatches come from here."""
        return Along(self, outer, function)

    def block(self, outer: Int, number: jax.Array) -> Split:
        """The raw minibatches of a block, inside of a compiled function: field -> [length, batch, ...]."""
        return self._asked(self._serve, self._traced_shapes(self.length), outer, number)

    def one(self, outer: Int, t: jax.Array) -> Split:
        """The raw minibatch of one step, inside of a compiled function."""
        shapes = {name: _shaped(shape.shape[1:], shape.dtype) for name, shape in self._traced_shapes(1).items()}
        return self._asked(self._serve_one, shapes, outer, t)

    def take(self, outer: Int, rows: jax.Array) -> Split:
        """The given rows of the train split, inside of a compiled function."""
        count = int(rows.shape[0])
        wanted = {name: _shaped((count, *s.shape[2:]), s.dtype) for name, s in self._traced_shapes(1).items()}
        return self._asked(self._take, wanted, outer, rows)

    def served(self, outer: int, number: int) -> Block:
        """A block on the host, the following one begun; it is written over when three others have been asked for."""
        return self._state.serve(self, outer, number)

    def buffer(self) -> Block:
        """Memory for a block."""
        return {name: np.zeros(shape.shape, shape.dtype) for name, shape in self._shapes(self.length).items()}

    def fill(self, outer: int, number: int, out: Block) -> Block:
        """Write a block over another one."""
        first = number * self.length
        steps = np.arange(first, min(first + self.length, self.steps))
        workers = self.threads or max(1, (os.cpu_count() or 2) // 2)
        chunks = np.array_split(steps, min(workers, len(steps)))
        jobs = [self._state.pool.submit(self._fill, outer, piece, first, out) for piece in chunks[1:]]
        self._fill(outer, chunks[0], first, out)
        for job in jobs:
            job.result()
        return out

    def _fill(self, outer: int, steps: npt.NDArray[np.int64], first: int, out: Block) -> None:
        """The minibatches of some steps of a block."""
        arrays, order = self._state.split(self.data, outer)
        draw = outer if self.redraw else 0
        sample = SAMPLING[self.sampling]
        rows = order[sample(self.seed, draw, int(steps[0]), len(steps), self.batch, len(order))[:, self.share]]
        place = slice(int(steps[0]) - first, int(steps[-1]) + 1 - first)
        for name, values in arrays.items():
            target = out[name][place]
            chain = self.geometric.get(name, ())
            if chain:
                keys = np.array([augmentation_key_host(self.seed, draw, int(t)) for t in steps], np.uint32)
                images = values.reshape(*values.shape[:3], -1)
                wide = target.reshape(*target.shape[:2], *images.shape[1:])
                gather_steps_moved(images, rows, *encoded(chain), keys, self.share.start, wide)
            else:
                gather_steps(values.reshape(len(values), -1), rows, target.reshape(*rows.shape, -1))

    def _asked(self, serve: Callable[..., Block], shapes: Shapes, *arguments: Int) -> Split:
        """What the host serves, inside of a compiled function.

        Numbers of 64 bits cross as two of 32: the threads in which JAX calls back know of no others.
        """
        wide = {name for name, shape in shapes.items() if shape.dtype.itemsize == 8}
        crossing = {n: _shaped((*s.shape, 2), np.dtype(np.uint32)) if n in wide else s for n, s in shapes.items()}

        def halved(*given: Int) -> Block:
            served = serve(*given)
            return {n: x[..., None].view(np.uint32) if n in wide else x for n, x in served.items()}

        found: Split = jax.pure_callback(halved, crossing, *arguments)
        return {n: lax.bitcast_convert_type(x, shapes[n].dtype) if n in wide else x for n, x in found.items()}

    def _traced_shapes(self, length: int) -> Shapes:
        """The same, and from now on in the precision of the function that is being traced."""
        self._state.wide = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
        return self._shapes(length)

    def _shapes(self, length: int) -> Shapes:
        """What a block of so many steps is made of, in the types that the device has."""
        arrays = self.data.raw["train"]
        lead = (length, self.share.stop - self.share.start)
        return {n: _shaped((*lead, *v.shape[1:]), self._on_device(v.dtype)) for n, v in arrays.items()}

    def _on_device(self, dtype: np.dtype) -> np.dtype:
        if self._state.wide or dtype.itemsize < 8:
            return dtype
        return np.dtype(f"{dtype.kind}4")

    def _serve(self, outer: Int, number: Int) -> Block:
        return self.served(int(outer), int(number))

    def _serve_one(self, outer: Int, t: Int) -> Block:
        number, row = divmod(int(t), self.length)
        return {name: values[row] for name, values in self._state.serve(self, int(outer), number).items()}

    def _take(self, outer: Int, rows: npt.ArrayLike) -> Block:
        arrays, order = self._state.split(self.data, int(outer))
        chosen = order[np.asarray(rows)]
        return {name: np.asarray(values[chosen], self._shapes(1)[name].dtype) for name, values in arrays.items()}


def _shaped(shape: tuple[int, ...], dtype: np.dtype) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


class _State:
    """Blocks that are there or being made, and the last train split; behind locks."""

    def __init__(self) -> None:
        self.wide = False
        self._lock = threading.Lock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="drmadc-feed")
        self.pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="drmadc-gather")
        self._blocks: OrderedDict[tuple[int, int], Future[Block]] = OrderedDict()
        self._free: deque[Block] = deque()
        self._last = (-1, -1)
        self._split: tuple[int, tuple[Block, npt.NDArray[np.int64]]] | None = None
        self._split_lock = threading.Lock()

    def split(self, data: Data, outer: int) -> tuple[Block, npt.NDArray[np.int64]]:
        """Arrays that hold the train split of an outer step, and its rows in them.

        A split that fits is gathered once: its minibatches are then near to each other in memory.
        """
        key = data.draw_of(outer)
        with self._split_lock:
            if self._split is None or self._split[0] != key:
                part, order = data.rows(outer)["train"]
                fields = dict(data.raw[part])
                if sum(values[:1].nbytes for values in fields.values()) * len(order) <= GATHERED:
                    fields = {name: values[order] for name, values in fields.items()}
                    order = np.arange(len(order))
                self._split = key, (fields, order)
            return self._split[1]

    def serve(self, feed: Feed, outer: int, number: int) -> Block:
        """A block; the one after it, in the direction of the way, is begun."""
        with self._lock:
            asked = self._begin(feed, outer, number)
            back = self._last == (outer, number + 1)
            self._last = (outer, number)
            following = number - 1 if back else number + 1
            if 0 <= following < -(-feed.steps // feed.length):
                self._begin(feed, outer, following)
        return asked.result()

    def _begin(self, feed: Feed, outer: int, number: int) -> "Future[Block]":
        key = (outer, number)
        if key not in self._blocks:
            while len(self._blocks) >= KEPT:
                _, old = self._blocks.popitem(last=False)
                old.add_done_callback(self._give_back)
            self._blocks[key] = self._ahead.submit(self._made, feed, outer, number)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _made(self, feed: Feed, outer: int, number: int) -> Block:
        """A block in memory that an earlier one has left: fresh memory costs a page fault every 4 KB."""
        try:
            buffer = self._free.popleft()
        except IndexError:
            buffer = feed.buffer()
        return feed.fill(outer, number, buffer)

    def _give_back(self, block: "Future[Block]") -> None:
        if block.exception() is None:
            self._free.append(block.result())
