"""Columns of tables: .csv files, read through once, and .parquet files, by their schema."""

from pathlib import Path

from drmadc.common.headers.header import BadFile, Header
from drmadc_common.csv_table import open_csv

TEXT = "U"


def csv_table(path: Path) -> dict[str, Header]:
    """The columns of a .csv file by the names in its first line: `i8` of whole numbers, `f8` of numbers, or text.

    Raises:
        BadFile: it is not there, has no rows, or a row has another number of values than there are names.
    """
    words: dict[int, str] = {}
    count = 0
    try:
        with open_csv(path) as table:
            names, kinds = table.names, ["i8"] * len(table.names)
            for line, row in table.rows:
                for place, value in enumerate(row):
                    kinds[place] = _wider(kinds[place], value)
                    if kinds[place] == TEXT:
                        words.setdefault(place, f"`{value}` in line {line}")
                count += 1
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"it is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise BadFile(f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadFile(str(error)) from error
    columns = enumerate(zip(names, kinds, strict=True))
    return {name: Header(kind, (count,), words.get(place, "")) for place, (name, kind) in columns}


def _wider(kind: str, value: str) -> str:
    """The kind that also holds a value."""
    if kind == "i8":
        try:
            int(value)
        except ValueError:
            kind = "f8"
    if kind == "f8":
        try:
            float(value)
        except ValueError:
            kind = TEXT
    return kind


def parquet_table(path: Path) -> dict[str, Header]:
    """The columns of a .parquet file, by its schema; needs pyarrow.

    Raises:
        BadFile: it is not there or is not a .parquet file; or pyarrow is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadFile('.parquet files need pyarrow: pip install "drmadc[parquet]"') from None
    try:
        there = pyarrow.parquet.ParquetFile(path)
    except FileNotFoundError:
        raise BadFile("no such file") from None
    except (OSError, pyarrow.ArrowException) as error:
        raise BadFile(f"it is not a valid .parquet file ({str(error).splitlines()[0]})") from error
    found: dict[str, Header] = {}
    for field in there.schema_arrow:
        kind = "O"
        if pyarrow.types.is_integer(field.type) or pyarrow.types.is_boolean(field.type):
            kind = "i8"
        elif pyarrow.types.is_floating(field.type):
            kind = "f8"
        elif pyarrow.types.is_string(field.type) or pyarrow.types.is_large_string(field.type):
            kind = TEXT
        found[field.name] = Header(kind, (there.metadata.num_rows,))
    return found
