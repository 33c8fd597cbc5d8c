"""Sources that are files of arrays, pictures or text: their headers say which fields they have.

Where a path may stand, a record `{ train: "a", test: "b" }` gives two parts.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from drmadc.common.headers import idx as idx_files
from drmadc.common.headers import numpy_files
from drmadc.common.headers import pictures as picture_files
from drmadc.common.headers.header import BadFile, Header, examined
from drmadc.common.headers.tables import TEXT
from drmadc.common.headers.words import count_words
from drmadc.common.source import Span
from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data.source import positive
from drmadc.compiler.check.errors import source_errors
from drmadc.compiler.check.errors.source_errors import FileSource
from drmadc.compiler.check.source import Source
from drmadc.ir.program import Columns, Field, File, Option
from drmadc.ir.types import EXAMPLE, Array, Element, sizes
from drmadc.syntax import ast
from drmadc_common.parts import PARTS, SourcePart

Paths = dict[SourcePart, tuple[str, Span]]
Headers = Mapping[str, Header]
H = TypeVar("H", bound=Headers)
ReadAll = Callable[[Path], Headers]
ReadOne = Callable[[Path], Header]


def npz(call: ast.Call, known: Known) -> Source | None:
    """The arrays of a file: bytes of 8 bits, whole numbers along one axis as labels, other numbers as they are."""
    return _whole(call, known, "npz", 'npz("data.npz")', numpy_files.npz, numpy_files.largest)


def npy(call: ast.Call, known: Known) -> Source | None:
    """`npy(x: "x.npy", y: "y.npy")`: an array a file."""
    return _by_field(call, known, "npy", 'npy(x: "x.npy", y: "y.npy")', numpy_files.npy, numpy_files.largest)


def idx(call: ast.Call, known: Known) -> Source | None:
    """`idx(image: "train-images", label: "train-labels")`: an array a file."""
    return _by_field(
        call, known, "idx", 'idx(image: "images.idx3", label: "labels.idx1")', idx_files.idx, idx_files.largest
    )


def pictures(call: ast.Call, known: Known) -> Source | None:
    """`images("folder", size: 32)`: pictures in class folders, cut to a square and scaled where a size is given."""
    signature = 'images("folder") or images("folder", size: 32)'
    size: tuple[int, int] | None = None
    rest: list[ast.Arg] = []
    for arg in call.args:
        match arg.name, arg.value:
            case "size", value if positive(value) and size is None:
                size = positive(value), positive(value)
            case _:
                rest.append(arg)
    paths = paths_of(rest[0].value) if len(rest) == 1 and rest[0].name is None else None
    if paths is None:
        known.bag.add(source_errors.NeedsPath(call.span, "images", signature, "folder"))
        return None
    found = headers_of("images", paths, known, lambda path: picture_files.pictures(path, size))
    options: tuple[tuple[str, Option], ...] = (("size", size[0]),) if size is not None else ()
    return source_of("images", paths, found, known, options) if found is not None else None


def text(call: ast.Call, known: Known) -> Source | None:
    """`text("book.txt", window: 32)`: every so many bytes of a file, and the byte that follows them.

    With `words: 1000`, every so many words instead, as numbers below 1000, and the word that follows. Windows begin
    every `stride` bytes or words, by default where the one before ends.
    """
    signature = 'text("book.txt", window: 32, stride: 16) or text("book.txt", window: 8, words: 1000)'
    window = words = stride = 0
    rest: list[ast.Arg] = []
    for arg in call.args:
        match arg.name, arg.value:
            case "window", value if positive(value) and not window:
                window = positive(value)
            case "words", value if positive(value) > 1 and not words:
                words = positive(value)
            case "stride", value if positive(value) and not stride:
                stride = positive(value)
            case _:
                rest.append(arg)
    paths = paths_of(rest[0].value) if len(rest) == 1 and rest[0].name is None else None
    if paths is None or not window:
        known.bag.add(source_errors.NeedsWindow(call.span, "text", signature))
        return None

    def headers(path: Path) -> Headers:
        if not path.is_file():
            raise BadFile("no such file")
        unit = "word" if words else "byte"
        length = count_words(path) if words else path.stat().st_size
        count = (length - window - 1) // (stride or window) + 1
        if count < 1:
            raise BadFile(f"it is shorter than one window of {window} {unit}s and the {unit} after it")
        window_of = Header("i4" if words else "u1", (count, window))
        return {f"{unit}s": window_of, "next": Header("i4", (count,))}

    found = headers_of("text", paths, known, headers)
    if found is None:
        return None
    given = (("window", window), ("words", words), ("stride", stride))
    options: tuple[tuple[str, Option], ...] = tuple((name, number) for name, number in given if number)
    source = source_of("text", paths, found, known, options)
    if source is None or not words:
        return source
    fields = tuple(Field(field.name, Array("class", field.type.axes, words)) for field in source.fields)
    return replace(source, fields=fields)


def _whole(
    call: ast.Call, known: Known, name: FileSource, signature: str, read: ReadAll, largest: Callable[[Path, str], int]
) -> Source | None:
    """A source whose file has all fields."""
    paths = paths_of(call.args[0].value) if len(call.args) == 1 and call.args[0].name is None else None
    if paths is None:
        known.bag.add(source_errors.NeedsPath(call.span, name, signature, "file"))
        return None
    found = headers_of(name, paths, known, read)
    source = source_of(name, paths, found, known) if found is not None else None
    path, span = paths["train"]
    ask = partial(_asked, name, path, span, known)
    return None if source is None else replace(source, largest=lambda field: ask(lambda: largest(Path(path), field)))


def _asked(name: FileSource, path: str, span: Span, known: Known, question: Callable[[], int]) -> int:
    """The largest number of an array; a file that cannot be read is reported."""
    try:
        return question()
    except BadFile as error:
        known.bag.add(source_errors.UnreadableFile(span, name, path, str(error)))
        return -1


def _by_field(
    call: ast.Call, known: Known, name: FileSource, signature: str, read: ReadOne, largest: Callable[[Path], int]
) -> Source | None:
    """A source with a file for each field."""
    found: dict[SourcePart, dict[str, Header]] = {}
    files: list[File] = []
    for arg in call.args:
        paths = paths_of(arg.value) if arg.name is not None else None
        if paths is None or (found and list(found) != list(paths)):
            known.bag.add(source_errors.NeedsPathPerField(arg.span, name, signature))
            return None
        for part, (path, span) in paths.items():
            try:
                found.setdefault(part, {})[arg.name or ""] = examined(Path(path), read)
            except BadFile as error:
                known.bag.add(source_errors.UnreadableFile(span, name, path, str(error)))
                return None
            files.append(File(part, arg.name or "", path))
    if not found:
        known.bag.add(source_errors.NeedsPathPerField(call.span, name, signature))
        return None
    spans: Paths = {part: (_of_part(files, part), call.span) for part in found}
    source = source_of(name, spans, found, known)
    if source is None:
        return None
    of_train = {file.field: file.path for file in files if file.part == "train"}

    def asked(field: str) -> int:
        return _asked(name, of_train[field], call.span, known, lambda: largest(Path(of_train[field])))

    return Source(name, source.fields, source.parts, None, tuple(files), largest=asked)


def _of_part(files: list[File], part: SourcePart) -> str:
    return ", ".join(file.path for file in files if file.part == part)


def paths_of(value: ast.Expr) -> Paths | None:
    """`"path"`, or `{ train: "path", test: "path" }`."""
    match value:
        case ast.Text(path):
            return {"train": (path, value.span)}
        case ast.Record(entries):
            paths: Paths = {}
            for entry in entries:
                part = next((part for part in PARTS if part == entry.path and part not in paths), None)
                if part is None or not isinstance(entry.value, ast.Text):
                    return None
                paths[part] = entry.value.text, entry.value.span
            return {part: paths[part] for part in PARTS if part in paths} if "train" in paths else None
        case _:
            return None


def headers_of(name: FileSource, paths: Paths, known: Known, read: Callable[[Path], H]) -> dict[SourcePart, H] | None:
    """The headers of each part's file; None when one cannot be read (reported)."""
    found: dict[SourcePart, H] = {}
    for part, (path, span) in paths.items():
        try:
            found[part] = examined(Path(path), read)
        except BadFile as error:
            known.bag.add(source_errors.UnreadableFile(span, name, path, str(error)))
            return None
    return found


def source_of(
    name: FileSource,
    paths: Paths,
    found: Mapping[SourcePart, Headers],
    known: Known,
    options: tuple[tuple[str, Option], ...] = (),
    columns: Columns = (),
) -> Source | None:
    """The source whose fields have these headers; the parts must have the same fields."""
    fields: dict[SourcePart, tuple[Field, ...]] = {}
    counts: dict[SourcePart, int] = {}
    for part, headers in found.items():
        path, span = paths[part]
        usable = {n: h for n, h in headers.items() if n.isidentifier() and _element(h) is not None}
        lengths = {n: h.shape[0] for n, h in usable.items()}
        if not usable:
            known.bag.add(source_errors.NoArrays(span, name, path))
            return None
        if len(set(lengths.values())) > 1:
            known.bag.add(source_errors.UnequalLengths(span, name, path, tuple(lengths.items())))
            return None
        if not next(iter(lengths.values())):
            known.bag.add(source_errors.NoExamples(span, name, path))
            return None
        counts[part] = next(iter(lengths.values()))
        fields[part] = tuple(
            Field(n, Array(_element(h) or "real", (EXAMPLE, *sizes(*h.shape[1:]))), _whole_numbers(h))
            for n, h in usable.items()
        )
    for part, own in fields.items():
        differ = {(field.name, field.type) for field in own} ^ {(field.name, field.type) for field in fields["train"]}
        if differ:
            path, span = paths[part]
            names = tuple(sorted({name for name, _ in differ}))
            known.bag.add(source_errors.PartsDiffer(span, name, path, paths["train"][0], names))
            return None
    fraction = {field.name for own in fields.values() for field in own if not field.whole}
    joined = tuple(replace(field, whole=field.name not in fraction) for field in fields["train"])
    files = tuple(File(part, "", path) for part, (path, _) in paths.items())
    return Source(name, joined, counts, None, files, columns, options)


def _whole_numbers(header: Header) -> bool:
    """Whether numbers may be labels (one to an example) or token ids (several); several bytes are pixels."""
    return header.kind[0] in "iu" and (header.kind != "u1" or len(header.shape) == 1)


def _element(header: Header) -> Element | None:
    """What the numbers of a header are; None for what no feature can read."""
    if not header.shape:
        return None
    match header.kind[0]:
        case "u" if header.kind == "u1" and len(header.shape) > 1:
            return "byte"
        case "U" if header.shape[1:] == () and header.kind == TEXT:
            return "class"
        case "f" | "i" | "u" | "b":
            return "real"
        case _:
            return None
