"""exact(store): the states of every step are recorded."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Store(Strategy):
    """exact(store): the fastest exact form, in memory that grows with the steps."""

    word = "exact"
    form = "store"
    order = 10
    example = "exact(store)"
    gradient = "exact"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(),)

    def memory(self, figures: Figures) -> float:
        return figures.inside + figures.steps * figures.row

    def work(self, figures: Figures) -> float:
        return figures.once + figures.share + figures.recording

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Store")
