"""Every kind of hyperparameter over every axis that it can have: the derived gradient against jax.grad of the loop."""

import pytest

import drmadc
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

PROGRAM = """
hyper points: real[6, 3] = normal(1)
data small {{ x = points; y: class[4] = range(4) }}

model mlp(x: real[3]) -> real[4] {{
  h1 = tanh(dense(x, 2))
  return dense(h1, 4)
}}

hyper h: {domain}[{axis}] = {value}
{more}

train {{
  data = small
  init = {{ {init} }}
  loss = cross_entropy(mlp(x), y) + 0.01 * sum(mlp.params ^ 2){loss}
  update = {update}
  batch = 4  steps = 4  precision = float64
}}
tune {{ minimize = sum(mlp.params ^ 2) + sum(mlp.weights ^ 4)  update = sgd(rate: 0.1)  steps = 1 }}
"""
FULL = [f"{kind} of mlp.params" for kind in ("layer", "param", "out_unit", "weight")]
GROUP = ["", *FULL]
STEPPED = [*GROUP, "step", "step(bins: 2)", *(f"step, {axis}" for axis in FULL), *(f"step(bins: 2), {a}" for a in FULL)]
UNITS = ["", *(f"{kind} of mlp.weights" for kind in ("layer", "param", "in_unit", "out_unit", "weight"))]
INIT = "params: normal(0.5)"
BALL = "heavy_ball(rate: 0.1, momentum: 0.5)"
ADAMW = "adamw(rate: 0.05, eps: 0.1"
CLIPPED = """
update decayed(rate: positive, decay: positive) {
  w' = w - rate * (grad + decay * w)
}
update from(rate: positive, start: real) {
  v = start
  v' = 0.5 * v + grad
  w' = w - rate * v'
}
"""

# kind -> (axes, domain, value, what to add to the loss, initial values, update rule)
KINDS: dict[str, tuple[list[str], str, str, str, str, str]] = {
    "rate": (STEPPED, "positive", "0.1", "", INIT, "heavy_ball(rate: h, momentum: 0.5)"),
    "momentum": (STEPPED, "unit", "0.5", "", INIT, "heavy_ball(rate: 0.1, momentum: h)"),
    "decay": (STEPPED, "positive", "0.1", "", INIT, "decayed(rate: 0.1, decay: h)"),
    "decoupled decay": (STEPPED, "positive", "0.1", "", INIT, f"{ADAMW}, decay: h)"),
    "beta1": (STEPPED, "unit", "0.9", "", INIT, f"{ADAMW}, beta1: h)"),
    "beta2": (STEPPED, "unit", "0.9", "", INIT, f"{ADAMW}, beta2: h)"),
    "eps": (STEPPED, "positive", "0.1", "", INIT, "adam(rate: 0.05, eps: h)"),
    "penalty, squares": (STEPPED, "positive", "0.1", " + sum(h * mlp.params ^ 2)", INIT, BALL),
    "penalty, absolute values": (GROUP, "positive", "0.1", " + sum(h * abs(mlp.params))", INIT, BALL),
    "penalty by unit": (UNITS, "positive", "0.1", " + sum(h * mlp.weights ^ 2)", INIT, BALL),
    "largest norm": (
        ["out_unit of mlp.weights"],
        "positive",
        "0.3",
        " + sum(softplus(sqrt(sum(mlp.weights ^ 2, by: out_unit) + 0.01) - h))",
        INIT,
        BALL,
    ),
    "quadratic form": (["3, 3"], "real", "identity()", " + sum(mlp.h1.weight * (h @ mlp.h1.weight))", INIT, BALL),
    "continuous transformation": (["3, 3"], "real", "normal(0.2)", " + cross_entropy(mlp(x @ expm(h)), y)", INIT, BALL),
    "initial scale": (GROUP, "positive", "0.5", "", "params: normal(h)", BALL),
    "scale of named initial values": (UNITS, "positive", "0.5", "", "weights: h * he, biases: 0.1", BALL),
    "scale of rotations": (UNITS, "positive", "0.5", "", "weights: orthogonal * h, biases: 0.1", BALL),
    "initial weights": (FULL, "real", "normal(0.5)", "", "params: h", BALL),
    "initial distribution": (
        ["5", "param of mlp.params, 5"],
        "real",
        "linspace(-1, 1)",
        "",
        "params: inverse_cdf(h)",
        BALL,
    ),
    "initial velocity": (GROUP, "real", "0.1", "", INIT, "from(rate: 0.1, start: h)"),
}
CASES = [(kind, axis) for kind, (axes, *_) in KINDS.items() for axis in axes]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "axis"), CASES, ids=[f"{kind}-{axis}" for kind, axis in CASES])
def test_kind_over_axis(kind: str, axis: str) -> None:
    _, domain, value, loss, init, update = KINDS[kind]
    more = CLIPPED.split("update from")[0] if "decayed" in update else ""
    if update.startswith("from"):
        more = "update from" + CLIPPED.split("update from")[1]
    text = PROGRAM.format(domain=domain, axis=axis, value=value, loss=loss, init=init, update=update, more=more)
    program = drmadc.compile_text(text.replace("[]", ""))
    hypers = perturbed(program)
    result = program.executor.evaluate(hypers, 1, exact_policy(program))
    value_, expected = unrolled_gradient(program, hypers, 1)
    assert result.value == pytest.approx(float(value_), rel=1e-12)
    assert_equal_gradients(result.gradient, expected, 1e-10)
