"""Sources that are tables: fields made of columns, what is missing in them, and the words they hold."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from drmadc.common.headers.header import BadFile, Header
from drmadc.common.headers.tables import Table, csv_table, parquet_table
from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data.file_sources import Paths, headers_of, paths_of, source_of
from drmadc.compiler.check.errors import source_errors
from drmadc.compiler.check.errors.source_errors import FileSource
from drmadc.compiler.check.source import Missing, Source
from drmadc.ir.program import Columns, Option
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.parts import SourcePart

T = TypeVar("T")
Read = Callable[[Path], Table]
TAB = ("tab", "\\t")


def csv(call: ast.Call, known: Known) -> Source | None:
    """`csv("flowers.csv", x: [width, length], kind: species)`, with a `separator` where it is not found."""
    signature = 'csv("flowers.csv", x: [width, length], kind: species, separator: ";")'
    given = next((arg for arg in call.args if arg.name == "separator"), None)
    if given is None:
        return _table(call, known, "csv", signature, csv_table)
    text = given.value.text if isinstance(given.value, ast.Text) else ""
    separator = "\t" if text in TAB else text
    if len(separator) != 1 or separator in '"\n\r':
        known.bag.add(source_errors.NotASeparator(given.value.span, "csv", signature, format_expr(given.value)))
        return None
    rest = replace(call, args=tuple(arg for arg in call.args if arg is not given))
    options: tuple[tuple[str, Option], ...] = (("separator", separator),)
    return _table(rest, known, "csv", signature, lambda path: csv_table(path, separator), options)


def parquet(call: ast.Call, known: Known) -> Source | None:
    """`parquet("flowers.parquet", x: [width, length], kind: species)`"""
    return _table(call, known, "parquet", 'parquet("flowers.parquet", x: [width, length])', parquet_table)


def _table(
    call: ast.Call,
    known: Known,
    name: FileSource,
    signature: str,
    read: Read,
    options: tuple[tuple[str, Option], ...] = (),
) -> Source | None:
    """Columns of a table: a list of them makes a vector of real numbers, one by itself a label or a number."""
    unnamed = [arg for arg in call.args if arg.name is None]
    paths = paths_of(unnamed[0].value) if len(unnamed) == 1 else None
    if paths is None:
        known.bag.add(source_errors.NeedsPath(call.span, name, signature, "file"))
        return None
    found = headers_of(name, paths, known, read)
    if found is None:
        return None
    columns: list[tuple[str, str | tuple[str, ...]]] = []
    before = known.bag.errors
    joined: dict[SourcePart, dict[str, Header]] = {part: {} for part in found}
    for arg in call.args:
        if arg.name is None:
            continue
        names = _names(arg, known, name, signature)
        if names is None:
            continue
        for part, table in found.items():
            header = _field(arg, names, table, name, paths[part][0])
            if isinstance(header, source_errors.BadData):
                known.bag.add(header)
            else:
                joined[part][arg.name] = header
        columns.append((arg.name, tuple(names) if isinstance(arg.value, ast.List) else names[0]))
    if known.bag.errors > before:
        return None
    headers = joined if columns else {part: _usable(table) for part, table in found.items()}
    source = source_of(name, paths, headers, known, options, tuple(columns))
    if source is None:
        return None
    ask = _Ask(found["train"], name, paths, known, tuple(columns))
    return replace(source, missing=_missing(headers), words=ask.words, largest=ask.largest)


def _names(arg: ast.Arg, known: Known, name: FileSource, signature: str) -> list[str] | None:
    """The columns of a field; None when something else stands there (reported)."""
    names: list[str] = []
    if isinstance(arg.value, ast.List) and not arg.value.items:
        known.bag.add(source_errors.NoColumns(arg.value.span, name, signature, arg.name or ""))
        return None
    for item in arg.value.items if isinstance(arg.value, ast.List) else (arg.value,):
        match item:
            case ast.Name(text) | ast.Text(text):
                names.append(text)
            case _:
                found = f"`{format_expr(item)}`"
                known.bag.add(source_errors.NotAColumn(item.span, name, signature, found))
                return None
    return names


def _usable(table: Table) -> dict[str, Header]:
    """The columns that a spec can name without renaming them."""
    return {name: table[name] for name in table if name.isidentifier()}


def _field(
    arg: ast.Arg, names: list[str], table: Table, source: FileSource, path: str
) -> Header | source_errors.BadData:
    """The field that columns make; or what is wrong with them."""
    items = arg.value.items if isinstance(arg.value, ast.List) else (arg.value,)
    for item, column in zip(items, names, strict=True):
        if column not in table:
            return source_errors.NoColumn(item.span, source, path, column, tuple(table))
    chosen = [table[column] for column in names]
    if not isinstance(arg.value, ast.List):
        return chosen[0]
    for item, column, header in zip(items, names, chosen, strict=True):
        if header.kind[0] not in "fiub":
            return source_errors.NotNumeric(item.span, source, path, column, header.example)
    missing = tuple(entry for header in chosen for entry in header.missing)
    return Header("f8", (chosen[0].shape[0], len(chosen)), missing=missing, examined=chosen[0].examined)


def _missing(headers: Mapping[SourcePart, Mapping[str, Header]]) -> dict[str, Missing]:
    """The fields with missing values, counted over all parts."""
    out: dict[str, Missing] = {}
    for field in headers["train"]:
        of_parts = [part[field] for part in headers.values()]
        counts: dict[str, int] = {}
        for header in of_parts:
            for column, count in header.missing:
                counts[column] = counts.get(column, 0) + count
        if counts:
            out[field] = Missing(tuple(counts.items()), sum(header.examined for header in of_parts))
    return out


class _Ask:
    """Questions about the train part's table; a row further down that cannot be read is reported once."""

    def __init__(self, table: Table, name: FileSource, paths: Paths, known: Known, columns: Columns) -> None:
        self._table = table
        self._name = name
        self._path = paths["train"]
        self._known = known
        self._columns = dict(columns)

    def words(self, field: str) -> tuple[str, ...]:
        column = self._columns.get(field, field)
        if isinstance(column, str) and column in self._table and self._table[column].kind == "U":
            return self._asked(lambda: self._table.words(column), ())
        return ()

    def largest(self, field: str) -> int:
        column = self._columns.get(field, field)
        if isinstance(column, str) and column in self._table and self._table[column].kind == "i8":
            return self._asked(lambda: self._table.largest(column), -1)
        return -1

    def _asked(self, question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except BadFile as error:
            path, span = self._path
            self._known.bag.add(source_errors.UnreadableFile(span, self._name, path, str(error)))
            return otherwise
