"""`clip(norm: c, RULE)`: steps against Optax's clip_by_global_norm, hypergradients against the unrolled loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import drmadc
import drmadc_runtime as rt
from tests.conftest import names
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

PROGRAM = """
params a: real[3] = [0.5, -1.2, 0.8]
params b: real[2, 2] = 0.7
hyper limit: positive{axes} = {limit}
hyper rate: positive = 0.1
train {{
  loss = sum((a - 1) ^ 4) + sum(sin(b)) + sum(b ^ 2) * sum(a)
  update = clip(norm: limit, {rule})
  steps = {steps}
  precision = float64
}}
tune {{
  minimize = sum(a ^ 2) + sum(b ^ 3)
  reverse = {reverse}
  update = clip(norm: 0.5, sgd(rate: 0.1))
  steps = 2
}}
"""
RULES = {
    "sgd(rate: rate)": lambda rate: optax.sgd(rate),
    "momentum(rate: rate, momentum: 0.6)": lambda rate: optax.sgd(rate, momentum=0.6),
    "adam(rate: rate, beta1: 0.5, eps: 1e-3)": None,  # eps inside the root is the language's own
}


def program_for(rule: str, limit: float, axes: str = "", reverse: str = "exact(store)") -> drmadc.Program:
    return drmadc.compile_text(PROGRAM.format(rule=rule, limit=limit, axes=axes, reverse=reverse, steps=9))


@pytest.mark.parametrize("limit", [0.3, 2.0, 1e3])
@pytest.mark.parametrize("rule", [rule for rule, make in RULES.items() if make is not None])
def test_every_step_is_that_of_optax(rule: str, limit: float) -> None:
    program = program_for(rule, limit)
    module = names(program)
    make = RULES[rule]
    assert make is not None
    with jax.enable_x64(True):
        hypers = program.executor.cast(program.hypers)
        state, _ = module.training(hypers, 0)
        optimizer = optax.chain(optax.clip_by_global_norm(limit), make(0.1))
        params = {name: jnp.asarray(x) for name, x in state["w"].items()}
        memory = optimizer.init(params)
        for t in range(program.ir.steps):
            state = module.step(state, hypers, jnp.int32(t))
            grads = jax.grad(lambda p: module.loss(rt.Tree(p)))(params)
            updates, memory = optimizer.update(grads, memory, params)
            params = optax.apply_updates(params, updates)
            for name, value in params.items():
                np.testing.assert_allclose(state["w"][name], value, rtol=1e-13, atol=1e-15)


def test_a_gradient_within_the_norm_keeps_every_bit() -> None:
    clipped = program_for("sgd(rate: rate)", 1e3)
    text = PROGRAM.format(rule="sgd(rate: rate)", limit=1e3, axes="", steps=9, reverse="exact(store)")
    text = text.replace("clip(norm: limit, sgd(rate: rate))", "sgd(rate: rate)").replace("hyper limit", "let unused")
    free = drmadc.compile_text(text.replace("let unused: positive = 1000.0", ""))
    found = clipped.hypergradient(clipped.hypers)
    expected = free.hypergradient(free.hypers)
    assert found.value == expected.value
    assert float(found.gradient["limit"]) == 0.0
    assert float(found.gradient["rate"]) == float(expected.gradient["rate"])


@pytest.mark.parametrize("limit", [0.3, 2.0])
@pytest.mark.parametrize("rule", RULES)
def test_hypergradient_is_that_of_the_unrolled_loop(rule: str, limit: float) -> None:
    program = program_for(rule, limit, "[step(bins: 3)]")
    hypers = perturbed(program, 3)
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-13)
    assert_equal_gradients(result.gradient, expected, 1e-10)


@pytest.mark.parametrize("reverse", ["exact(checkpoint)", "exact(tree)", "forward()", "truncated(steps: 9)"])
def test_other_strategies_agree(reverse: str) -> None:
    rule = "momentum(rate: rate, momentum: 0.6)"
    hypers = program_for(rule, 0.3).hypers
    expected = program_for(rule, 0.3).hypergradient(hypers)
    found = program_for(rule, 0.3, reverse=reverse).hypergradient(hypers)
    assert_equal_gradients(found.gradient, expected.gradient, 1e-12)


def test_steps_of_a_clipped_rule_run_backwards() -> None:
    rule = "heavy_ball(rate: rate, momentum: 0.5)"
    hypers = program_for(rule, 0.3).hypers
    expected = program_for(rule, 0.3).hypergradient(hypers)
    found = program_for(rule, 0.3, reverse="exact(reversible)").hypergradient(hypers)
    assert_equal_gradients(found.gradient, expected.gradient, 1e-4)  # decays are rounded to n / 65536


def test_flow_takes_no_clipped_rule() -> None:
    with pytest.raises(drmadc.SpecError, match="flow"):
        program_for("momentum(rate: rate, momentum: 0.6)", 0.3, reverse="flow()")


def test_clips_may_be_nested() -> None:
    inner = program_for("sgd(rate: rate)", 0.3)
    nested = program_for("clip(norm: 0.3, sgd(rate: rate))", 2.0)
    assert nested.objective(nested.hypers) == pytest.approx(inner.objective(inner.hypers), rel=1e-13)


def test_the_outer_update_is_clipped_too() -> None:
    module = names(program_for("sgd(rate: rate)", 0.3))
    with jax.enable_x64(True):
        start = rt.Tree({"limit": jnp.asarray(0.0), "rate": jnp.asarray(1.0)})
        gradient = rt.Tree({"limit": jnp.asarray(3.0), "rate": jnp.asarray(-4.0)})
        after = module.tune_step({"w": start}, gradient, 0)["w"]
    np.testing.assert_allclose([after["limit"], after["rate"]], [-0.03, 1.04], rtol=1e-13)
