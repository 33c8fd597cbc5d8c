"""Values of the wrong kind (E0302): not an integer, not one of the options, not a record, not a constant."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic


class Found(Diagnostic):
    """A value that is not what its place takes; `found` is the value as written, or its type."""

    code: ClassVar[str] = "E0302"
    found: str

    def label(self) -> str:
        return f"found {self.found}"


class NotAnInteger(Found):
    what: str

    def message(self) -> str:
        return f"{self.what} must be an integer"


class NotAPositiveInteger(Found):
    what: str

    def message(self) -> str:
        return f"{self.what} must be a positive integer"


class OutOfRange(Found):
    """An integer outside of `low` to `high`, both included."""

    what: str
    low: int
    high: int

    def message(self) -> str:
        return f"{self.what} must be an integer from {self.low} to {self.high}"


class BelowLeast(Found):
    what: str
    least: int

    def message(self) -> str:
        return f"{self.what} must be an integer of at least {self.least}"


class TooManyBins(Found):
    most: int
    steps: int

    def message(self) -> str:
        return f"the number of bins must be at most {self.most} for {self.steps} steps"

    def note(self) -> str:
        return "the bin of a step is computed in 32-bit integers"


class NotAnOption(Found):
    what: str
    options: tuple[str, ...]

    def message(self) -> str:
        *most, last = (f"`{option}`" for option in self.options)
        return f"{self.what} must be {', '.join(most)} or {last}" if most else f"{self.what} must be {last}"


class NotARecord(Found):
    what: str
    example: str

    def message(self) -> str:
        return f"{self.what} must be a record"

    def help(self) -> str:
        return f"for example: {self.example}"


class NotNames(Found):
    """A setting that lists names, and holds something else."""

    what: str
    of: Literal["split", "hyperparameter"]
    example: str

    def message(self) -> str:
        return f"{self.what} must list {self.of}s"

    def help(self) -> str:
        return f"for example: {self.example}"


class NotNumbers(Found):
    what: str
    expected: Literal["a number", "a number or a list of numbers"]

    def message(self) -> str:
        return f"{self.what} must be {self.expected}"


class NotAName(Found):
    what: str
    of: str

    def message(self) -> str:
        return f"{self.what} must be the name of {self.of}"


class NotARule(Found):
    """`update = 3`"""

    def message(self) -> str:
        return "`update` must be an update rule"

    def help(self) -> str:
        return "for example: sgd(rate: 0.1)"


class Undefined(Diagnostic):
    """A constant expression without a finite value."""

    code: ClassVar[str] = "E0305"
    text: str

    def message(self) -> str:
        return f"`{self.text}` is not a finite number"

    def label(self) -> str:
        return "undefined, or too large for a float"
