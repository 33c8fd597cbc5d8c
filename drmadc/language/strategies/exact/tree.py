"""exact(tree): snapshots on each level of a recursion, in the logarithm of the memory."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures
from drmadc.target import tree as py
from drmadc.target.build import call
from drmadc_common.recursion import recursion_levels


@dataclass(frozen=True, slots=True)
class Recursion(Strategy):
    """exact(tree): each span of steps is cut into `arity` parts, until a part is one step; 0 until it is chosen."""

    word = "exact"
    form = "tree"
    order = 30
    example = "exact(tree)"
    gradient = "exact"
    arity: int = 0

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(4),)

    def choose(self, facts: Facts) -> tuple[Strategy, str]:
        return (self if self.arity else Recursion(4)), ""

    def memory(self, figures: Figures) -> float:
        """Snapshots of all levels, and a second time in the loop that fills them."""
        arity = self.arity or 4
        snapshots = recursion_levels(figures.steps, arity) * arity * figures.state
        return max(figures.objective + snapshots, figures.step + 2 * snapshots) + figures.carried

    def work(self, figures: Figures) -> float:
        """Every level but the last runs its steps again and writes snapshots; states after a step are run once more."""
        arity = self.arity or 4
        again = 1.25 * (recursion_levels(figures.steps, arity) - 1) * (arity - 1) / arity
        return figures.once + figures.share + again + (1 if figures.after else 0)

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Recursion", arity=py.Literal(self.arity))
