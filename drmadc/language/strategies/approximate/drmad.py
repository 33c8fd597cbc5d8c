"""drmad(knots, ...): states on straight lines between snapshots (Fu et al. 2016, with knots, means and a guard)."""

from dataclasses import dataclass
from typing import Literal

from drmadc.language.strategies.base import Matrix, Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Conflict, Count, Fraction, Option, Switch
from drmadc.target import tree as py
from drmadc.target.build import call

KNOTS = Count(
    "knots",
    "snapshots of the parameters, the first and the last state among them",
    default=2,
    low=2,
    high="states",
)


@dataclass(frozen=True, slots=True)
class Drmad(Strategy):
    """drmad(knots, curvature, progress, steps): `steps` 0 is all of them."""

    word = "drmad"
    order = 50
    stats = ("fallback_step",)
    example = "drmad(knots: 16, curvature: auto)"
    settings = (
        KNOTS,
        Option(
            "curvature",
            "the Hessian, the Gauss-Newton matrix, or the latter where the adjoint grows",
            ("exact", "gauss_newton", "auto"),
        ),
        Switch("progress", "positions on the segments by arc length instead of time"),
        Fraction("steps", "reverse steps, each for several training steps: 200, or T / 10"),
    )
    knots: int = 2
    curvature: Literal["exact", "gauss_newton", "auto"] = "exact"
    progress: bool = False
    steps: int = 0

    def conflict(self) -> Conflict | None:
        if self.steps and self.curvature == "auto":
            return Conflict(
                "steps",
                "`curvature: auto` does not support `steps`",
                "it needs every training step",
                "remove one of the two",
            )
        return None

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        knots = min(16, facts.figures.steps + 1)
        return (cls(2), cls(knots), cls(knots, "gauss_newton"), cls(knots, "auto"))

    def memory(self, figures: Figures) -> float:
        """Rows that nothing reads are dropped by XLA; `progress` keeps the length of each step by array."""
        rows = 2 + 4 * len(figures.before - {"w"}) + len(figures.after - figures.before - {"w"})
        travelled = figures.steps * figures.parameters * figures.item if self.progress else 0
        return figures.inside + (self.knots - 1) * figures.weights * rows + travelled

    def work(self, figures: Figures) -> float:
        share = figures.gauss_newton / figures.train if self.curvature == "gauss_newton" else figures.share
        return figures.once + share * (self.steps or figures.steps) / figures.steps

    @property
    def gradient(self) -> str:
        match self.curvature:
            case "gauss_newton":
                return "approximate trajectory, biased curvature"
            case "auto":
                return "approximate trajectory, guarded; up to two reverse passes"
            case "exact":
                return "approximate trajectory, few steps" if self.steps else "approximate trajectory"

    def advice(self, facts: Facts, exact: str) -> str:
        if self.steps:
            return f"remove `steps`, or {exact}"
        if self.curvature == "gauss_newton":
            return f"`curvature: auto`, whose bias is 0 where the Hessian is safe, or {exact}"
        more = f"reverse = drmad(knots: {min(4 * self.knots, facts.figures.steps + 1)})"
        if self.curvature == "exact" and facts.program.models:
            more += ", or `curvature: auto`"
        return f"{more}, or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        if self.curvature != "exact" and facts.program.parts > 1:
            reason = "the Gauss-Newton matrix needs the outputs of a whole minibatch"
            return Unsupported("", reason, "remove `accumulate`, or write curvature: exact")
        if self.curvature != "exact" and not facts.calls_model:
            reason = "the Gauss-Newton matrix needs the outputs of a model, and the loss calls none"
            return Unsupported("", reason, "write curvature: exact")
        apart = [name for name in facts.roles if self.steps and name in facts.each_step]
        if apart:
            reason = "a reverse step covers several training steps and cannot separate their entries"
            return Unsupported(apart[0], reason, f"remove `steps`, or declare `{apart[0]}` over step(bins: n)")
        return None

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        match self.curvature:
            case "exact":
                return ("hessian",)
            case "gauss_newton":
                return ("gauss_newton",)
            case "auto":
                return ("hessian", "gauss_newton")

    def policy(self, facts: Facts) -> py.Call:
        named: dict[str, py.Expr] = {"count": py.Literal(self.knots)}
        if self.progress:
            named["progress"] = py.Literal(True)
        if self.steps:
            named["steps"] = py.Literal(self.steps)
        return call("rt.Knots", **named)

    def passes(self, emit: Emission) -> Passes:
        forward = self.forward(emit, keep=True)
        if self.curvature != "auto":
            return Passes(forward, emit.reverse_pass())
        steps = ("reverse_step_at", "gauss_newton_step_at")
        both = map(emit.along_stream, steps)
        run = call("rt.guarded_reverse_pass", py.Id("forward_step"), *both, py.Id("trajectory"), py.Id("adjoint"))
        reverse: list[py.Statement] = [
            emit.reverse_step_at(steps[0], "reverse_step"),
            emit.reverse_step_at(steps[1], "reverse_step_gauss_newton"),
            py.Assign((py.Id("adjoint"), py.Id("fallback_step")), run),
        ]
        return Passes(forward, reverse, stats={"fallback_step": py.Id("fallback_step")})
