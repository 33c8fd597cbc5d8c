"""Mistakes in `data` blocks: sources, splits, labels, learned examples (E0302, E05)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic, Severity
from drmadc.common.source import Span
from drmadc.compiler.check.errors.value_errors import Found
from drmadc_common.amounts import count_text


class SecondSource(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    first: Span

    def message(self) -> str:
        return f"`data {self.name}` is a second data source"

    def label(self) -> str:
        return "a spec has one source"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.first, "the first source"),)

    def help(self) -> str:
        return "to train on learned data, make one block of hyperparameters and name it by `data` in `train`"


class NotASource(Found):
    """`source = digits`; `named`: the built-in data set that it names, if any."""

    named: str

    def message(self) -> str:
        return "`source` must be a call"

    def help(self) -> str:
        if self.named:
            return f"write `{self.named}()`"
        return 'for example: mnist(), or csv("flowers.csv", x: [width, length], kind: species)'


class SplitSize(Found):
    def message(self) -> str:
        return "a split size must be a positive integer or a fraction"

    def help(self) -> str:
        return "for example: split = { train: 0.8, valid: 0.2 }"


class MixedSplitSizes(Found):
    def message(self) -> str:
        return "split sizes must be all counts, or all fractions that add up to at most 1"


class SplitTooLarge(Diagnostic):
    code: ClassVar[str] = "E0501"
    source: str
    part: str
    wanted: int
    available: int

    def message(self) -> str:
        return (
            f"the splits need {self.wanted} examples, but the {self.part} set of `{self.source}` has {self.available}"
        )

    def label(self) -> str:
        return f"{self.wanted - self.available} too many"

    def note(self) -> str:
        return "`train` and `valid` are drawn from the source's training set, `test` from its test set"

    def help(self) -> str:
        return f"lower the sizes by {self.wanted - self.available}"


class TooManyDrawers(Diagnostic):
    code: ClassVar[str] = "E0501"
    wanted: int
    available: int

    def message(self) -> str:
        return f"the splits need {self.wanted} drawings of each character, but the data has {self.available}"

    def label(self) -> str:
        return f"{self.wanted - self.available} too many"

    def help(self) -> str:
        return f"lower the sizes by {self.wanted - self.available}"


class StratifyAndBalance(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "`balance` and `stratify` exclude each other"

    def label(self) -> str:
        return "given beside `stratify`"

    def note(self) -> str:
        return "`balance` draws equally many examples of each class, `stratify` keeps the classes' shares"


class UnevenBalance(Diagnostic):
    code: ClassVar[str] = "E0302"
    split: str
    size: int
    classes: int

    def message(self) -> str:
        return f"`balance` needs splits whose sizes are multiples of {self.classes}, the number of classes"

    def label(self) -> str:
        return f"found {self.split}: {self.size}"


class FoldSizes(Diagnostic):
    code: ClassVar[str] = "E0302"
    folds: int
    train: int
    valid: int

    def message(self) -> str:
        return f"`folds = {self.folds}` needs a train split {self.folds - 1} times as large as valid"

    def label(self) -> str:
        return f"found train: {self.train}, valid: {self.valid}"


class NotALabel(Found):
    setting: Literal["stratify", "balance"]
    labels: tuple[str, ...]

    def message(self) -> str:
        if not self.labels:
            return f"`{self.setting}` needs class labels, and the source has none"
        return f"`{self.setting}` must name a class label of the source"

    def help(self) -> str:
        return f"labels: {', '.join(self.labels)}" if self.labels else f"remove `{self.setting}`"


class OverlappingWindows(Diagnostic):
    """Text that is in training windows and in held-out ones."""

    code: ClassVar[str] = "W0501"
    severity: ClassVar[Severity] = "warning"
    window: int
    stride: int
    held_out: tuple[str, ...]

    def message(self) -> str:
        names = " and ".join(f"`{name}`" for name in self.held_out)
        return f"windows overlap, so that text of `train` is in {names}"

    def label(self) -> str:
        return f"windows of {self.window}, one each {self.stride}"

    def help(self) -> str:
        parts = ", ".join(f'{name}: "{name}.txt"' for name in ("train", *self.held_out))
        return f"give the parts as files of their own: text({{ {parts} }}, ...)"


class MissingValues(Diagnostic):
    """A field that is read as if it had no missing values."""

    code: ClassVar[str] = "E0504"
    field: str
    columns: tuple[tuple[str, int], ...]
    rows: int
    words: bool

    def message(self) -> str:
        (column, count), *more = self.columns
        if not more:
            return f"the column `{column}` has {count_text(count, 'missing value')} in {count_text(self.rows, 'row')}"
        shown = ", ".join(f"`{name}` {number:,}" for name, number in self.columns[:6])
        rest = f" and {len(self.columns) - 6} more" if len(self.columns) > 6 else ""
        return f"columns have missing values in {count_text(self.rows, 'row')}: {shown}{rest}"

    def label(self) -> str:
        return "read here as if it were complete"

    def note(self) -> str:
        return "missing is a cell that is empty, or NA, N/A, NaN, null, None or ?"

    def help(self) -> str:
        value = "most_frequent" if self.words else "median"
        mark = f", and mark them as a feature: `is_missing({self.field})`"
        return f"fill them: `missing({self.field}, {value})`{mark}; or remove these rows"


class MoreWords(Diagnostic):
    """A label of words that are more than its classes."""

    code: ClassVar[str] = "E0306"
    field: str
    words: tuple[str, ...]
    classes: int
    declared: Span

    def message(self) -> str:
        shown = ", ".join(f"`{word}`" for word in self.words[:6])
        more = ", ..." if len(self.words) > 6 else ""
        return f"`{self.field}` has {len(self.words)} different words ({shown}{more}), not {self.classes}"

    def label(self) -> str:
        return f"{len(self.words)} classes"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared, "declared here"),)

    def help(self) -> str:
        return f"write `class[{len(self.words)}]`"


class ClassWithoutCount(Found):
    def message(self) -> str:
        return "a class label needs its number of classes"

    def help(self) -> str:
        return "for example: class[10]"


class LearnedFeature(Found):
    def message(self) -> str:
        return "a learned feature must be an array whose first axis counts the examples"

    def help(self) -> str:
        return "for example a hyperparameter real[10, 784]: 10 examples of 784 numbers"


class LearnedSizes(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    sizes: tuple[int, ...]

    def message(self) -> str:
        if not self.sizes:
            return f"the learned data `{self.name}` needs a feature made of hyperparameters"
        return f"the features of the learned data `{self.name}` have different numbers of examples"

    def label(self) -> str:
        return f"found {' and '.join(map(str, self.sizes))} examples" if self.sizes else "only labels"


class NoTasks(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "an axis `task` needs data with tasks"

    def label(self) -> str:
        return "this data has no tasks"

    def help(self) -> str:
        return "for example: source = omniglot(small1)"


class NotStreamable(Diagnostic):
    code: ClassVar[str] = "E0302"
    reason: str

    def message(self) -> str:
        return "`feed = streamed` is not supported by this program"

    def label(self) -> str:
        return "cannot be streamed"

    def note(self) -> str:
        return self.reason

    def help(self) -> str:
        return "write `feed = resident`, or remove the setting"


class BatchTooLarge(Diagnostic):
    code: ClassVar[str] = "E0502"
    batch: int
    train: int
    split_span: Span

    def message(self) -> str:
        return f"`batch` is {self.batch}, but the train split has only {self.train} examples"

    def label(self) -> str:
        return "too large"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.split_span, f"{self.train} training examples"),)

    def help(self) -> str:
        return "write `batch = all` for the whole split, or a smaller number"
