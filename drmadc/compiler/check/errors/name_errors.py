"""Mistakes of naming (E02): unknown, repeated, missing, unused."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic, Severity
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.common.source import Span


class UnknownSetting(Diagnostic):
    code: ClassVar[str] = "E0202"
    name: str
    block: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.block}` has no setting `{self.name}`"

    def label(self) -> str:
        return "unknown setting"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "setting", self.block.partition(" ")[0])


class UnknownName(Diagnostic):
    code: ClassVar[str] = "E0203"
    name: str
    candidates: tuple[str, ...]
    kind: str = "name"

    def message(self) -> str:
        return f"unknown {self.kind} `{self.name}`"

    def label(self) -> str:
        return "not declared"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, self.kind)


class Renamed(Diagnostic):
    """A name of an earlier version."""

    code: ClassVar[str] = "E0203"
    name: str
    now: str

    def message(self) -> str:
        return f"`{self.name}` is now called `{self.now}`"

    def label(self) -> str:
        return "renamed"

    def help(self) -> str:
        return f"write `{self.now}`"


class UnknownFunction(Diagnostic):
    code: ClassVar[str] = "E0204"
    name: str
    candidates: tuple[str, ...]
    kind: str = "function"

    def message(self) -> str:
        return f"unknown {self.kind} `{self.name}`"

    def label(self) -> str:
        return f"no such {self.kind}"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, self.kind)


class DeclaredTwice(Diagnostic):
    code: ClassVar[str] = "E0205"
    name: str
    first: Span

    def message(self) -> str:
        return f"`{self.name}` is declared twice"

    def label(self) -> str:
        return "declared again here"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.first, "first declared here"),)

    def help(self) -> str:
        return "remove one, or give it another name"


class GivenTwice(Diagnostic):
    code: ClassVar[str] = "E0206"
    name: str
    first: Span

    def message(self) -> str:
        return f"`{self.name}` is given twice"

    def label(self) -> str:
        return "given again here"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.first, "first given here"),)

    def help(self) -> str:
        return "remove one of the two"


class MissingBlock(Diagnostic):
    code: ClassVar[str] = "E0207"
    keyword: Literal["train", "tune", "hyper", "model", "report"]

    def message(self) -> str:
        return f"missing `{self.keyword}` declaration"

    def label(self) -> str:
        return (
            f"needs a `{self.keyword}` block" if self.keyword == "report" else f"the spec ends without `{self.keyword}`"
        )

    def note(self) -> str:
        return {
            "train": "`train` declares the loss, the update rule and the number of steps",
            "tune": "`tune` declares the objective, the reverse strategy and the outer update",
            "hyper": "without hyperparameters there is nothing to tune",
            "model": "without `model` or `params` there is nothing to train",
            "report": "`retrain` compares its arms by the values in `report`",
        }[self.keyword]

    def help(self) -> str:
        example = {
            "train": "train { loss = f  update = sgd(rate: 0.1)  steps = 100 }",
            "tune": "tune { minimize = f  reverse = exact()  update = adam(rate: 0.04)  steps = 20 }",
            "hyper": "hyper rate: positive = 0.1",
            "model": "params w: real[2] = [1.4, 3.9]",
            "report": "report { test = error(mlp(x), y) on test }",
        }[self.keyword]
        return f"add one, for example: {example}"


class MissingSetting(Diagnostic):
    code: ClassVar[str] = "E0208"
    block: str
    name: str
    example: str

    def message(self) -> str:
        return f"`{self.block}` needs a setting `{self.name}`"

    def label(self) -> str:
        return f"no `{self.name}` in this block"

    def help(self) -> str:
        return f"add it, for example: {self.example}"


class UnknownMember(Diagnostic):
    code: ClassVar[str] = "E0209"
    base: str
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.base}` has no layer or group `{self.name}`"

    def label(self) -> str:
        return f"not a member of `{self.base}`"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "member")


class UnknownAxis(Diagnostic):
    code: ClassVar[str] = "E0210"
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"unknown axis `{self.name}`"

    def label(self) -> str:
        return "not an axis of a hyperparameter"

    def note(self) -> str:
        return "an axis is a size, `step`, `step(bins: n)`, `task`, `example of DATA.train`, or `KIND of GROUP`"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "axis kind")


class UnknownType(Diagnostic):
    code: ClassVar[str] = "E0211"
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"unknown type `{self.name}`"

    def label(self) -> str:
        return "not a type that is allowed here"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "type")


class Circular(Diagnostic):
    code: ClassVar[str] = "E0212"
    name: str

    def message(self) -> str:
        return f"`{self.name}` is defined in terms of itself"

    def label(self) -> str:
        return "the cycle closes here"

    def help(self) -> str:
        return "break the cycle: define it by other names"


class NotAnOverride(Diagnostic):
    code: ClassVar[str] = "E0213"
    text: str

    def message(self) -> str:
        return f"`{self.text}` is not an override"

    def label(self) -> str:
        return "given on the command line"

    def help(self) -> str:
        return "write BLOCK.SETTING=VALUE or HYPERPARAMETER=VALUE, for example train.steps=500"


class OverriddenTwice(Diagnostic):
    code: ClassVar[str] = "E0213"
    target: str

    def message(self) -> str:
        return f"`{self.target}` is overridden twice"

    def label(self) -> str:
        return "given on the command line"

    def help(self) -> str:
        return "remove one of the two"


class UnknownTarget(Diagnostic):
    code: ClassVar[str] = "E0213"
    target: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"cannot override `{self.target}`: the spec has no such setting or hyperparameter"

    def label(self) -> str:
        return "given on the command line"

    def help(self) -> str:
        return did_you_mean(self.target, self.candidates, "target")


class ReservedName(Diagnostic):
    code: ClassVar[str] = "E0214"
    name: str
    meaning: str

    def message(self) -> str:
        return f"`{self.name}` is reserved: it is {self.meaning}"

    def label(self) -> str:
        return "reserved name"

    def help(self) -> str:
        return f"choose another name, for example `my_{self.name}`"


class Unused(Diagnostic):
    code: ClassVar[str] = "W0201"
    severity: ClassVar[Severity] = "warning"
    kind: Literal["let", "model", "update", "feature"]
    name: str

    def message(self) -> str:
        return f"the {self.kind} `{self.name}` is never used"

    def label(self) -> str:
        return "not used"

    def help(self) -> str:
        return "use it or remove it"
