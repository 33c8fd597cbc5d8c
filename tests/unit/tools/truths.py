"""Small programs whose hypergradients are known to be right, wrong, or useless; the tests of the audit read them."""

from functools import cache

import drmadc


@cache
def program(text: str, *overrides: str) -> drmadc.Program:
    """A spec, compiled once in each process."""
    return drmadc.compile_text(text, overrides=list(overrides))


H = "h: real[2] = 0.3"


def spec(minimize: str, *, train: str, tune: str, hyper: str = H, loss: str = "sum((w - h) ^ 2)") -> str:
    """A program without data that trains two parameters from 1 and .7."""
    return f"""
params w: real[2] = [1, 0.7]
hyper {hyper}
train {{ loss = {loss}  precision = float64  {train} }}
tune {{ minimize = {minimize}  reverse = exact(store)  steps = 3  update = sgd(rate: {tune}) }}
"""


def function_of_h(minimize: str, tune: str) -> str:
    """One training step of rate 1 sets w to h, so that the objective is this function of w = h."""
    return spec(minimize, loss="sum((w - h) ^ 2) / 2", train="update = sgd(rate: 1) steps = 1", tune=tune)


BOWL = spec("sum((w - 2) ^ 2)", train="update = sgd(rate: 0.01) steps = 20", tune="0.01")
"""The adjoint of step t is .98^(20 - t) of the last: the exact one, and that of every line through the same Hessian."""

WAVES = spec(
    "sum(sin(w))",
    hyper="rate: positive = 0.0005",
    loss="sum(cos(3 * w) + 0.1 * w ^ 2)",
    train="update = sgd(rate: rate) steps = 200",
    tune="0.1",
)
"""Gradient descent on a wavy bowl: at a rate of .0005 it goes down a wave, at .9 it jumps between them for ever."""

RUGGED = function_of_h("sum(w ^ 2 + 0.001 * sin(10000 * w))", "0.03")
"""Slope 2 w +- 10, of which the first part alone is that of the objective over any step that counts."""

FLAT = function_of_h("sum(relu(w - 100))", "0.01")
LIFTED = function_of_h("100000 + sum(w ^ 2)", "0.01")
TOO_FAR = function_of_h("sum((w - 1) ^ 2)", "0.9")
KINKED = function_of_h("sum(relu(w - 0.29999) + 0.5 * w)", "0.01")
"""The start lies just above the kink: of slope 1.5 is one hundred thousandth, below it is .5."""

DIVERGED = spec("sum(w ^ 2)", loss="sum((w - h) ^ 4)", train="update = sgd(rate: 5) steps = 50", tune="0.1")
