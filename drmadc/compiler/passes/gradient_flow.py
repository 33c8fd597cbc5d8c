"""An update rule as a discretised gradient flow: v' = momentum v - kick grad, w' = w + rate v'."""

from drmadc.compiler.passes.kick_drift import inlined, slope
from drmadc.ir import nodes as ir
from drmadc.ir.build import neg
from drmadc.ir.program import Step
from drmadc.language.strategies.facts import GradientFlow

RULES = ("sgd", "heavy_ball", "momentum")


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
