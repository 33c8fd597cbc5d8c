"""Mistakes in the call of a data source (E0303), and in the files that it names (E0503)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.compiler.check.errors.argument_errors import BadCall

FileSource = Literal["npz", "npy", "idx", "csv", "parquet", "images", "text"]
_FILES: dict[FileSource, str] = {
    "npz": "write it with numpy.savez: arrays of equal length, such as image [n, 28, 28] and label [n]",
    "npy": "write each with numpy.save: the first axis counts the examples, and all files have the same length",
    "idx": "expected the format of MNIST's files, plain or compressed with gzip",
    "csv": "the first line names the columns; every other line has one value per column",
    "parquet": "columns hold numbers, or strings that are class labels",
    "images": "put the images into one folder per class: folder/cats/1.png, folder/dogs/1.png",
    "text": "any file longer than one window will do",
}


class BadData(Diagnostic):
    """A file that a source cannot use."""

    code: ClassVar[str] = "E0503"
    source: FileSource
    path: str

    def message(self) -> str:
        return f"cannot use `{self.path}`: {self.problem()}"

    def problem(self) -> str:
        """What is wrong with the file."""
        return ""

    def label(self) -> str:
        return "this file"

    def help(self) -> str:
        return _FILES[self.source]


class UnreadableFile(BadData):
    """A file whose header cannot be read; `reason` is the reader's (`BadFile` in common/headers)."""

    reason: str

    def problem(self) -> str:
        return self.reason

    def note(self) -> str:
        missing = self.reason.startswith("no such")
        return "paths are relative to the working directory of the command" if missing else ""


class NoArrays(BadData):
    def problem(self) -> str:
        what = "column" if self.source in ("csv", "parquet") else "numeric array"
        return f"it has no {what} whose name is an identifier"

    def help(self) -> str:
        if self.source in ("csv", "parquet"):
            return f'name the columns as strings, for example: {self.source}("data.{self.source}", x: ["shoe size"])'
        return BadData.help(self)


class UnequalLengths(BadData):
    lengths: tuple[tuple[str, int], ...]

    def problem(self) -> str:
        return f"the arrays have different lengths: {', '.join(f'{name} {length}' for name, length in self.lengths)}"


class NoExamples(BadData):
    def problem(self) -> str:
        return "it has no examples"


class PartsDiffer(BadData):
    train: str
    fields: tuple[str, ...]

    def problem(self) -> str:
        return f"it differs from {self.train} in {', '.join(f'`{name}`' for name in self.fields)}"


class NoColumn(BadData):
    column: str
    columns: tuple[str, ...]

    def problem(self) -> str:
        return f"it has no column `{self.column}`"

    def label(self) -> str:
        return "no such column"

    def note(self) -> str:
        shown = ", ".join(f"`{name}`" for name in self.columns[:12])
        more = len(self.columns) - 12
        return f"its columns are {shown}{f' and {more} more' if more > 0 else ''}"


class NotNumeric(BadData):
    """A column that a vector takes, with its first value that is not a number, if known."""

    column: str
    example: str

    def problem(self) -> str:
        where = f": {self.example}" if self.example else ""
        return f"the column `{self.column}` is not numeric{where}"

    def label(self) -> str:
        return "not numeric"


class NoColumns(BadCall):
    field: str

    def problem(self) -> str:
        return f"needs at least one column for `{self.field}`"

    def label(self) -> str:
        return "empty"


class NeedsPath(BadCall):
    kind: Literal["file", "folder"]

    def problem(self) -> str:
        return f"needs the path of a {self.kind}"


class NeedsPathPerField(BadCall):
    def problem(self) -> str:
        return "needs a name and a path for each field, all with the same parts"


class NeedsWindow(BadCall):
    def problem(self) -> str:
        return "needs the path of a file and the length of a window"

    def note(self) -> str:
        return "a window is counted in bytes, or in words where `words` gives the size of the vocabulary"


class NotAColumn(BadCall):
    found: str

    def problem(self) -> str:
        return "takes names of columns"

    def label(self) -> str:
        return f"found {self.found}"


class NotASeparator(BadCall):
    found: str

    def problem(self) -> str:
        return "takes one character as its separator"

    def label(self) -> str:
        return f"found {self.found}"

    def note(self) -> str:
        return 'by default, the most frequent of `,` `;` `|` and tab in the first line; a tab is written "tab"'


class NeedsAlphabets(BadCall):
    def problem(self) -> str:
        return "needs a set of alphabets"


class NeedsKind(BadCall):
    def problem(self) -> str:
        return "needs a kind of data"


class NotAFieldType(BadCall):
    found: str

    def problem(self) -> str:
        return "takes a type for each field"

    def label(self) -> str:
        return f"{self.found} is not a field type"

    def note(self) -> str:
        return "a field type is real[n], byte[n, m] or class[n]"


class NeedsFields(BadCall):
    what: Literal["function", "name"]

    def problem(self) -> str:
        return f"needs a {self.what}, the type of each field, and the number of training examples"


class NotAFunctionPath(BadCall):
    found: str

    def problem(self) -> str:
        return 'takes a function as "module:function"'

    def label(self) -> str:
        return f"found {self.found}"
