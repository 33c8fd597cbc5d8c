"""Arguments that do not fit what is called: a source, an update rule, `image` (E0303)."""

from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.diagnostics.suggest import by_meaning, nearest
from drmadc.common.source import Span
from drmadc_common.amounts import count_text


class BadCall(Diagnostic):
    """A call whose arguments do not fit; `signature` shows how it is written."""

    code: ClassVar[str] = "E0303"
    function: str
    signature: str

    def message(self) -> str:
        return f"`{self.function}` {self.problem()}"

    def problem(self) -> str:
        """What does not fit, after the function's name."""
        return ""

    def label(self) -> str:
        return "in this call"

    def help(self) -> str:
        return f"usage: {self.signature}"


class UnexpectedArgument(BadCall):
    found: str

    def problem(self) -> str:
        return f"does not take `{self.found}`"


class TakesNoArguments(BadCall):
    def problem(self) -> str:
        return "takes no arguments"


class ClipArguments(BadCall):
    """`clip` without its norm, or without its rule."""

    def problem(self) -> str:
        return "takes `norm` and an update rule"


class BadRuleCall(BadCall):
    """A call of an update rule, declared at `declared`."""

    declared: Span

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared, "declared here"),)


class TooManyArguments(BadRuleCall):
    most: int

    def problem(self) -> str:
        return f"takes at most {count_text(self.most, 'argument')}"


class NoParameter(BadRuleCall):
    name: str
    candidates: tuple[str, ...]

    def problem(self) -> str:
        return f"has no argument `{self.name}`"

    def help(self) -> str:
        meant = by_meaning(self.name, self.candidates, "argument")
        near = nearest(self.name, self.candidates)
        hint = meant or (f"did you mean `{near}`?" if near else "")
        return f"{hint} {BadRuleCall.help(self)}".strip()


class ArgumentTwice(BadRuleCall):
    name: str

    def problem(self) -> str:
        return f"is given `{self.name}` twice"


class MissingArgument(BadRuleCall):
    name: str

    def problem(self) -> str:
        return f"needs the argument `{self.name}`"


class RangeIsLabels(BadCall):
    """`y: class[10] = range(9)` in learned data, or `y = range(10)`."""

    name: str
    classes: str

    def problem(self) -> str:
        return f"gives class[{self.classes}]"

    def help(self) -> str:
        return f"declare `{self.name}: class[{self.classes}] = range({self.classes})`"


class ImageArguments(BadCall):
    def problem(self) -> str:
        return "takes a hyperparameter, rows and columns"


class ImageShape(BadCall):
    found: str
    rows: int
    columns: int

    def problem(self) -> str:
        return f"cannot reshape {self.found} into {self.rows}×{self.columns} images"


class ModelArguments(BadCall):
    wanted: int
    found: int

    def problem(self) -> str:
        given = f"{self.found} {'was' if self.found == 1 else 'were'} given"
        return f"takes {count_text(self.wanted, 'argument')}, but {given}"


class ModelInput(BadCall):
    input: str
    wanted: str
    found: str

    def problem(self) -> str:
        return f"takes a per-example {self.wanted} as its input `{self.input}`"

    def label(self) -> str:
        return f"found {self.found}"


class ModelTasks(BadCall):
    """`own`: the model has parameters for each task."""

    own: bool

    def problem(self) -> str:
        if self.own:
            return "has parameters for each task, and takes inputs with an axis `task`"
        return "takes inputs that all have an axis `task`, or none of them"
