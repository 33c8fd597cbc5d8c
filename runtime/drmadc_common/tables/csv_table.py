"""Tables as .csv files: the first line names the columns, blank lines are skipped; plain or compressed."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from drmadc_common.tables.compressed import open_bytes

SEPARATORS = (",", ";", "\t", "|")
CHUNK = 1 << 20  # characters
LONGEST = 1 << 27  # characters of a cell: csv's own limit of 131,072 is below a long text


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The names of the columns, what separates them, and the rows to come, each with the line where it ends.

    Cells are without the spaces around them. `count_rest` reads on to the end and counts rows without looking at them.
    """

    names: list[str]
    separator: str
    rows: Iterator[tuple[int, list[str]]]
    count_rest: Callable[[], int]


@contextmanager
def open_csv(path: Path, separator: str = "") -> Iterator[CsvTable]:
    """Read a table row by row; UTF-8, with or without a byte order mark.

    Args:
        separator: what stands between columns; "" for what the first line has most of, outside of quotes.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not UTF-8 (a UnicodeDecodeError); it is empty; two columns have one name; or a row is not well
            formed or has more or fewer values than there are columns.
    """
    csv.field_size_limit(LONGEST)
    with open_bytes(path) as packed, io.TextIOWrapper(packed, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        separator = separator or separator_of(first)
        lines = csv.reader(chain([first], file), delimiter=separator)
        names = [name.strip() for name in next(lines, [])]
        if not any(names):
            raise ValueError("it is empty; its first line must name the columns")
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise ValueError(f"two columns are called `{name}`")
            seen.add(name)

        def rows() -> Iterator[tuple[int, list[str]]]:
            try:
                for row in lines:
                    if row and len(row) != len(names):
                        values = f"{len(row)} value{'' if len(row) == 1 else 's'}"
                        columns = f"there {'is 1 column' if len(names) == 1 else f'are {len(names)} columns'}"
                        raise ValueError(f"line {lines.line_num} has {values}, but {columns}")
                    if row:
                        yield lines.line_num, [cell.strip() for cell in row]
            except csv.Error as error:
                raise ValueError(f"line {lines.line_num}: {error}") from error

        def count_rest() -> int:
            count = 0
            while chunk := file.readlines(CHUNK):
                if any('"' in line for line in chunk):  # a quoted cell may hold line breaks
                    return count + sum(map(bool, csv.reader(chain(chunk, file), delimiter=separator)))
                count += sum(line != "\n" and line != "\r\n" for line in chunk)
            return count

        yield CsvTable(names, separator, rows(), count_rest)


def separator_of(line: str) -> str:
    """What a line has most of outside of quotes: a comma where it has none of them."""
    outside = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=outside.count)
