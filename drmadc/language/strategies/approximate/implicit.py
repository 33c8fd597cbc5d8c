"""implicit(neumann: n), implicit(cg: n): the implicit function theorem at the last state."""

from abc import abstractmethod
from dataclasses import dataclass

from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission, Passes
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Count
from drmadc.target import tree as py
from drmadc.target.build import call, item


class Implicit(Strategy):
    """Where training has come to rest, its fixed point moves with the hyperparameters; how is a linear system."""

    __slots__ = ()
    word = "implicit"
    stats = ("residual",)
    gradient = "right at convergence"

    def advice(self, facts: Facts, exact: str) -> str:
        return f"train until it converges, or {exact}"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        for name, roles in facts.roles.items():
            if roles & {"rule", "parameters", "state"} or name in facts.over_steps:
                reason = "it does not move the point to which training converges"
                return Unsupported(name, reason, "use exact() or drmad(knots: 16)")
        return None

    def reaches_start(self, steps: int) -> bool:
        return False

    @abstractmethod
    def solve(self, emit: Emission) -> list[py.Statement]:
        """Statements that take the objective's adjoint through the linear system."""

    def passes(self, emit: Emission) -> Passes:
        """The result says how far training is from rest."""
        names = ("forward_step", "start", "state", "STEPS")
        residual = call("rt.residual", *map(py.Id, names))
        return Passes(self.forward(emit, keep=True), self.solve(emit), stats={"residual": residual})


@dataclass(frozen=True, slots=True)
class Neumann(Implicit):
    """implicit(neumann: n): n terms of the Neumann series, each the adjoint of the last step."""

    order = 100
    example = "implicit(neumann: 20)"
    settings = (Count("neumann", "terms of the Neumann series"),)
    neumann: int

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(20),)

    def memory(self, figures: Figures) -> float:
        return figures.inside + figures.state + figures.weights

    def work(self, figures: Figures) -> float:
        return figures.once + figures.share * self.neumann / figures.steps

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.FixedPoint", terms=py.Literal(self.neumann))

    def solve(self, emit: Emission) -> list[py.Statement]:
        return emit.reverse_pass()


@dataclass(frozen=True, slots=True)
class ConjugateGradient(Implicit):
    """implicit(cg: n): n iterations of conjugate gradients with the Hessian over the whole train split."""

    order = 110
    example = "implicit(cg: 20)"
    settings = (Count("cg", "iterations of conjugate gradients"),)
    reads_split = "implicit(cg: ...) computes Hessian products over the whole split"
    cg: int

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(20),)

    def memory(self, figures: Figures) -> float:
        return max(figures.inside, figures.product_bytes(0) + figures.carried) + 4 * figures.weights

    def work(self, figures: Figures) -> float:
        return figures.once + self.cg * figures.product(0) / (figures.train * figures.steps)

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.FixedPoint", terms=py.Literal(0))

    def functions(self, emit: Emission) -> list[py.Statement]:
        return emit.curvature_functions(0)

    def solve(self, emit: Emission) -> list[py.Statement]:
        product = emit.curvature(item("state", "w"), py.Literal(0))
        solved = call("rt.implicit", py.Id("product"), py.Id("adjoint"), py.Literal(self.cg))
        return [py.Assign((py.Id("product"),), product), py.Assign((py.Id("adjoint"),), solved)]
