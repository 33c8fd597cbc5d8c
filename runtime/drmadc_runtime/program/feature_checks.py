"""What features hold: numbers everywhere, and probabilities where a loss reads them as such."""

from collections.abc import Iterator, Mapping

import jax
import numpy as np
import numpy.typing as npt

from drmadc_common.amounts import count_text
from drmadc_runtime.core.types import Splits
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.data.statistics import CHUNK
from drmadc_runtime.program.contract import Program

SHOWN = 5
TOLERANCE = 1e-3
Features = Mapping[str, npt.NDArray[np.generic]]


def require_probabilities(program: Program, outer: int, data: Splits) -> None:
    """Refuse targets that are read as probabilities of classes and are none; rows sum to 1 within 1e-3.

    Raises:
        DataError: a row has a negative entry, or another sum; with feature, split and row.
    """
    if not program.probabilities:
        return
    for split, start, features in _features(program, outer, data):
        for name in program.probabilities:
            rows = np.asarray(features[name], np.float64)
            sums = rows.sum(axis=-1)
            bad = ~((rows >= -TOLERANCE).all(axis=-1) & (np.abs(sums - 1) <= TOLERANCE))
            if bad.any():
                at = int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
                found = rows[at].reshape(-1, rows.shape[-1])[int(np.argmax(bad[at].ravel()))]
                wrong = f"has the entry {found.min():.4g}" if found.min() < -TOLERANCE else f"sums to {found.sum():.4g}"
                raise DataError(
                    f"`{name}` is a target of cross_entropy, but its row {start + at} of {split} {wrong}; rows must be "
                    f"probabilities of the classes: divide each by its sum, or use `binary_cross_entropy`"
                )


def unfinite_feature(program: Program, outer: int, data: tuple[Splits, ...]) -> str:
    """The first feature that is not a number somewhere, with its split and columns; "" where there is none."""
    for split, _, features in _features(program, outer, *data) if data else ():
        for name, values in features.items():
            if not np.issubdtype(values.dtype, np.floating):
                continue
            bad = np.asarray(~np.isfinite(values).all(axis=0))
            if bad.any():
                return f"the feature `{name}` of {split} is not finite{_columns(bad)}"
    return ""


def _columns(bad: npt.NDArray[np.bool_]) -> str:
    """Which entries of an example are bad, as an expression of a spec counts them."""
    if bad.ndim == 0:
        return ""
    places = [", ".join(map(str, place)) for place in np.argwhere(bad)]
    shown = "; ".join(places[:SHOWN]) if bad.ndim > 1 else ", ".join(places[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f" in {'column' if len(places) == 1 else 'columns'} {shown}{more} of {count_text(bad.size, 'column')}"


def _features(program: Program, outer: int, data: Splits) -> Iterator[tuple[str, int, Features]]:
    """Split, number of the first example, and features, a piece at a time; nothing of data with tasks."""
    source = program.data
    if program.features is None or not isinstance(source, Data):
        return
    more = (data["statistics"],) if "statistics" in data else ()
    function = jax.jit(program.features)
    for split in source.rows(outer):
        start = 0
        for piece in source.chunks(split, outer, CHUNK):
            features = jax.tree.map(np.asarray, function(piece, *more))
            yield split, start, features
            start += len(next(iter(piece.values())))
