"""What each column of a table becomes in a first spec: a number, words, the label; or why it is left out."""

from dataclasses import dataclass, field
from math import ceil

from drmadc.common.headers.tables import Table
from drmadc.syntax.ast import RESERVED

MOST_WORDS = 50
MOST_CLASSES = 50
ID_ENDINGS = ("id", "index", "number", "no", "nr", "key", "code")


class NoLabel(ValueError):
    """A column that cannot be predicted; says why."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words: the field that reads it, its words, and how many values are missing."""

    field: str
    words: tuple[str, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Label:
    """What is predicted: names of its classes, or none for a number."""

    column: str
    classes: int
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """The columns of a table by what becomes of them, in the order of the file.

    `complete` are numbers without missing values, `gaps` those with some and how many; `dates` are among both.
    """

    label: Label
    complete: list[str] = field(default_factory=list)
    gaps: dict[str, int] = field(default_factory=dict)
    dates: list[str] = field(default_factory=list)
    words: dict[str, Words] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """The length of the vector of features."""
        of_words = sum(len(entry.words) + bool(entry.missing) for entry in self.words.values())
        return len(self.complete) + 2 * len(self.gaps) + of_words

    def fields(self) -> list[str]:
        """The arguments of the source that read the columns."""
        out = [f"numbers: [{', '.join(map(quoted, self.complete))}]"] if self.complete else []
        out += [f"gaps: [{', '.join(map(quoted, self.gaps))}]"] if self.gaps else []
        out += [f"{entry.field}: {quoted(column)}" for column, entry in self.words.items()]
        label = quoted(self.label.column)
        return [*out, f"target: {label if self.label.classes else f'[{label}]'}"]

    def feature(self) -> str:
        """The vector of all that is used."""
        out = ["standardise(numbers)"] if self.complete else []
        out += ["standardise(missing(gaps, median))", "is_missing(gaps)"] if self.gaps else []
        for entry in self.words.values():
            filled = f"missing({entry.field}, most_frequent)" if entry.missing else entry.field
            out += [f"one_hot({filled})", *([f"is_missing({entry.field})"] if entry.missing else [])]
        return out[0] if len(out) == 1 else f"concat({', '.join(out)})"

    def lines(self) -> list[str]:
        """What became of each column, in words."""
        of_label = f"{self.label.classes} classes" if self.label.classes else "a number, standardised"
        if self.label.names:
            of_label = shown(self.label.names)
        out = [f"to predict: {self.label.column} ({of_label})"]
        if self.complete:
            out.append(f"numbers, standardised: {', '.join(self.complete)}")
        if self.gaps:
            counts = ", ".join(f"{name} ({count:,} missing)" for name, count in self.gaps.items())
            out.append(f"numbers, missing ones filled with the median and marked: {counts}")
        if self.dates:
            out.append(f"of these dates, as days since 1970: {', '.join(self.dates)}")
        if self.words:
            texts = []
            for name, entry in self.words.items():
                missing = f", {entry.missing:,} missing" if entry.missing else ""
                texts.append(f"{name} ({len(entry.words)}{missing})")
            out.append(f"words, one-hot: {', '.join(texts)}")
        if self.left_out:
            out.append(f"left out: {', '.join(f'{name} ({why})' for name, why in self.left_out.items())}")
        return out


def plan_of(table: Table, target: str) -> Plan:
    """What becomes of each column of a table, one of which is to be predicted.

    Raises:
        NoLabel: this one cannot be.
        BadFile: a row of the file cannot be read.
    """
    plan = Plan(_label(table, target))
    taken = {"numbers", "gaps", "target", "separator"}
    for name in table:
        if name == target:
            continue
        header = table[name]
        missing = sum(count for _, count in header.missing)
        rows = header.shape[0] - missing
        why = _why_not(table, name, rows, missing)
        if why:
            plan.left_out[name] = why
        elif header.kind == "U":
            plan.words[name] = Words(_field_name(name, taken), table.words(name), missing)
        else:
            if missing:
                plan.gaps[name] = missing
            else:
                plan.complete.append(name)
            if table.is_date(name):
                plan.dates.append(name)
    return plan


def _why_not(table: Table, name: str, rows: int, missing: int) -> str:
    """Why a column is left out; "" where it is not."""
    kind = table[name].kind
    if not quotable(name):
        return "its name cannot be written in a spec"
    if kind not in ("U", "i8", "f8"):
        return "neither numbers nor words"
    if not rows:
        return "all missing"
    values: frozenset[float] | tuple[str, ...] = table.words(name) if kind == "U" else table.numbers(name)
    if len(values) == 1 and not missing:
        return f"always `{next(iter(values)):g}`" if kind != "U" else f"always `{next(iter(values))}`"
    if rows > 2 and len(values) == rows and (kind == "U" or (kind == "i8" and _counts(name, values))):
        return "every value is different"
    if kind == "U" and len(values) > MOST_WORDS:
        return f"{len(values):,} different words"
    return ""


def _counts(name: str, values: frozenset[float] | tuple[str, ...]) -> bool:
    """Whether different whole numbers count the rows, or are called an identifier."""
    numbers = [value for value in values if isinstance(value, float)]
    words = name.lower().replace("_", " ").replace("-", " ").split()
    named = not words or words[-1] in ID_ENDINGS or name.endswith(("ID", "Id"))
    return named or max(numbers) - min(numbers) + 1 == len(numbers)


def _label(table: Table, target: str) -> Label:
    header = table[target]
    missing = sum(count for _, count in header.missing)
    if missing:
        raise NoLabel(f"`{target}` has {missing:,} missing values; remove these rows, or choose another with --label")
    if not quotable(target) or header.kind not in ("U", "i8", "f8"):
        raise NoLabel(f"`{target}` cannot be predicted; choose another with --label")
    values: frozenset[float] | tuple[str, ...] = table.words(target) if header.kind == "U" else table.numbers(target)
    if len(values) < 2:
        raise NoLabel(f"`{target}` has the same value in every row; choose another with --label")
    if header.kind == "U":
        words = table.words(target)
        if len(words) > ceil(header.shape[0] / 2):
            words_of = f"{len(words):,} different words in {header.shape[0]:,} rows"
            raise NoLabel(f"`{target}` has {words_of}; choose another with --label")
        return Label(target, len(words), words)
    if header.kind == "i8" and 0 <= table.largest(target) < MOST_CLASSES:
        return Label(target, table.largest(target) + 1)
    return Label(target, 0)


def _field_name(column: str, taken: set[str]) -> str:
    """A name for the field of a column, close to its own."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in column).strip("_")
    name = plain if plain[:1].isalpha() else f"words_{plain}".rstrip("_")
    while name in taken or name in RESERVED:
        name += "_"
    taken.add(name)
    return name


def quoted(name: str) -> str:
    """A column as a spec writes it."""
    return name if name.isidentifier() and name.isascii() and name not in RESERVED else f'"{name}"'


def quotable(name: str) -> bool:
    """Whether a spec can name a column."""
    return bool(name) and '"' not in name and "\n" not in name


def shown(names: tuple[str, ...]) -> str:
    """The first names of many."""
    return f"{', '.join(names[:8])}{f' and {len(names) - 8} more' if len(names) > 8 else ''}"
