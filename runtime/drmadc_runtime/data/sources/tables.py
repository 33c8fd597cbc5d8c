"""Columns of tables: numbers as float64, NaN where one is missing; words, "" where one is; dates as days since 1970."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc_common.tables.cells import MISSING, READERS, TRUTH, kind_of, misread
from drmadc_common.tables.compressed import DAMAGE
from drmadc_common.tables.csv_table import open_csv
from drmadc_runtime.data.sources.request import Array, DataError, Raw, Request

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

Numbers: TypeAlias = npt.NDArray[np.float64]
DAY = np.timedelta64(1, "D")


def csv_table(request: Request) -> Raw:
    """Columns of .csv files. A field of several columns is float64[n, columns]; of one: numbers, or words."""
    wanted = _wanted(request)
    separator = str(request.options.get("separator", ""))
    return {part: _fields(_csv(Path(path), wanted, separator), request) for part, path in request.files.items()}


def parquet_table(request: Request) -> Raw:
    """Columns of .parquet files, read by pyarrow."""
    return {part: _fields(_parquet(path, _wanted(request)), request) for part, path in request.files.items()}


def _wanted(request: Request) -> tuple[str, ...]:
    """The columns that are read."""
    chosen = (request.columns.get(field, field) for field in request.fields)
    return tuple(dict.fromkeys(c for entry in chosen for c in ([entry] if isinstance(entry, str) else entry)))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that can be read as words, or as numbers."""

    words: Callable[[], Array]
    numbers: Callable[[], Numbers]


def _fields(columns: dict[str, _Column], request: Request) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for field, declared in request.fields.items():
        names = request.columns.get(field, field)
        if not isinstance(names, str):
            out[field] = np.stack([columns[name].numbers() for name in names], axis=1)
        elif field in request.words:
            out[field] = columns[names].words()
        else:
            values = columns[names].numbers()
            label = declared.startswith("class") and bool(np.all(values == np.floor(values)))
            out[field] = values.astype(np.int64) if label else values
    return out


def _csv(path: Path, wanted: tuple[str, ...], separator: str) -> dict[str, _Column]:
    """The columns of a .csv file that are asked for.

    Raises:
        DataError: it cannot be read, or a column is not there.
    """
    try:
        with open_csv(path, separator) as table:
            absent = next((name for name in wanted if name not in table.names), None)
            if absent is not None:
                raise DataError(f"{path} has no column `{absent}`; its columns are {', '.join(table.names[:20])}")
            places = [table.names.index(name) for name in wanted]
            lines: list[int] = []
            cells: tuple[list[str], ...] = tuple([] for _ in places)
            for line, row in table.rows:
                lines.append(line)
                for column, place in zip(cells, places, strict=True):
                    column.append(row[place])
            separator = table.separator
    except (OSError, ValueError, *DAMAGE) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return {
        name: _of_text(f"{path}: the column `{name}`", column, lines, separator)
        for name, column in zip(wanted, cells, strict=True)
    }


def _of_text(what: str, cells: Sequence[str], lines: Sequence[int], separator: str) -> _Column:
    def words() -> Array:
        return np.array(["" if cell in MISSING else cell for cell in cells], dtype=np.str_)

    def numbers() -> Numbers:
        distinct = set(cells) - MISSING
        kind = kind_of(distinct, separator)
        if kind == "word" and {cell.lower() for cell in distinct} <= TRUTH.keys():
            return np.fromiter((TRUTH.get(cell.lower(), np.nan) for cell in cells), np.float64, len(cells))
        if kind == "word":
            odd = misread(distinct, separator)
            line, cell = next((line, cell) for line, cell in zip(lines, cells, strict=True) if cell in odd)
            raise DataError(f"{what} is not numeric: `{cell}` in line {line}")
        read = READERS[kind]
        values = {cell: float(read(cell)) for cell in distinct}
        return np.fromiter((values.get(cell, np.nan) for cell in cells), np.float64, len(cells))

    return _Column(words, numbers)


def _parquet(path: str, wanted: tuple[str, ...]) -> dict[str, _Column]:
    """The columns of a .parquet file that are asked for.

    Raises:
        DataError: it cannot be read, or a column is not there; or pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError('.parquet files need pyarrow: pip install "drmadc[tables]"') from error
    try:
        names = pyarrow.parquet.read_schema(path).names
        absent = next((name for name in wanted if name not in names), None)
        if absent is not None:
            raise DataError(f"{path} has no column `{absent}`; its columns are {', '.join(names[:20])}")
        table = pyarrow.parquet.read_table(path, columns=list(wanted))
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return {name: _of_arrow(table[name]) for name in wanted}


def _of_arrow(column: "ChunkedArray") -> _Column:
    import pyarrow

    if pyarrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)

    def words() -> Array:
        cells = ("" if cell is None else _written(cell) for cell in column.to_pylist())
        return np.array(["" if cell in MISSING else cell for cell in cells], dtype=np.str_)

    def numbers() -> Numbers:
        if pyarrow.types.is_date(column.type) or pyarrow.types.is_timestamp(column.type):
            moments = np.asarray(column.cast(pyarrow.timestamp("us")).to_numpy(), "datetime64[us]")
            return np.asarray((moments - np.datetime64(0, "us")) / DAY, np.float64)
        return np.asarray(column.cast(pyarrow.float64()).to_numpy(), np.float64)

    return _Column(words, numbers)


def _written(cell: object) -> str:
    """A value as a .csv file has it."""
    return str(cell).lower() if isinstance(cell, bool) else str(cell).strip()
