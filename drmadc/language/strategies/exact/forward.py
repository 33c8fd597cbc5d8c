"""forward(): tangents carried along with training, one for each hyperparameter; there is no reverse pass."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.target import tree as py
from drmadc.target.build import call
from drmadc_common.amounts import bytes_text

LIMIT = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Forward(Strategy):
    """forward(): exact, in memory that does not depend on the number of steps, for few hyperparameters."""

    word = "forward"
    order = 120
    example = "forward()"
    gradient = "exact"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(),)

    def memory(self, figures: Figures) -> float:
        """A tangent of the whole state for each hyperparameter."""
        tangents = figures.step + 1.75 * figures.hypers * figures.state
        return max(figures.objective, tangents) + figures.carried

    def work(self, figures: Figures) -> float:
        """A tangent costs as much as an adjoint."""
        return figures.once + figures.hypers * figures.share

    def unsupported(self, facts: Facts) -> Unsupported | None:
        need = self.memory(facts.figures)
        if need <= LIMIT:
            return None
        count = facts.figures.hypers
        reason = f"it carries a tangent of the whole state for each of {count} hyperparameters, {bytes_text(need)}"
        return Unsupported("", reason, "use exact(), which supports any number of hyperparameters")

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.FixedPoint", terms=py.Literal(0))

    def passes(self, emit: Emission) -> Passes:
        training = py.Lambda(("hypers",), call("training", *map(py.Id, emit.inputs())))
        run = call("rt.forward_mode_pass", training, py.Id("hypers"), py.Id("STEPS"))
        return Passes(
            forward=[py.Assign((py.Id("state"), py.Id("tangents")), run)],
            reverse=[],
            gradient=call("rt.forward_gradient", py.Id("tangents"), py.Id("d_w"), py.Id("d_hypers")),
            growth=call("jnp.ones", py.Tuple(())),
            keeps_trajectory=False,
            seeds_adjoint=False,
        )
