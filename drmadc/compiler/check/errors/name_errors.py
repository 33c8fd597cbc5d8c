"""Mistakes of naming (E02): unknown, repeated, missing, unused."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic, Severity
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.common.source import Span


@dataclass(frozen=True, slots=True)
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
        return did_you_mean(self.name, self.candidates, "setting")


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
        return "keep one of the two"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class UnknownMember(Diagnostic):
    code: ClassVar[str] = "E0209"
    base: str
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.base}` has no layer or group `{self.name}`"

    def label(self) -> str:
        return "not part of it"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "member")


@dataclass(frozen=True, slots=True)
class UnknownAxis(Diagnostic):
    code: ClassVar[str] = "E0210"
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"unknown axis `{self.name}`"

    def label(self) -> str:
        return "not an axis of a hyperparameter"

    def note(self) -> str:
        return "an axis is a size, `step`, `step(bins: n)`, or `KIND of GROUP`"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "axis kind")


@dataclass(frozen=True, slots=True)
class UnknownType(Diagnostic):
    code: ClassVar[str] = "E0211"
    name: str
    candidates: tuple[str, ...]

    def message(self) -> str:
        return f"unknown type `{self.name}`"

    def label(self) -> str:
        return "not a type that fits here"

    def help(self) -> str:
        return did_you_mean(self.name, self.candidates, "type")


@dataclass(frozen=True, slots=True)
class Circular(Diagnostic):
    code: ClassVar[str] = "E0212"
    name: str

    def message(self) -> str:
        return f"`{self.name}` is defined by itself"

    def label(self) -> str:
        return "this use closes the circle"

    def help(self) -> str:
        return "define it by other names"


@dataclass(frozen=True, slots=True)
class BadOverride(Diagnostic):
    code: ClassVar[str] = "E0213"
    reason: str
    candidates: tuple[str, ...] = ()
    name: str = ""

    def message(self) -> str:
        return self.reason

    def label(self) -> str:
        return "given on the command line"

    def help(self) -> str:
        if self.candidates:
            return did_you_mean(self.name, self.candidates, "target")
        return "write BLOCK.SETTING=VALUE or HYPERPARAMETER=VALUE, for example train.steps=500"


@dataclass(frozen=True, slots=True)
class ReservedName(Diagnostic):
    code: ClassVar[str] = "E0214"
    name: str
    meaning: str

    def message(self) -> str:
        return f"`{self.name}` cannot be declared: it is {self.meaning}"

    def label(self) -> str:
        return "taken by the language"

    def help(self) -> str:
        return f"choose another name, for example `my_{self.name}`"


@dataclass(frozen=True, slots=True)
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
