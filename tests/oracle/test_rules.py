"""Every rule of the prelude inside `train`, all its parameters tuned, against the unrolled loop and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.compiler.driver import prelude
from drmadc.language.registry import ELEMENTWISE
from drmadc.syntax import ast
from tests.conftest import names
from tests.oracle.unrolled import assert_equal_gradients, exact_policy, perturbed, unrolled_gradient

VALUES = {
    "sgd": {"rate": 0.1},
    "heavy_ball": {"rate": 0.3, "momentum": 0.7},
    "momentum": {"rate": 0.1, "momentum": 0.6},
    "nesterov": {"rate": 0.1, "momentum": 0.6},
    "rmsprop": {"rate": 0.05, "decay": 0.8, "eps": 0.05, "eps_root": 0.01},
    "adam": {"rate": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 0.02, "eps_root": 0.01},
    "adamw": {"rate": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 0.02, "decay": 0.1, "eps_root": 0.01},
    "sign": {"rate": 0.05},
}
UNIT = {"momentum", "beta1", "beta2"}


def program_for(rule: str, axes: str) -> drmadc.Program:
    values = VALUES[rule]
    lines = ["params a: real[3] = [0.5, -1.2, 0.8]", "params b: real[2, 2] = 0.7"]
    for name, value in values.items():
        domain = "unit" if name in UNIT or (name == "decay" and rule == "rmsprop") else "positive"
        lines.append(f"hyper {name}: {domain}{axes} = {value}")
    lines.append("hyper center: real[3] = [0.1, 0.2, 0.3]")
    loss = "sum((a - center) ^ 2) + sum(a ^ 4) + sum(sin(b)) + sum(b ^ 2) * sum(a)"
    args = ", ".join(f"{name}: {name}" for name in values)
    train = f"train {{ loss = {loss}  update = {rule}({args})  steps = 6  precision = float64 }}"
    direct = "0.1 * sum(center ^ 2) + " if rule == "sign" else ""
    tune = (
        f"tune {{ minimize = {direct}sum(a ^ 2) + sum(b ^ 3)  reverse = exact(store)"
        "  update = sgd(rate: 0.1)  steps = 1 }"
    )
    return drmadc.compile_text("\n".join([*lines, train, tune]), f"{rule}.drm")


def test_every_rule_is_covered() -> None:
    assert {d.name for d in prelude().decls if isinstance(d, ast.UpdateDecl)} == set(VALUES)


@pytest.mark.parametrize("axes", ["", "[step]", "[step(bins: 2), param of params]"])
@pytest.mark.parametrize("rule", VALUES)
def test_rule_equals_unrolled_gradient(rule: str, axes: str) -> None:
    program = program_for(rule, axes)
    hypers = perturbed(program, 3)
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-13)
    assert_equal_gradients(result.gradient, expected, 1e-10)


def test_a_rule_of_every_differentiable_function_equals_the_unrolled_gradient() -> None:
    names = [name for name, op in ELEMENTWISE.items() if op.public and op.derivative is not None]
    move = " + ".join(f"{name}(x)" for name in names)
    program = drmadc.compile_text(
        f"""
        update every(rate: positive, scale: positive) {{
          x = 0.4 + scale * grad ^ 2
          w' = w - rate * grad - 0.01 * rate * ({move})
        }}
        params w: real[3] = [0.5, -1.2, 0.8]
        hyper rate: positive[step] = 0.1
        hyper scale: positive = 0.1
        train {{ loss = sum(w ^ 2) + sum(sin(w))  update = every(rate: rate, scale: scale)  steps = 4
                 precision = float64 }}
        tune {{ minimize = sum(w ^ 2)  reverse = exact(store)  update = sgd(rate: 0.1)  steps = 1 }}
        """,
        "every.drm",
    )
    hypers = perturbed(program, 3)
    result = program.executor.evaluate(hypers, 0, exact_policy(program))
    value, expected = unrolled_gradient(program, hypers, 0)
    assert result.value == pytest.approx(float(value), rel=1e-13)
    assert_equal_gradients(result.gradient, expected, 1e-10)


def numpy_step(
    rule: str, p: dict[str, float], s: dict[str, np.ndarray], g: np.ndarray, t: int
) -> dict[str, np.ndarray]:
    """One step as the literature writes it, in plain NumPy."""
    w = s["w"]
    match rule:
        case "sgd":
            return {"w": w - p["rate"] * g}
        case "sign":
            return {"w": w - p["rate"] * np.sign(g)}
        case "heavy_ball":
            v = p["momentum"] * s["v"] - (1 - p["momentum"]) * g
            return {"w": w + p["rate"] * v, "v": v}
        case "momentum":
            v = p["momentum"] * s["v"] + g
            return {"w": w - p["rate"] * v, "v": v}
        case "nesterov":
            v = p["momentum"] * s["v"] + g
            return {"w": w - p["rate"] * (g + p["momentum"] * v), "v": v}
        case "rmsprop":
            a = p["decay"] * s["s"] + (1 - p["decay"]) * g * g
            return {"w": w - p["rate"] * g / (np.sqrt(a + p["eps_root"]) + p["eps"]), "s": a}
    m = p["beta1"] * s["m"] + (1 - p["beta1"]) * g
    a = p["beta2"] * s["s"] + (1 - p["beta2"]) * g * g
    root = np.sqrt(a / (1 - p["beta2"] ** (t + 1)) + p["eps_root"])
    direction = (m / (1 - p["beta1"] ** (t + 1))) / (root + p["eps"])
    if rule == "adamw":
        direction = direction + p["decay"] * w
    return {"w": w - p["rate"] * direction, "m": m, "s": a}


@pytest.mark.parametrize("rule", VALUES)
def test_one_step_equals_numpy(rule: str) -> None:
    program = program_for(rule, "")
    module = program.emitted
    draws = np.random.default_rng(5)
    names = ["w", *(s.name for s in program.ir.step.states)]
    state = {n: {"a": np.abs(draws.normal(size=3)), "b": np.abs(draws.normal(size=(2, 2)))} for n in names}
    center = np.array([0.1, 0.2, 0.3])
    a, b = state["w"]["a"], state["w"]["b"]
    gradient = {
        "a": 2 * (a - center) + 4 * a**3 + np.sum(b**2),
        "b": np.cos(b) + 2 * b * np.sum(a),
    }
    with program.executor.precision():
        hypers = program.executor.cast(program.hypers)
        after = module.step({n: rt.Tree(v) for n, v in state.items()}, hypers, 4)
    for entry in ("a", "b"):
        expected = numpy_step(rule, VALUES[rule], {n: state[n][entry] for n in names}, gradient[entry], 4)
        for name in names:
            np.testing.assert_allclose(np.asarray(after[name][entry]), expected[name], rtol=1e-12)


MOVES = {
    "t / 5": lambda t: t / 5,
    "1 / (t + 1)": lambda t: 1 / (t + 1),
    "sqrt(t + 1)": lambda t: np.sqrt(t + 1),
    "cos(2 * t)": lambda t: np.cos(2 * t),
    "t ^ 5": lambda t: float(t) ** 5,
    "2 ^ (-t)": lambda t: 2.0**-t,
    "t * (t + 1) * t": lambda t: float(t) * (t + 1) * t,
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("t", [3, 44, 70001])
def test_the_step_counts_in_the_programs_precision(move: str, t: int) -> None:
    program = drmadc.compile_text(f"""
        update paced(rate: positive) {{ w' = w - rate * grad * ({move}) }}
        params w: real[2] = 0
        hyper rate: positive = 1
        train {{ loss = sum(w)  update = paced(rate: rate)  steps = 80000  precision = float64 }}
        tune {{ minimize = sum(w)  reverse = exact(checkpoint)  update = sgd(rate: 0.1)  steps = 1 }}
    """)
    module = names(program)
    with jax.enable_x64(True):
        hypers = program.executor.cast(program.hypers)
        state, _ = module.training(hypers, 0)
        after = jax.jit(module.step)(state, hypers, jnp.int32(t))["w"]["w"]
    assert after.dtype == "float64"
    np.testing.assert_allclose(after, -np.full(2, MOVES[move](t)), rtol=1e-14)
