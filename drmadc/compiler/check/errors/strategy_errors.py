"""Mistakes in the `reverse` setting of `tune` (E0402): an unknown strategy, and settings that it does not take."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.diagnostics.suggest import did_you_mean, nearest
from drmadc.language.strategies.settings import Bound, Conflict
from drmadc_common.amounts import count_text


class NotAStrategy(Diagnostic):
    """`example` shows how a strategy of this name is written, where there is one."""

    code: ClassVar[str] = "E0402"
    found: str
    name: str
    strategies: tuple[str, ...]
    example: str

    def message(self) -> str:
        return f"`{self.found}` is not a reverse strategy"

    def label(self) -> str:
        return "not a strategy"

    def help(self) -> str:
        return f"for example: {self.example}" if self.example else did_you_mean(self.name, self.strategies, "strategy")


class BadReverse(Diagnostic):
    """A call of a strategy that is wrong; `example` shows how it is written."""

    code: ClassVar[str] = "E0402"
    strategy: str
    example: str

    def help(self) -> str:
        return f"for example: {self.example}"


class UnknownForm(BadReverse):
    found: str
    forms: tuple[str, ...]

    def message(self) -> str:
        return f"{self.strategy}() does not take `{self.found}`"

    def label(self) -> str:
        return "unknown form" if self.forms else "expected `name: value`"

    def help(self) -> str:
        return did_you_mean(self.found, self.forms, "form") if self.forms else BadReverse.help(self)


class SecondForm(BadReverse):
    first: str
    second: str

    def message(self) -> str:
        return f"{self.strategy}() cannot be both `{self.first}` and `{self.second}`"

    def label(self) -> str:
        return "the second form"


class UnknownStrategySetting(BadReverse):
    name: str
    settings: tuple[str, ...]

    def message(self) -> str:
        return f"{self.strategy}() has no setting `{self.name}`"

    def label(self) -> str:
        return "unknown setting"

    def help(self) -> str:
        return did_you_mean(self.name, self.settings, "setting") if self.settings else "remove it"


class SettingOfOtherForm(BadReverse):
    form: str
    name: str

    def message(self) -> str:
        return f"{self.strategy}({self.form}) has no setting `{self.name}`"

    def label(self) -> str:
        return "not allowed here"


class OneOfSettings(BadReverse):
    settings: tuple[str, ...]
    found: int

    def message(self) -> str:
        return f"{self.strategy}() takes either {' or '.join(f'`{name}`' for name in self.settings)}"

    def label(self) -> str:
        return "found both" if self.found else "found neither"


class MissingStrategySetting(BadReverse):
    name: str
    about: str

    def message(self) -> str:
        return f"{self.strategy}() needs `{self.name}`, {self.about}"

    def label(self) -> str:
        return f"missing `{self.name}`"


class WrongNumber(BadReverse):
    """Not an integer in [low, high]; `bound` says what `high` is, `per` the setting of which each needs one."""

    name: str
    found: str
    low: int
    high: int | None
    bound: Bound | None
    per: str = ""

    def message(self) -> str:
        wanted = f"of at least {self.low}" if self.high is None else f"from {self.low} to {self.high}"
        return f"`{self.name}` of {self.strategy}() must be an integer {wanted}"

    def label(self) -> str:
        return f"found `{self.found}`"

    def note(self) -> str:
        high = self.high or 0
        match self.bound:
            case "steps":
                return f"training has {count_text(high, 'step')}"
            case "states":
                return f"a run of {count_text(high - 1, 'step')} has {high} states; exact(store) stores them all"
            case "examples":
                return f"the train split has {count_text(high, 'example')}"
            case None:
                return f"each of the {self.per} needs at least one" if self.per else ""


class NotAChoice(BadReverse):
    name: str
    found: str
    options: tuple[str, ...]

    def message(self) -> str:
        *most, last = (f"`{option}`" for option in self.options)
        return f"`{self.name}` of {self.strategy}() must be {', '.join(most)} or {last}"

    def label(self) -> str:
        return f"found `{self.found}`"

    def help(self) -> str:
        near = nearest(self.found, self.options)
        return f"did you mean `{near}`?" if near else BadReverse.help(self)


class NotAnAmount(BadReverse):
    """A size in bytes, or a part of the training steps, that is something else."""

    name: str
    found: str
    unit: Literal["bytes", "steps"]

    def message(self) -> str:
        expected = {
            "bytes": "a size such as 500 MB or 2 GB",
            "steps": "an integer, or a fraction of the training steps such as T / 10",
        }[self.unit]
        return f"`{self.name}` of {self.strategy}() must be {expected}"

    def label(self) -> str:
        return f"found `{self.found}`"


class ExamplesWithoutData(BadReverse):
    name: str

    def message(self) -> str:
        return f"`{self.name}` of {self.strategy}() needs data"

    def label(self) -> str:
        return "this program has no data"

    def help(self) -> str:
        return f"remove `{self.name}`"


class ConflictingSettings(BadReverse):
    """Settings that the strategy itself says exclude each other."""

    conflict: Conflict

    def message(self) -> str:
        return self.conflict.problem

    def label(self) -> str:
        return self.conflict.place

    def help(self) -> str:
        return self.conflict.advice
