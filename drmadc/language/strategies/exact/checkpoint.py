"""exact(checkpoint): snapshots at equal distances, and the steps of one segment recorded anew."""

import math
from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Checkpoint(Strategy):
    """exact(checkpoint): exact in the square root of the memory, for one more training run.

    `length` is that of a segment, 0 until it is chosen.
    """

    word = "exact"
    form = "checkpoint"
    order = 20
    example = "exact(checkpoint)"
    gradient = "exact"
    length: int = 0

    @classmethod
    def of(cls, figures: Figures) -> "Checkpoint":
        """With the segment length that minimises snapshots plus one recorded segment.

        One near it that divides the steps: segments of one length are loops of a known number of steps, which run
        faster.
        """
        steps = figures.steps
        best = math.sqrt(steps * figures.state / figures.row)
        divisors = [d for d in range(1, steps + 1) if steps % d == 0 and best / 1.5 <= d <= best * 1.5]
        length = min(divisors, key=lambda d: abs(math.log(d / best))) if divisors else round(best)
        return cls(max(1, min(steps, length)))

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls.of(facts.figures),)

    def choose(self, facts: Facts) -> tuple[Strategy, str]:
        return (self if self.length else self.of(facts.figures)), ""

    def memory(self, figures: Figures) -> float:
        length = self.length or self.of(figures).length
        snapshots = -(-figures.steps // length) * figures.state
        segment = (length + 1) * figures.row + figures.step
        return max(figures.objective, segment) + figures.carried + snapshots

    def work(self, figures: Figures) -> float:
        """Each segment is run twice, and its snapshots are written."""
        return figures.once + figures.share + 1.1 + figures.recording

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Checkpoint", length=py.Literal(self.length))
