"""last(): the last step only, exactly."""

from dataclasses import dataclass

from drmadc.language.strategies.approximate.truncated import only_initial
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Last(Strategy):
    """last(): what hyperparameters do to the last step, as truncated(steps: 1)."""

    word = "last"
    order = 95
    example = "last()"
    gradient = "exact for the last step"

    def memory(self, figures: Figures) -> float:
        return figures.inside + figures.row

    def work(self, figures: Figures) -> float:
        return figures.once + figures.share / figures.steps

    def advice(self, facts: Facts, exact: str) -> str:
        return f"reverse = truncated(steps: {min(facts.figures.steps, 4)}), or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        return only_initial(facts, "looks at the last step only") if self.unreached(facts.figures.steps) else None

    def unreached(self, steps: int) -> int:
        return steps - 1

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Store", last=py.Literal(1))
