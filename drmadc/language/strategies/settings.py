"""The settings that a strategy takes: each a name, what it means, its default and its bounds.

The checker reads them from a spec, `text` writes them back, the editor shows them.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from drmadc_common.amounts import exact_bytes_text

Bound = Literal["steps", "states", "examples"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds of settings depend on; None where the spec leaves it unknown.

    Attributes:
        steps: training steps.
        examples: examples of the train split.
    """

    steps: int | None
    examples: int | None

    def of(self, bound: Bound | None) -> int | None:
        """The number that a bound stands for; a run of n steps has n + 1 states."""
        match bound:
            case "steps":
                return self.steps
            case "states":
                return None if self.steps is None else self.steps + 1
            case "examples":
                return self.examples
            case None:
                return None


@dataclass(frozen=True, slots=True)
class _Named:
    """Name in a spec, and what it means."""

    name: str
    about: str

    @property
    def field(self) -> str:
        """The strategy's field that holds the value."""
        return self.name


@dataclass(frozen=True, slots=True)
class Count(_Named):
    """A whole number in [low, high], such as `knots: 16`.

    `default` and `low` are for each one of the setting `per`, where that is named; no default: it must be given.
    """

    default: int | None = None
    low: int = 1
    high: Bound | None = None
    per: str = ""

    def text(self, value: int) -> str:
        """As a spec writes it."""
        return f"{self.name}: {value}"


@dataclass(frozen=True, slots=True)
class Option(_Named):
    """One of some words, the first by default, such as `curvature: auto`."""

    options: tuple[str, ...]

    def text(self, value: str) -> str:
        """As a spec writes it; nothing for the default."""
        return "" if value == self.options[0] else f"{self.name}: {value}"


@dataclass(frozen=True, slots=True)
class Switch(_Named):
    """`on` or `off` (default)."""

    options: ClassVar[tuple[str, str]] = ("off", "on")

    def text(self, value: bool) -> str:
        """As a spec writes it; nothing for the default."""
        return f"{self.name}: on" if value else ""


@dataclass(frozen=True, slots=True)
class Size(_Named):
    """A bound in bytes, such as `memory: 2 GB`."""

    default: int

    @property
    def field(self) -> str:
        """`memory` is what a strategy predicts."""
        return "bound"

    def text(self, value: int) -> str:
        """As a spec writes it."""
        return f"{self.name}: {exact_bytes_text(value)}"


@dataclass(frozen=True, slots=True)
class Fraction(_Named):
    """A number of training steps, or a part of them: `steps: 200`, `steps: T / 10`; 0 where it is not given."""

    def text(self, value: int) -> str:
        """As a spec writes it; nothing where it is not given."""
        return f"{self.name}: {value}" if value else ""


@dataclass(frozen=True, slots=True)
class Examples(_Named):
    """A number of examples of the train split, or `all`, which is 0."""

    default: int

    def text(self, value: int) -> str:
        """As a spec writes it."""
        return f"{self.name}: {value or 'all'}"


Setting = Count | Option | Switch | Size | Fraction | Examples


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that are right each by itself and wrong together: at which, and what to do."""

    setting: str
    problem: str
    place: str
    advice: str
