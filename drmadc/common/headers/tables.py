"""Columns of tables: .csv files by their first rows, and .parquet files by their schema."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drmadc.common.headers.header import BadFile, Header
from drmadc_common.tables.cells import DAY, MISSING, READERS, CellKind, decimal_comma, kind_of, number, reads
from drmadc_common.tables.compressed import DAMAGE
from drmadc_common.tables.csv_table import open_csv

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow.parquet import FileMetaData

TEXT = "U"
CELLS = 400_000
CHARACTERS = 4_000_000
"""How much of a .csv file is read to tell what its columns hold; later rows are only counted."""


class Table(Mapping[str, Header]):
    """The columns of a table by name; what costs time is found when it is asked for."""

    __slots__ = ()

    @abstractmethod
    def words(self, column: str) -> tuple[str, ...]:
        """The different words of a column, sorted; those that are missing are none.

        Raises:
            BadFile: a row further down cannot be read.
        """

    @abstractmethod
    def numbers(self, column: str) -> frozenset[float]:
        """The different numbers of a column, dates included; those that are missing are none.

        Raises:
            BadFile: a row further down cannot be read, or is not a number.
        """

    @abstractmethod
    def is_date(self, column: str) -> bool:
        """Whether the numbers of a column are dates."""

    def largest(self, column: str) -> int:
        """The largest of a column's whole numbers; -1 where one is negative or there are none.

        Raises:
            BadFile: as `numbers`.
        """
        found = self.numbers(column)
        return int(max(found)) if found and min(found) >= 0 else -1


@dataclass(frozen=True, slots=True)
class CsvColumns(Table):
    """The columns of a .csv file.

    Attributes:
        cells: the cells of the rows that were read, by column.
        lines: the line where each of these rows ends.
        rows: the number of rows of the file.
    """

    path: Path
    separator: str
    cells: Mapping[str, tuple[str, ...]]
    lines: tuple[int, ...]
    rows: int
    headers: dict[str, Header] = field(default_factory=dict)

    def __getitem__(self, column: str) -> Header:
        if column not in self.headers:
            self.headers[column] = self._header(column)
        return self.headers[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def _header(self, column: str) -> Header:
        cells = self.cells[column]
        missing = sum(cell in MISSING for cell in cells)
        kind = {"whole": "i8", "word": TEXT}.get(self.kind(column), "f8")
        return Header(
            "f8" if kind == "i8" and missing else kind,
            (self.rows,),
            self._example(cells) if kind == TEXT else "",
            ((column, missing),) if missing else (),
            len(cells),
        )

    def kind(self, column: str) -> CellKind:
        """What the cells of a column are that are not missing."""
        return kind_of(self.present(column), self.separator)

    def present(self, column: str) -> frozenset[str]:
        """The different cells of a column that are not missing, among those that were read."""
        return frozenset(self.cells[column]) - MISSING

    def _example(self, cells: tuple[str, ...]) -> str:
        """The first cell that is neither missing nor a number."""
        read = number if self.separator == "," else decimal_comma
        found = enumerate(cells)
        return next((f"`{c}` in line {self.lines[i]}" for i, c in found if c not in MISSING and not reads(c, read)), "")

    def words(self, column: str) -> tuple[str, ...]:
        return tuple(sorted(self._all(column)))

    def numbers(self, column: str) -> frozenset[float]:
        cells = self._all(column)
        kind = kind_of(cells, self.separator)
        if kind == "word":
            raise BadFile(f"the column `{column}` has words further down")
        return frozenset(float(READERS[kind](cell)) for cell in cells)

    def is_date(self, column: str) -> bool:
        return self.kind(column) == "date" and bool(self.present(column))

    def _all(self, column: str) -> frozenset[str]:
        """The different cells of a column that are not missing, in the whole file."""
        if len(self.lines) == self.rows:
            return self.present(column)
        with _readable(), open_csv(self.path, self.separator) as table:
            place = table.names.index(column)
            return frozenset(row[place] for _, row in table.rows) - MISSING


def csv_table(path: Path, separator: str = "", *, whole: bool = False) -> CsvColumns:
    """The columns of a .csv file by the names in its first line: `i8` of whole numbers, `f8` of numbers, or text.

    Args:
        separator: what stands between columns; "" to find it.
        whole: look at all rows, not at the first ones only.

    Raises:
        BadFile: it is not there, has no rows, or a row has another number of values than there are names.
    """
    lines: list[int] = []
    rows: list[list[str]] = []
    characters = 0
    with _readable(), open_csv(path, separator) as table:
        for line, row in table.rows:
            lines.append(line)
            rows.append(row)
            characters += sum(map(len, row))
            if not whole and (characters > CHARACTERS or len(rows) * len(row) > CELLS):
                break
        cells = zip(*rows, strict=True) if rows else ((),) * len(table.names)
        count = len(rows) + table.count_rest()
        return CsvColumns(path, table.separator, dict(zip(table.names, cells, strict=True)), tuple(lines), count)


@contextmanager
def _readable() -> Iterator[None]:
    """What goes wrong while a file is read, as BadFile."""
    try:
        yield
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"it is not UTF-8 (byte {error.start})") from error
    except DAMAGE:
        raise BadFile("it is truncated or corrupt") from None
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadFile(str(error)) from error


@dataclass(frozen=True, slots=True)
class ParquetColumns(Table):
    """The columns of a .parquet file."""

    path: Path
    headers: Mapping[str, Header]
    dates: frozenset[str]

    def __getitem__(self, column: str) -> Header:
        return self.headers[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.headers)

    def __len__(self) -> int:
        return len(self.headers)

    def words(self, column: str) -> tuple[str, ...]:
        found = self.column(column).unique().to_pylist()
        return tuple(sorted({word.strip() for word in found if word is not None} - MISSING))

    def numbers(self, column: str) -> frozenset[float]:
        import pyarrow

        found = self.column(column).unique()
        if self.is_date(column):
            found = found.cast(pyarrow.timestamp("us")).cast(pyarrow.int64())
        scale = DAY * 1e6 if self.is_date(column) else 1.0
        return frozenset(float(value) / scale for value in found.to_pylist() if value is not None)

    def is_date(self, column: str) -> bool:
        return column in self.dates

    def column(self, name: str) -> "ChunkedArray":
        """A column, read.

        Raises:
            BadFile: it cannot be read.
        """
        import pyarrow
        import pyarrow.parquet

        try:
            return pyarrow.parquet.read_table(self.path, columns=[name])[name]
        except (OSError, pyarrow.ArrowException) as error:
            raise BadFile(f"its column `{name}` cannot be read ({str(error).splitlines()[0]})") from error


def parquet_table(path: Path) -> ParquetColumns:
    """The columns of a .parquet file, by its schema; needs pyarrow.

    Raises:
        BadFile: it is not there or is not a .parquet file; or pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadFile('.parquet files need pyarrow: pip install "drmadc[tables]"') from None
    try:
        there = pyarrow.parquet.ParquetFile(path)
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise BadFile(f"it is not a valid .parquet file ({str(error).splitlines()[0]})") from error
    types, rows = pyarrow.types, there.metadata.num_rows
    places = {there.metadata.schema.column(i).path: i for i in range(there.metadata.num_columns)}
    found: dict[str, Header] = {}
    dates: set[str] = set()
    for entry in there.schema_arrow:
        type_ = entry.type.value_type if types.is_dictionary(entry.type) else entry.type
        missing = _nulls(there.metadata, places[entry.name]) if entry.name in places else 0
        kind = "O"
        if types.is_integer(type_) or types.is_boolean(type_):
            kind = "f8" if missing else "i8"
        elif types.is_floating(type_) or types.is_decimal(type_):
            kind = "f8"
        elif types.is_date(type_) or types.is_timestamp(type_):
            kind = "f8"
            dates.add(entry.name)
        elif types.is_string(type_) or types.is_large_string(type_):
            kind = TEXT
        found[entry.name] = Header(kind, (rows,), missing=((entry.name, missing),) if missing else (), examined=rows)
    return ParquetColumns(path, found, frozenset(dates))


def _nulls(metadata: "FileMetaData", place: int) -> int:
    """The number of nulls of a column, as the statistics of its pieces say."""
    groups = (metadata.row_group(i).column(place).statistics for i in range(metadata.num_row_groups))
    return sum(found.null_count or 0 for found in groups if found is not None)
