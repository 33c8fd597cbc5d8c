"""The reverse strategy of a program: which one, how the spec says it, and why, where the compiler chose."""

from dataclasses import dataclass
from typing import Protocol


class Strategy(Protocol):
    """A frozen dataclass of a strategy's numbers; the classes lie in drmadc/language/strategies, one a file."""

    @property
    def text(self) -> str:
        """The strategy as a spec writes it."""

    @property
    def online(self) -> bool:
        """Whether hyperparameters move inside a training run."""


@dataclass(frozen=True, slots=True)
class Reverse:
    """A strategy as the spec gives it; `reason` says why, where the compiler chose."""

    strategy: Strategy
    text: str
    origin: str
    reason: str = ""
