"""An update rule as a discretised gradient flow: v' = momentum v - kick grad, w' = w + rate v'."""

from dataclasses import dataclass

from drmadc.compiler.passes.kick_drift import inlined, slope
from drmadc.ir import nodes as ir
from drmadc.ir.build import neg
from drmadc.ir.program import Step

RULES = ("sgd", "heavy_ball", "momentum")


@dataclass(frozen=True, slots=True)
class GradientFlow:
    """The rule's coefficients as expressions in hyperparameters and t."""

    rate: ir.Expr
    momentum: ir.Expr
    kick: ir.Expr

    @property
    def rate_hypers(self) -> frozenset[str]:
        """Hyperparameters in the learning rate."""
        return frozenset(ir.hypers_in(self.rate))


def gradient_flow(step: Step) -> GradientFlow | None:
    """The coefficients of sgd, heavy_ball and momentum; None for rules that do not follow the gradient flow."""
    if step.rule not in RULES:
        return None
    equations = inlined(step)
    last = equations["w'"]
    if "v'" not in equations:
        return GradientFlow(neg(slope(last, "grad")), ir.Const(0.0), ir.Const(1.0))
    rate, kick = slope(last, "v'"), slope(equations["v'"], "grad")
    momentum = slope(equations["v'"], "v")
    if step.rule == "momentum":  # v is the sum of gradients, not of descent directions
        return GradientFlow(neg(rate), momentum, kick)
    return GradientFlow(rate, momentum, neg(kick))
