"""exact(reversible): training in fixed point, whose steps run backwards bit by bit (Maclaurin et al. 2015)."""

from dataclasses import dataclass
from math import ceil, log2
from typing import Literal

from drmadc.ir import nodes as ir
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.kick_drift import irreversible, kick_drift_functions, kick_drift_pass
from drmadc.language.strategies.settings import Option
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Reversible(Strategy):
    """exact(reversible): no state is kept; the bits that decays lose go into a buffer (algorithm 3).

    `adjoint: published` leaves the rounding out on the way back, as the authors' code does.
    """

    word = "exact"
    form = "reversible"
    order = 40
    example = "exact(reversible)"
    settings = (
        Option(
            "adjoint", "of the rounded decays, or of the decays as they are: as published", ("rounded", "published")
        ),
    )
    note = "decays rounded up to n / 65536, a slightly different problem"
    adjoint: Literal["rounded", "published"] = "rounded"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(),)

    @property
    def gradient(self) -> str:
        return "exact, decays rounded to n/65536" if self.adjoint == "rounded" else "as published: decays not rounded"

    @property
    def rounds_decays(self) -> Literal["forward", "both"]:
        return "both" if self.adjoint == "rounded" else "forward"

    def memory(self, figures: Figures) -> float:
        """The state in fixed point, and a buffer of lost bits, about 0.4 for each number and step."""
        return figures.inside + 4 * figures.state + figures.weights * 0.05 * figures.steps

    def work(self, figures: Figures) -> float:
        """Each step is undone."""
        return figures.once + figures.share + 1.5

    def unsupported(self, facts: Facts) -> Unsupported | None:
        if facts.program.precision != "float64":
            return Unsupported("", "64-bit fixed point needs float64 training", "set `precision = float64` in `train`")
        return irreversible(facts)

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Reversible", capacity=py.Literal(capacity(facts)))

    def functions(self, emit: Emission) -> list[py.Statement]:
        return kick_drift_functions(emit)

    def forward(self, emit: Emission, *, keep: bool) -> list[py.Statement]:
        """In fixed point also where nothing is kept: rounding makes it another run."""
        return kick_drift_pass(emit, "rt.reversible_forward_pass", keep=keep)

    def passes(self, emit: Emission) -> Passes:
        return Passes(self.forward(emit, keep=True), emit.reverse_pass(), keeps_trajectory=False)


def capacity(facts: Facts) -> int:
    """Digits of 16 bits that the buffer needs, with room for decays that fall while they are tuned."""
    form, program = facts.kick_drift, facts.program
    assert not isinstance(form, str)
    smallest = 1.0
    for let in form.decays:
        for node in ir.walk(let.value):
            if isinstance(node, ir.Hyper):
                smallest = min(smallest, *(x / 2 for x in _initial_values(program.hyper(node.id).initial)))
            elif isinstance(node, ir.Const) and 0 < node.value < 1:
                smallest = min(smallest, node.value)
    bits = min(16.0, -log2(max(smallest, 2.0**-16)) + 1e-3)
    return ceil(program.steps * bits / 15) + 2


def _initial_values(initial: ir.Expr) -> list[float]:
    """The numbers of an initial value; 1/16 where they are drawn or computed at run time."""
    values = initial.items if isinstance(initial, ir.Stack) else (initial,)
    return [abs(x.value) if isinstance(x, ir.Const) else 1 / 16 for x in values]
