"""Mistakes of the program as a whole: differentiability and strategies (E04)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic, Severity
from drmadc.common.source import Span


class Unreachable(Diagnostic):
    code: ClassVar[str] = "E0401"
    name: str
    rule: str
    where: Literal["gradient", "rule", "report", "nowhere"]

    def message(self) -> str:
        return f"the objective does not depend on the hyperparameter `{self.name}`"

    def label(self) -> str:
        return "its hypergradient would be 0"

    def note(self) -> str:
        return {
            "gradient": f"it acts through the gradient, and the derivative of `{self.rule}` in the gradient is 0",
            "rule": f"`{self.rule}` uses it where its derivative is 0",
            "report": "it is used in `report` only",
            "nowhere": "it is never used",
        }[self.where]

    def help(self) -> str:
        return {
            "gradient": "train with a smooth rule such as sgd, heavy_ball or adam",
            "rule": "use it where it moves the parameters",
            "report": "use it in the loss, the update rule, the initial values or the objective",
            "nowhere": "use it in the loss, the update rule, the initial values or the objective, or remove it",
        }[self.where]


class Flat(Diagnostic):
    """A function that is to be minimised and whose derivative is 0 almost everywhere, because of `calls`."""

    code: ClassVar[str] = "E0406"
    what: Literal["objective", "loss"]
    calls: tuple[str, ...]
    surrogate: str

    def message(self) -> str:
        name = {"objective": "the objective", "loss": "the training loss"}[self.what]
        return f"the derivative of {name} is 0 almost everywhere"

    def label(self) -> str:
        return {
            "objective": "every hypergradient would be 0",
            "loss": "its gradient would be 0, and training would not move the parameters",
        }[self.what]

    def note(self) -> str:
        names = " and ".join(f"`{name}`" for name in self.calls)
        return f"{names} {'is' if len(self.calls) == 1 else 'are'} piecewise constant" if self.calls else ""

    def help(self) -> str:
        if not self.calls:
            return "minimise something that depends on trained parameters"
        rest = "; the exact value may stand in `report`" if self.what == "objective" else ""
        return f"minimise a smooth function instead, such as {self.surrogate}{rest}"


class FlatTerm(Flat):
    """The same of one term of a sum, whose other terms have a slope."""

    code: ClassVar[str] = "W0402"
    severity: ClassVar[Severity] = "warning"

    def message(self) -> str:
        name = {"objective": "the objective", "loss": "the training loss"}[self.what]
        return f"the derivative of a term of {name} is 0 almost everywhere"

    def label(self) -> str:
        return {
            "objective": "the term adds nothing to the hypergradient",
            "loss": "the term adds nothing to the gradient",
        }[self.what]


class NotSupported(Diagnostic):
    code: ClassVar[str] = "E0404"
    strategy: str
    hyper: str
    reason: str
    advice: str
    hyper_span: Span | None

    def message(self) -> str:
        if not self.hyper:
            return f"{self.strategy} does not support this program"
        return f"{self.strategy} does not support the hyperparameter `{self.hyper}`"

    def label(self) -> str:
        return "not supported"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.hyper_span, "declared here"),) if self.hyper_span is not None else ()

    def note(self) -> str:
        return self.reason

    def help(self) -> str:
        return self.advice


class TooLittleMemory(Diagnostic):
    code: ClassVar[str] = "E0405"
    bound: str
    smallest: str
    need: str
    advice: str

    def message(self) -> str:
        return f"no strategy fits {self.bound}"

    def label(self) -> str:
        return f"{self.smallest} needs the least, {self.need}"

    def note(self) -> str:
        return "predicted from shapes: trajectory, one training step and the objective; data is not counted"

    def help(self) -> str:
        return self.advice


class Unreached(Diagnostic):
    code: ClassVar[str] = "W0401"
    severity: ClassVar[Severity] = "warning"
    hyper: str
    steps: int
    hyper_span: Span | None

    def message(self) -> str:
        which = f"the first {self.steps} steps" if self.steps > 1 else "the first step"
        return f"the entries of `{self.hyper}` for {which} are never updated"

    def label(self) -> str:
        return "the reverse pass ends before them"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.hyper_span, "has an entry per training step"),) if self.hyper_span is not None else ()

    def help(self) -> str:
        return "raise `steps`, or use exact()"


class IncompleteRule(Diagnostic):
    code: ClassVar[str] = "E0403"
    rule: str

    def message(self) -> str:
        return f"the update rule `{self.rule}` never sets `w'`"

    def label(self) -> str:
        return "incomplete"

    def note(self) -> str:
        return "`w` is the parameter, `grad` its gradient, `t` the step; `NAME'` is a value after the step"

    def help(self) -> str:
        return "for example: update mine(rate: positive) { w' = w - rate * grad }"
