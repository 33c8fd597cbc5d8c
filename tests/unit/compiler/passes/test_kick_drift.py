"""The form of a rule that can be run backwards, in numbers: it is the rule, and its parts read what they may."""

import pytest

from drmadc.compiler.passes.kick_drift import KickDrift, inlined, kick_drift, slope
from drmadc.ir import nodes as ir
from tests.unit.compiler.passes.rules import VALUES, program, stepped
from tests.unit.ir.values import evaluated


@pytest.mark.parametrize("update", ["heavy_ball(rate: r, momentum: m)", "momentum(rate: r, momentum: m)"])
@pytest.mark.parametrize(("w", "v", "grad"), [(0.7, -0.4, 1.3), (-1.1, 0.9, 0.2)])
def test_decay_kick_and_drift_are_the_rule(update: str, w: float, v: float, grad: float) -> None:
    assert_is_the_rule(update, w, v, grad)


def test_local_names_go_where_they_may_be_computed() -> None:
    assert_is_the_rule("damped(rate: r, m: m)", 0.7, -0.4, 1.3)
    form = kick_drift(program("damped(rate: r, m: m)").step)
    assert isinstance(form, KickDrift)
    assert [let.name for let in form.kick_locals] == ["decay", "g"]
    assert [let.name for let in form.drift_locals] == ["decay", "moved"]


def assert_is_the_rule(update: str, w: float, v: float, grad: float) -> None:
    step = program(update).step
    form = kick_drift(step)
    assert isinstance(form, KickDrift)
    expected = stepped(step, {"w": w, "v": v}, grad)
    known = {**VALUES, "w": w, "grad": grad}  # the kick knows no state
    for let in form.kick_locals:
        known[let.name] = evaluated(let.value, known)
    moved = evaluated(form.decays[0].value, known) * v + evaluated(form.kicks[0].value, known)
    assert moved == pytest.approx(expected["v"], rel=1e-12)
    known = {**VALUES, "v'": moved}  # nor the drift parameters or gradient
    for let in form.drift_locals:
        known[let.name] = evaluated(let.value, known)
    assert w + evaluated(form.drift, known) == pytest.approx(expected["w"], rel=1e-12)


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        ("sgd(rate: r)", "has no velocity"),
        ("nesterov(rate: r, momentum: m)", "by more than a function of its new state"),
        ("entangled(rate: r)", "by more than a function of its new state"),
        ("squared(rate: r)", "is not a multiple of itself"),
    ],
)
def test_rules_without_the_form_say_why(update: str, reason: str) -> None:
    found = kick_drift(program(update).step)
    assert isinstance(found, str)
    assert reason in found


def test_equations_with_local_names_put_in() -> None:
    equations = inlined(program("damped(rate: r, m: m)").step)
    assert set(ir.names_in(equations["v'"])) == {"w", "grad", "v"}
    assert set(ir.names_in(equations["w'"])) == {"w", "v'"}
    assert evaluated(slope(equations["v'"], "grad"), VALUES) == 6
    assert evaluated(slope(equations["w'"], "v'"), VALUES) == pytest.approx(-VALUES["r"])
