"""naive(): steps run backwards in floating point, with nothing to make up for what rounding loses."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.kick_drift import irreversible, kick_drift_functions, kick_drift_pass
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Naive(Strategy):
    """naive(): why the other strategies exist (Maclaurin et al. 2015, figure 1)."""

    word = "naive"
    stats = ("reversal_error",)
    order = 70
    example = "naive()"
    gradient = "none: a demonstration of rounding"

    def memory(self, figures: Figures) -> float:
        return figures.inside + 2 * figures.state

    def work(self, figures: Figures) -> float:
        """Each step is undone, and the start compared."""
        return figures.once + figures.share + 2

    def advice(self, facts: Facts, exact: str) -> str:
        return f"it demonstrates rounding: {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        return irreversible(facts)

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Naive")

    def functions(self, emit: Emission) -> list[py.Statement]:
        return kick_drift_functions(emit)

    def forward(self, emit: Emission, *, keep: bool) -> list[py.Statement]:
        return kick_drift_pass(emit, "rt.naive_forward_pass", keep=keep)

    def passes(self, emit: Emission) -> Passes:
        error = py.Call(py.Attribute(py.Id("trajectory"), "reversal_error"))
        forward, stats = self.forward(emit, keep=True), {"reversal_error": error}
        return Passes(forward, emit.reverse_pass(), keeps_trajectory=False, stats=stats)
