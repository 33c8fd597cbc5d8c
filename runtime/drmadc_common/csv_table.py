"""Tables as .csv files: the first line names the columns, blank lines are skipped."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The names of the columns, and the rows to come, each with the number of the line where it ends."""

    names: list[str]
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def open_csv(path: Path) -> Iterator[CsvTable]:
    """Read a table row by row; UTF-8, with or without a byte order mark.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not UTF-8 (a UnicodeDecodeError); it is empty; two columns have one name; or a row is not well
            formed or has more or fewer values than there are columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        names = [name.strip() for name in next(lines, [])]
        if not names:
            raise ValueError("it is empty; its first line must name the columns")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two columns are called `{twice}`")

        def rows() -> Iterator[tuple[int, list[str]]]:
            try:
                for row in lines:
                    if row and len(row) != len(names):
                        values = f"{len(row)} value{'' if len(row) == 1 else 's'}"
                        raise ValueError(f"line {lines.line_num} has {values}, but there are {len(names)} columns")
                    if row:
                        yield lines.line_num, row
            except csv.Error as error:
                raise ValueError(f"line {lines.line_num}: {error}") from error

        yield CsvTable(names, rows())
