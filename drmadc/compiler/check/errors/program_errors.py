"""Mistakes of the program as a whole: differentiability and strategies (E04)."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic, Severity
from drmadc.common.source import Span


@dataclass(frozen=True, slots=True)
class Unreachable(Diagnostic):
    code: ClassVar[str] = "E0401"
    name: str
    reason: str
    advice: str

    def message(self) -> str:
        return f"the objective does not depend on the hyperparameter `{self.name}`"

    def label(self) -> str:
        return "its hypergradient would be 0"

    def note(self) -> str:
        return self.reason

    def help(self) -> str:
        return self.advice


@dataclass(frozen=True, slots=True)
class BadReverse(Diagnostic):
    code: ClassVar[str] = "E0402"
    problem: str
    place: str
    advice: str

    def message(self) -> str:
        return self.problem

    def label(self) -> str:
        return self.place

    def help(self) -> str:
        return self.advice


@dataclass(frozen=True, slots=True)
class NotSupported(Diagnostic):
    code: ClassVar[str] = "E0404"
    strategy: str
    hyper: str
    reason: str
    advice: str
    hyper_span: Span | None

    def message(self) -> str:
        if not self.hyper:
            return f"{self.strategy} cannot serve this program"
        return f"{self.strategy} cannot serve the hyperparameter `{self.hyper}`"

    def label(self) -> str:
        return "this strategy"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.hyper_span, "declared here"),) if self.hyper_span is not None else ()

    def note(self) -> str:
        return self.reason

    def help(self) -> str:
        return self.advice


@dataclass(frozen=True, slots=True)
class TooLittleMemory(Diagnostic):
    code: ClassVar[str] = "E0405"
    bound: str
    smallest: str
    need: str
    advice: str

    def message(self) -> str:
        return f"no strategy fits {self.bound}"

    def label(self) -> str:
        return f"{self.smallest}, which needs least, takes {self.need}"

    def note(self) -> str:
        return "predicted from the shapes: path, one training step and the outer objective; data not counted"

    def help(self) -> str:
        return self.advice


@dataclass(frozen=True, slots=True)
class Unreached(Diagnostic):
    code: ClassVar[str] = "W0401"
    severity: ClassVar[Severity] = "warning"
    hyper: str
    steps: int
    hyper_span: Span | None

    def message(self) -> str:
        which = f"the first {self.steps} steps" if self.steps > 1 else "the first step"
        return f"the entries of `{self.hyper}` for {which} are never moved"

    def label(self) -> str:
        return "goes back no further"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.hyper_span, "declared over the training steps"),) if self.hyper_span is not None else ()

    def help(self) -> str:
        return "go back further, or write exact()"


@dataclass(frozen=True, slots=True)
class IncompleteRule(Diagnostic):
    code: ClassVar[str] = "E0403"
    rule: str
    problem: str

    def message(self) -> str:
        return f"the update rule `{self.rule}` {self.problem}"

    def label(self) -> str:
        return "this rule"

    def note(self) -> str:
        return "`w` is the parameter, `grad` its gradient, `t` the step; `NAME'` is a value after the step"

    def help(self) -> str:
        return "for example: update mine(rate: positive) { w' = w - rate * grad }"
