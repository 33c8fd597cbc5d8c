"""exact() and auto(memory): the compiler chooses the first strategy of a list that fits a bound in bytes."""

from dataclasses import dataclass

from drmadc.language.strategies.approximate.drmad import Drmad
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.exact.checkpoint import Checkpoint
from drmadc.language.strategies.exact.store import Store
from drmadc.language.strategies.exact.tree import Recursion
from drmadc.language.strategies.facts import Facts, Figures
from drmadc.language.strategies.settings import Size
from drmadc.target import tree as py
from drmadc_common.amounts import bytes_text

ARITIES = (8, 4, 2)
KNOTS = (64, 32, 16, 8, 4, 2)
DEFAULT_MEMORY = 2_000_000_000
MEMORY = Size("memory", "the bound in bytes, such as 2 GB", DEFAULT_MEMORY)


def exact_forms(facts: Facts) -> tuple[Strategy, ...]:
    """Exact strategies from the most memory to the least."""
    trees = tuple(Recursion(arity) for arity in ARITIES if arity < facts.figures.steps)
    return (Store(), Checkpoint.of(facts.figures), *trees)


def approximations(facts: Facts) -> tuple[Strategy, ...]:
    """What auto() falls back to: DrMAD with as many knots as there is room for; guarded where the loss has a model."""
    counts = [count for count in KNOTS if count <= facts.figures.steps + 1]
    return tuple(Drmad(count, "auto" if facts.calls_model else "exact") for count in counts)


class _Choice(Strategy):
    """What choices share: until one is made, there is nothing to predict or to emit."""

    __slots__ = ()
    settings = (MEMORY,)
    gradient = "chosen"

    def memory(self, figures: Figures) -> float:
        raise ValueError("chosen strategies only")

    def work(self, figures: Figures) -> float:
        raise ValueError("chosen strategies only")

    def policy(self, facts: Facts) -> py.Call:
        raise ValueError("chosen strategies only")


@dataclass(frozen=True, slots=True)
class Exact(_Choice):
    """exact(memory): the fastest exact form under a bound; what a spec means that names no strategy."""

    word = "exact"
    order = 5
    example = "exact(), exact(memory: 2 GB)"
    bound: int = DEFAULT_MEMORY

    def choose(self, facts: Facts) -> tuple[Strategy, str]:
        return _first_fitting(self.bound, exact_forms(facts), facts.figures)


@dataclass(frozen=True, slots=True)
class Auto(_Choice):
    """auto(memory): the fastest exact form under a bound, and approximations where none fits."""

    word = "auto"
    order = 140
    example = "auto(memory: 2 GB)"
    bound: int = DEFAULT_MEMORY

    def choose(self, facts: Facts) -> tuple[Strategy, str]:
        return _first_fitting(self.bound, (*exact_forms(facts), *approximations(facts)), facts.figures)


def _first_fitting(bound: int, candidates: tuple[Strategy, ...], figures: Figures) -> tuple[Strategy, str]:
    """The first candidate that fits, and why; the smallest where none does (the check reports that)."""
    fitting = [s for s in candidates if s.memory(figures) <= bound]
    if not fitting:
        smallest = min(candidates, key=lambda s: s.memory(figures))
        return smallest, f"no strategy fits {bytes_text(bound)}; {smallest.text} needs the least"
    best = fitting[0]
    need = f"needs {bytes_text(best.memory(figures))} of {bytes_text(bound)}, {best.work(figures):.2g} training runs"
    larger = candidates[: candidates.index(best)]
    if larger:
        return best, f"{need}; {larger[-1].text} would need {bytes_text(larger[-1].memory(figures))}"
    return best, f"{need}; the fastest exact form fits"
