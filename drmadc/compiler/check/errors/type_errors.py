"""Mistakes of type, shape and domain (E03)."""

from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span


class ShapeMismatch(Diagnostic):
    code: ClassVar[str] = "E0301"
    op: str
    left: str
    right: str
    left_span: Span
    right_span: Span

    def message(self) -> str:
        return f"`{self.op}` cannot combine {self.left} with {self.right}"

    def label(self) -> str:
        return "incompatible shapes"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.left_span, self.left), (self.right_span, self.right))

    def note(self) -> str:
        return "shapes are compatible when they are equal, when one is a scalar, or when a group axis covers the other"


class NotAScalar(Diagnostic):
    code: ClassVar[str] = "E0304"
    what: str
    found: str

    def message(self) -> str:
        return f"{self.what} must be a single number"

    def label(self) -> str:
        return f"found {self.found}"

    def help(self) -> str:
        return "reduce it with sum(...) or mean(...)"


class OutOfDomain(Diagnostic):
    code: ClassVar[str] = "E0305"
    name: str
    value: str
    domain: str
    declared: Span | None = None
    or_zero: bool = False

    def message(self) -> str:
        return f"{self.value} is outside the domain of `{self.name}`"

    def label(self) -> str:
        return f"not in `{self.domain}`"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared, f"`{self.name}` is declared {self.domain} here"),) if self.declared else ()

    def note(self) -> str:
        meaning = {"positive": "`positive` means x > 0", "unit": "`unit` means 0 < x < 1"}.get(self.domain, "")
        return f"{meaning} (a constant argument may be 0)" if self.or_zero and meaning else meaning

    def help(self) -> str:
        return {
            "positive": "give a positive number, or declare the hyperparameter `real`",
            "unit": "give a number below 1, for example 0.9",
        }.get(self.domain, "")


class WrongResult(Diagnostic):
    code: ClassVar[str] = "E0306"
    name: str
    declared: str
    found: str
    declared_span: Span

    def message(self) -> str:
        return f"`{self.name}` is declared {self.declared}, but its value is {self.found}"

    def label(self) -> str:
        return f"found {self.found}"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared_span, f"declared {self.declared}"),)

    def help(self) -> str:
        return "change one to match the other"


class NeedsSplit(Diagnostic):
    code: ClassVar[str] = "E0307"
    name: str
    splits: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.name}` needs a split here"

    def label(self) -> str:
        return "a feature of the data"

    def note(self) -> str:
        return "in `train`, data is the minibatch; in `tune` and `report`, `on` names the split"

    def help(self) -> str:
        split = "valid" if "valid" in self.splits or not self.splits else self.splits[0]
        return f"write `{self.name} on {split}`, or append `on {split}` to the whole expression"


class AxisDoesNotFit(Diagnostic):
    code: ClassVar[str] = "E0308"
    found: str
    group: str
    missing: str

    def message(self) -> str:
        return f"{self.found} has no entry for `{self.missing}`"

    def label(self) -> str:
        return f"combined here with `{self.group}`"

    def note(self) -> str:
        return "a hyperparameter broadcasts over a parameter group when its axis covers every array of the group"

    def help(self) -> str:
        return f"declare it over a group that contains `{self.missing}`, or combine it with fewer parameters"


class DomainMismatch(Diagnostic):
    code: ClassVar[str] = "E0309"
    rule: str
    param: str
    wanted: str
    hyper: str
    has: str
    declared: Span

    def message(self) -> str:
        return f"`{self.param}` of `{self.rule}` is `{self.wanted}`, but `{self.hyper}` is `{self.has}`"

    def label(self) -> str:
        return f"may leave `{self.wanted}` while it is tuned"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.declared, f"`{self.hyper}` is declared here"),)

    def help(self) -> str:
        return f"declare `hyper {self.hyper}: {self.wanted}[...]`"


class InitialisedTwice(Diagnostic):
    code: ClassVar[str] = "E0310"
    path: str
    first: Span

    def message(self) -> str:
        return f"`{self.path}` is initialised twice"

    def label(self) -> str:
        return "initialised again"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.first, "first initialised here"),)

    def help(self) -> str:
        return "initialise every array once at most, for example: init = { weights: normal(0.05), biases: 0 }"
