"""A data source: the fields of its examples, how many there are, and where the run finds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drmadc.ir.program import Alphabets, Columns, Field, File, Option
from drmadc_common.parts import SourcePart


def may_be_label(entry: Field) -> bool:
    """Whether a field may be a label of each example."""
    return entry.type.axes[1:] == () and (entry.type.element == "class" or entry.whole)


@dataclass(frozen=True, slots=True)
class Missing:
    """Missing values of a field: of each column that has some their number, and in how many rows they were counted."""

    columns: tuple[tuple[str, int], ...]
    rows: int


def _no_words(name: str) -> tuple[str, ...]:
    del name
    return ()


def _no_numbers(name: str) -> int:
    del name
    return -1


@dataclass(frozen=True)
class Source:
    """A source: its fields of each example, and the examples of its parts (of tasks: drawers of each character).

    Attributes:
        missing: the fields that have missing values.
        words: field -> its different words in the train part, sorted; none where it holds no words. Takes time.
        largest: field -> the largest of its whole numbers in the train part; -1 where there are none, or one is
            negative, or it is not known. Takes time.
    """

    name: str
    fields: tuple[Field, ...]
    parts: Mapping[SourcePart, int]
    alphabets: Alphabets | None = None
    files: tuple[File, ...] = ()
    columns: Columns = ()
    options: tuple[tuple[str, Option], ...] = ()
    missing: Mapping[str, Missing] = field(default_factory=dict)
    words: Callable[[str], tuple[str, ...]] = _no_words
    largest: Callable[[str], int] = _no_numbers
