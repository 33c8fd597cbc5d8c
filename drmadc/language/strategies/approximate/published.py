"""drmad(paper): the published procedure as it was (Fu et al. 2016, with the code that came with it)."""

from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Published(Strategy):
    """drmad(paper): one straight line, a tenth of the steps, no velocity."""

    word = "drmad"
    form = "paper"
    order = 60
    example = "drmad(paper)"
    gradient = "as published: first tenth, unscaled"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(),)

    def memory(self, figures: Figures) -> float:
        """The line's two ends."""
        return figures.inside + 2 * figures.weights

    def work(self, figures: Figures) -> float:
        return figures.once + figures.share * max(1, figures.steps // 10) / figures.steps

    def advice(self, facts: Facts, exact: str) -> str:
        return f"reverse = drmad(knots: {min(16, facts.figures.steps + 1)}), or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        instead = "write drmad(knots: 2), the same line with every step"
        beyond = [name for name, roles in facts.roles.items() if roles & {"rule", "state"}]
        if beyond:
            reason = "the published procedure stores no velocity, so it supports hyperparameters of the loss only"
            return Unsupported(beyond[0], reason, instead)
        if facts.figures.before | facts.figures.after != {"w"}:
            rule = facts.program.step.rule
            reason = f"the adjoint of `{rule}` reads optimiser state, which the published line lacks"
            return Unsupported("", reason, instead)
        return None

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Published")
