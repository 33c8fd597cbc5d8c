"""What a reverse strategy is. To add one, write one file beside these: registry.py finds it.

The compiler never asks which strategy a program has; it asks the strategy.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from drmadc.ir.program import Program
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Conflict, Setting
from drmadc.target import tree as py

Matrix = Literal["hessian", "gauss_newton"]


class Strategy(ABC):
    """A frozen dataclass whose fields are the settings, as the spec gives them or the compiler chose them.

    Attributes:
        word: the name in a spec, `drmad` in `drmad(knots: 16)`.
        form: the first argument, where that tells strategies of one word apart: `store` in `exact(store)`.
        order: its place in tables and messages.
        example: how it may be written; several, separated by commas.
        settings: what it takes; each is a field of the dataclass, `memory` the field `bound`.
        online: whether hyperparameters move inside a training run.
        note: what the strategy changes about the problem, as the run's messages say it.
        stats: what it measures of itself, by the names under which a run records it.
        reads_split: why minibatches cannot be streamed, where the strategy reads the whole train split.
    """

    __slots__ = ()
    word: ClassVar[str]
    form: ClassVar[str] = ""
    order: ClassVar[int]
    example: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = ()
    online: ClassVar[bool] = False
    note: ClassVar[str] = ""
    stats: ClassVar[tuple[str, ...]] = ()
    reads_split: ClassVar[str] = ""

    @property
    def text(self) -> str:
        """The strategy as a spec writes it; parsing gives it back."""
        given = [setting.text(getattr(self, setting.field)) for setting in self.settings]
        return f"{self.word}({', '.join(filter(None, (self.form, *given)))})"

    def conflict(self) -> Conflict | None:
        """Settings that do not go together."""
        return None

    @classmethod
    def candidates(cls, facts: Facts) -> tuple["Strategy", ...]:
        """With the numbers that a user would try first; none where it is no strategy to recommend."""
        return ()

    # What it costs, and gives.

    @abstractmethod
    def memory(self, figures: Figures) -> float:
        """Predicted bytes beyond data and hyperparameters at the peak of a hypergradient."""

    @abstractmethod
    def work(self, figures: Figures) -> float:
        """Predicted operations of one hypergradient over those of its training run."""

    @property
    @abstractmethod
    def gradient(self) -> str:
        """What its gradient is, in a few words."""

    @property
    def rounds_decays(self) -> Literal["", "forward", "both"]:
        """Whether states are multiplied by decays rounded to n / 65536: forward only, or in the adjoint too."""
        return ""

    def advice(self, facts: Facts, exact: str) -> str:
        """What to change in the spec where its gradient is wrong; `exact` names an exact strategy and its memory."""
        return "smaller steps or float64: the strategy is exact"

    # Whether it can be used.

    def unsupported(self, facts: Facts) -> Unsupported | None:
        """The first reason why it does not support a program; None where it does."""
        return None

    def choose(self, facts: Facts) -> tuple["Strategy", str]:
        """The strategy with all its numbers; why, where the compiler chose between strategies."""
        return self, ""

    @property
    def bound(self) -> int:
        """Bytes that it must not exceed; 0 where there is no bound."""
        return 0

    def unreached(self, steps: int) -> int:
        """How many of the first of `steps` training steps the reverse pass does not reach."""
        return 0

    def reaches_start(self, steps: int) -> bool:
        """Whether the reverse pass goes on to the initial values."""
        return self.unreached(steps) == 0

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """With which curvature reverse steps are emitted: `reverse_step` is the first."""
        return ("hessian",)

    # What is emitted.

    @abstractmethod
    def policy(self, facts: Facts) -> py.Call:
        """rt.Knots(count=8): what the forward pass keeps; the states that the adjoint reads are added to it."""

    def functions(self, emit: Emission) -> list[py.Statement]:
        """Functions before `training`."""
        return []

    def forward(self, emit: Emission, *, keep: bool) -> list[py.Statement]:
        """Training from the start: sets `state`, and with `keep` the `trajectory`."""
        return [emit.start(), *emit.forward_pass(keep=keep)]

    def passes(self, emit: Emission) -> Passes:
        """The parts of `hypergradient`."""
        return Passes(self.forward(emit, keep=True), emit.reverse_pass())

    def functions_after(self, emit: Emission) -> list[py.Statement]:
        """Functions after `hypergradient`."""
        return []


def strategy_of(program: Program) -> Strategy:
    """The reverse strategy of a program."""
    strategy = program.reverse.strategy
    assert isinstance(strategy, Strategy)
    return strategy
