"""truncated(steps): the last steps only, exactly."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Count
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Truncated(Strategy):
    """truncated(steps): what hyperparameters do earlier does not count."""

    word = "truncated"
    order = 90
    example = "truncated(steps: 200)"
    settings = (Count("steps", "the number of steps to go back", high="steps"),)
    steps: int
    gradient = "exact for the last steps"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(max(1, facts.figures.steps // 10)),)

    def memory(self, figures: Figures) -> float:
        return figures.inside + min(self.steps, figures.steps) * figures.row

    def work(self, figures: Figures) -> float:
        return figures.once + figures.share * min(self.steps, figures.steps) / figures.steps

    def advice(self, facts: Facts, exact: str) -> str:
        return f"reverse = truncated(steps: {min(facts.figures.steps, 4 * self.steps)}), or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        return (
            None if self.unreached(facts.figures.steps) == 0 else only_initial(facts, "does not reach the first step")
        )

    def unreached(self, steps: int) -> int:
        return max(0, steps - self.steps)

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Store", last=py.Literal(self.steps))


def only_initial(facts: Facts, why: str) -> Unsupported | None:
    """Why a strategy that does not go back to the start misses a hyperparameter; None where it misses none."""
    for name, roles in facts.roles.items():
        if roles and roles <= {"parameters", "state"}:
            reason = f"it acts through initial values, and the strategy {why}"
            return Unsupported(name, reason, "use exact()")
    return None
