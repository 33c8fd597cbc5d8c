"""Rules as discretised gradient flows: three steps of v' = m v - kick grad, w' = w + rate v' are those of the rule."""

import pytest

from drmadc.compiler.passes.gradient_flow import gradient_flow
from tests.unit.compiler.passes.rules import VALUES, program, stepped
from tests.unit.ir.values import evaluated

RULES = ["sgd(rate: r)", "heavy_ball(rate: r, momentum: m)", "momentum(rate: r, momentum: m)"]


@pytest.mark.parametrize("update", RULES)
def test_the_coefficients_are_those_of_the_rule(update: str) -> None:
    step = program(update).step
    flow = gradient_flow(step)
    assert flow is not None
    rate, momentum, kick = (evaluated(e, VALUES) for e in (flow.rate, flow.momentum, flow.kick))
    assert rate == pytest.approx(VALUES["r"])
    assert flow.rate_hypers == {"r"}
    state = {"w": 0.7, **({"v": 0.0} if "momentum" in update else {})}
    w, v = 0.7, 0.0
    for grad in (1.3, -0.2, 0.5):
        state = stepped(step, state, grad)
        v = momentum * v - kick * grad
        w += rate * v
        assert w == pytest.approx(state["w"], rel=1e-12)


def test_other_rules_follow_no_gradient_flow() -> None:
    for update in ("adam(rate: r)", "nesterov(rate: r, momentum: m)", "damped(rate: r, m: m)"):
        assert gradient_flow(program(update).step) is None
