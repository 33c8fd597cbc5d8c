"""What a strategy measures of itself while it computes a hypergradient, and when that is an alarm."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Stat:
    """A number that comes with every hypergradient of a strategy.

    Attributes:
        name: under which `Hypergradient.stats` holds it, and metrics.jsonl and displays show it.
        text: what it is, with its unit.
        above: the value above which it is an alarm.
        alarm: what is then said, once a run; `{value}` and `{outer}`, the outer step, are filled in.
    """

    name: str
    text: str
    above: float = inf
    alarm: str = ""

    def alarm_of(self, value: float, outer: int) -> str:
        """What is to be said of a value; "" for nothing."""
        return self.alarm.format(value=value, outer=outer) if value > self.above else ""
