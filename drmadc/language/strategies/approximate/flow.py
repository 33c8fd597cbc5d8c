"""flow(knots, segments, products, batch): the continuous adjoint, by Krylov exponentials between knots."""

from dataclasses import dataclass, replace

from drmadc.language.strategies.approximate.drmad import KNOTS
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Count, Examples
from drmadc.target import tree as py
from drmadc.target.build import call


@dataclass(frozen=True, slots=True)
class Flow(Strategy):
    """flow(knots, segments, products, batch): `batch` 0 is the whole train split."""

    word = "flow"
    order = 80
    example = "flow(knots: 16, segments: 20, products: 240, batch: 2000)"
    settings = (
        replace(KNOTS, default=16),
        Count(
            "segments",
            "segments of training, each with one matrix exponential",
            default=20,
            high="steps",
        ),
        Count(
            "products",
            "products with the Hessian, of all segments together",
            default=12,
            per="segments",
        ),
        Examples("batch", "examples of a product with the Hessian", default=2000),
    )
    knots: int
    segments: int
    products: int
    batch: int
    gradient = "continuous limit"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        steps = facts.figures.steps
        segments = min(20, steps)
        split = facts.program.examples if facts.program.batched else 0
        return (cls(min(16, steps + 1), segments, 12 * segments, min(2000, split)),)

    def memory(self, figures: Figures) -> float:
        """Knots, and the Krylov basis of a segment with its Ritz vectors."""
        krylov = (2 * -(-self.products // self.segments) + 4) * figures.weights
        inside = max(figures.inside, figures.product_bytes(self.batch) + figures.carried)
        return inside + 2 * (self.knots - 1) * figures.weights + krylov

    def work(self, figures: Figures) -> float:
        """A product, and its vector made orthogonal to those of its segment."""
        product = figures.product(self.batch) + figures.touch * (4 + 2 * self.products / self.segments)
        return figures.once + self.products * product / (figures.train * figures.steps)

    def advice(self, facts: Facts, exact: str) -> str:
        more = f"more knots than {self.knots}, more segments than {self.segments} or a larger `batch`"
        return f"{more}, or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        form, rule = facts.gradient_flow, facts.program.step.rule
        if form is None:
            reason = f"the continuous adjoint is derived for sgd, heavy_ball and momentum, not for `{rule}`"
            return Unsupported("", reason, "use drmad(knots: 16), which supports every rule")
        for name, roles in facts.roles.items():
            if "state" in roles or ("rule" in roles and name not in form.rate_hypers):
                rate = " and the learning rate, not the other arguments of the rule" if form.rate_hypers else ""
                reason = f"the continuous adjoint supports hyperparameters of the loss, of initial parameters{rate}"
                return Unsupported(name, reason, "use exact() or drmad(knots: 16)")
            if "loss" in roles and name in facts.over_steps:
                reason = "a segment of the flow spans many steps, and the loss must be the same in all of them"
                return Unsupported(name, reason, "use exact() or drmad(knots: 16)")
        return None

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.FlowKnots", count=py.Literal(self.knots))

    def functions(self, emit: Emission) -> list[py.Statement]:
        return [*emit.curvature_functions(self.batch), _flow_rule(emit)]

    def passes(self, emit: Emission) -> Passes:
        run = call(
            "rt.flow_reverse_pass",
            py.Lambda(("w", "i"), emit.curvature(py.Id("w"), py.Id("i"))),
            *map(py.Id, ("flow_rule", "trajectory", "adjoint", "hypers")),
            segments=py.Literal(self.segments),
            count=py.Literal(max(1, self.products // self.segments)),
        )
        return Passes(self.forward(emit, keep=True), [py.Assign((py.Id("adjoint"),), run)])


def _flow_rule(emit: Emission) -> py.Function:
    """flow_rule(hypers, t)"""
    flow = emit.facts.gradient_flow
    assert flow is not None
    values = (flow.rate, flow.momentum, flow.kick)
    doc = (
        f"{emit.program.step.rule} as a flow: learning rate, momentum and kick of\n\n"
        "v' = momentum * v - kick * grad\nw' = w + rate * v'"
    )
    return emit.step_function("flow_rule", doc, values, lambda lower: py.Tuple(tuple(map(lower, values))))
