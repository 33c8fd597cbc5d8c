"""Small programs whose hypergradients are known to be right, wrong, or useless; the tests of the audit read them."""

from functools import cache

import drmadc


def spec(
    loss: str,
    minimize: str,
    *,
    hyper: str = "h: real[2] = 0.3",
    rule: str = "sgd(rate: 0.1)",
    steps: int = 20,
    outer: str = "sgd(rate: 0.01)",
    reverse: str = "exact(store)",
    precision: str = "float64",
) -> str:
    """A program without data: two parameters, trained from 1."""
    return f"""
params w: real[2] = [1, 0.7]
hyper {hyper}
train {{ loss = {loss}  update = {rule}  steps = {steps}  precision = {precision} }}
tune {{ minimize = {minimize}  reverse = {reverse}  update = {outer}  steps = 3 }}
"""


BOWL = spec("sum((w - h) ^ 2)", "sum((w - 2) ^ 2)")
STEP_TO_H = "sum((w - h) ^ 2) / 2"
"""One step of rate 1 sets w to h, so that the objective is a function of h that a test writes down."""


@cache
def program(text: str, *overrides: str) -> drmadc.Program:
    """A spec, compiled once in each process."""
    return drmadc.compile_text(text, overrides=list(overrides))


def function_of_h(minimize: str, **settings: str) -> str:
    """The objective is this function of w = h."""
    return spec(STEP_TO_H, minimize, rule="sgd(rate: 1)", steps=1, **settings)  # type: ignore[arg-type]


CHAOS = spec(
    "sum(cos(3 * w) + h * w)", "sum(sin(w))", hyper="rate: positive = 0.9", rule="sgd(rate: rate)", steps=200
).replace("h * w", "0.1 * w ^ 2")
"""Gradient descent on a wavy bowl: at a rate of .9 it jumps between the waves, at .05 it settles in one."""
RUGGED = function_of_h("sum(w ^ 2 + 0.001 * sin(10000 * w))", outer="sgd(rate: 0.03)")
FLAT = function_of_h("sum(relu(w - 100))")
LIFTED = function_of_h("100000 + sum(w ^ 2)", precision="float32")
TOO_FAR = function_of_h("sum((w - 1) ^ 2)", outer="sgd(rate: 0.9)")
DIVERGED = spec("sum((w - h) ^ 4)", "sum(w ^ 2)", rule="sgd(rate: 5)", steps=50)
KINK = function_of_h("sum(relu(w - 0.2999) + 0.5 * w)", outer="sgd(rate: 0.01)")
