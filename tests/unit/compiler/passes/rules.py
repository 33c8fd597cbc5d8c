"""Programs that differ in their update rule, and one step of a rule in numbers."""

from functools import cache

import drmadc
from drmadc.ir.program import Program, Step
from tests.unit.ir.values import evaluated

TEXT = """
update damped(rate: positive, m: unit) {{
  v = 0
  decay = m * exp(-rate)
  g = 2 * grad + w
  v' = g * 3 + decay * v
  moved = rate * v'
  w' = w - moved
}}
update entangled(rate: positive) {{
  v = 0
  v' = v - grad
  w' = w + rate * v' * w
}}
update squared(rate: positive) {{
  v = 1
  v' = v ^ 2 - grad
  w' = w + rate * v'
}}
params w: real[2] = [1, -1]
hyper r: positive = 0.1
hyper m: unit = 0.8
hyper h: positive = 0.3
train {{ loss = h * sum(w ^ 2)  update = {update}  steps = 3 }}
tune {{ minimize = sum(w ^ 2) + r + m  update = sgd(rate: 0.1)  steps = 1 }}
"""
VALUES = {"r": 0.1, "m": 0.8, "h": 0.3, "t": 2.0}


@cache
def program(update: str) -> Program:
    """The checked program with one of the rules, its adjoint derived."""
    return drmadc.compile_text(TEXT.format(update=update)).ir


def stepped(step: Step, state: dict[str, float], grad: float) -> dict[str, float]:
    """The new states and parameters, by name, of numbers w and v."""
    known = {**VALUES, **state, "grad": grad}
    for equation in step.equations:
        known[equation.name] = evaluated(equation.value, known)
    return {name: known[f"{name}'"] for name in state}
