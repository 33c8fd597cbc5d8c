"""Arguments that do not fit what is called: a source, an update rule, `image` (E0303)."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span


@dataclass(frozen=True, slots=True)
class BadCall(Diagnostic):
    """A call whose arguments do not fit; `signature` shows how it is written."""

    code: ClassVar[str] = "E0303"
    function: str
    signature: str

    def message(self) -> str:
        return f"`{self.function}`: {self.problem()}"

    def problem(self) -> str:
        """What is wrong with the arguments."""
        return ""

    def label(self) -> str:
        return "wrong arguments"

    def help(self) -> str:
        return f"usage: {self.signature}"


@dataclass(frozen=True, slots=True)
class UnexpectedArgument(BadCall):
    found: str

    def problem(self) -> str:
        return f"unexpected argument `{self.found}`"


@dataclass(frozen=True, slots=True)
class TakesNoArguments(BadCall):
    def problem(self) -> str:
        return "takes no arguments"


@dataclass(frozen=True, slots=True)
class BadRuleCall(BadCall):
    """A call of an update rule, declared at `declared`."""

    declared: Span

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared, "declared here"),)


@dataclass(frozen=True, slots=True)
class TooManyArguments(BadRuleCall):
    most: int

    def problem(self) -> str:
        return f"takes at most {self.most} argument{'' if self.most == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class NoParameter(BadRuleCall):
    name: str

    def problem(self) -> str:
        return f"unexpected argument `{self.name}`"


@dataclass(frozen=True, slots=True)
class ArgumentTwice(BadRuleCall):
    name: str

    def problem(self) -> str:
        return f"`{self.name}` is given twice"


@dataclass(frozen=True, slots=True)
class MissingArgument(BadRuleCall):
    name: str

    def problem(self) -> str:
        return f"missing argument `{self.name}`"


@dataclass(frozen=True, slots=True)
class RangeIsLabels(BadCall):
    """`y: class[10] = range(9)` in learned data."""

    name: str
    classes: str

    def problem(self) -> str:
        return f"gives class labels: write `{self.name}: class[{self.classes}] = range({self.classes})`"


@dataclass(frozen=True, slots=True)
class ImageArguments(BadCall):
    def problem(self) -> str:
        return "takes a hyperparameter, rows and columns"


@dataclass(frozen=True, slots=True)
class ImageShape(BadCall):
    found: str
    rows: int
    columns: int

    def problem(self) -> str:
        return f"cannot reshape {self.found} into {self.rows}×{self.columns} images"
