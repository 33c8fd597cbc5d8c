"""The data of an outer step, on the device: its splits, and the statistics of its train split."""

from collections.abc import Mapping
from functools import partial

import jax

from drmadc_runtime.core.types import Splits
from drmadc_runtime.data.resident import Rows
from drmadc_runtime.data.statistics import CHUNK, Pieces, Statistics, chunks_of
from drmadc_runtime.data.tasks import Tasks
from drmadc_runtime.program.contract import Program
from drmadc_runtime.program.feature_checks import require_probabilities


class OuterData:
    """What the program's functions take as `*data`; the last outer step's is kept, since most steps share it."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._prepared: tuple[int, Splits] | None = None
        self._statistics: Statistics | None = None
        if program.fit is not None and program.statistics is not None:
            self._statistics = Statistics(program.fit, program.statistics, program.later_fits)

    def of(self, outer: int) -> tuple[Splits, ...]:
        """The arrays of an outer step as one argument; none for a program that uses no data.

        Raises:
            DataError: the data cannot be read.
        """
        source = self._program.data
        if source is None:
            return ()
        key = source.draw_of(outer)
        if self._prepared is None or self._prepared[0] != key:
            self._prepared = None  # free the last ones before these are made
            if self._program.feed is not None:
                assert not isinstance(source, Tasks)
                splits = source.splits(outer, without=("train",))
                chunks = partial(source.chunks, "train", outer, CHUNK)
            else:
                splits = source.splits(outer)
                chunks = partial(chunks_of, splits.get("train", {}))
            arrays = self.prepared(splits, chunks)
            require_probabilities(self._program, outer, arrays)
            self._prepared = key, arrays
        return (self._prepared[1],)

    def keep(self, outer: int, data: Splits) -> None:
        """Take arrays that are on the device already as those of an outer step."""
        assert self._program.data is not None
        self._prepared = self._program.data.draw_of(outer), data

    def prepared(self, splits: Mapping[str, Mapping[str, Rows]], train: Pieces) -> Splits:
        """Splits on the device, with the statistics of the pieces of a train split."""
        fitted = {} if self._statistics is None else {"statistics": self._statistics.of(train, self._program.dtype)}
        arrays: Splits = jax.device_put({**splits, **fitted})
        return arrays
