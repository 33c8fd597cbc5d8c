"""exact(reversible) is exact for the run that it makes: an unrolled loop with rounded decays, written here.

They differ by what a multiplication takes from the buffer in the place of the 16 bits that it loses: 2^-32 a step
where fixed point has 48 bits behind the point. These programs are small enough for more bits, and then agree to 1e-10.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
from drmadc_runtime.adjoints import reversible
from tests.oracle.unrolled import assert_equal_gradients

SPEC = """
params w: real[3] = [0.5, -1.2, 0.8]
params u: real[2] = 0.7
hyper momentum: unit{axes} = {momentum}
hyper rate: positive = {rate}
hyper center: real[3] = [0.1, 0.2, 0.3]
train {{
  loss      = sum((w - center) ^ 2) + sum(sin(u)) + sum(u ^ 2) * sum(w ^ 2)
  update    = {rule}(rate: rate, momentum: momentum)
  steps     = {steps}
  precision = float64
}}
tune {{ minimize = sum(w ^ 2) + sum(u ^ 3)  reverse = exact(reversible)  update = sgd(rate: 0.1)  steps = 1 }}
"""


State = tuple[dict[str, jax.Array], dict[str, jax.Array]]


def rounded(momentum: jax.Array) -> jax.Array:
    """n / 65536, rounded up; its derivative is 1."""
    return momentum + jax.lax.stop_gradient((jnp.floor(65536 * momentum) + 1) / 65536 - momentum)


def loss(w: jax.Array, u: jax.Array, center: jax.Array) -> jax.Array:
    return jnp.sum((w - center) ** 2) + jnp.sum(jnp.sin(u)) + jnp.sum(u**2) * jnp.sum(w**2)


def unrolled(rule: str, axes: str, steps: int, hypers: dict[str, np.ndarray]) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Objective and gradient by JAX, through every step."""

    def objective(hypers: dict[str, jax.Array]) -> jax.Array:
        arrays = {"w": jnp.array([0.5, -1.2, 0.8]), "u": jnp.full(2, 0.7)}
        speed = {name: jnp.zeros_like(x) for name, x in arrays.items()}

        def step(t: jax.Array, state: State) -> State:
            arrays, speed = state
            moved = {}
            grads = dict(zip("wu", jax.grad(loss, (0, 1))(arrays["w"], arrays["u"], hypers["center"]), strict=True))
            for place, name in enumerate("wu"):
                momentum = hypers["momentum"]
                momentum = momentum[t] if "step" in axes else momentum
                momentum = momentum[place] if "param" in axes else momentum
                kick = (1 - momentum) * grads[name] if rule == "heavy_ball" else grads[name]
                moved[name] = rounded(momentum) * speed[name] - kick
            return {name: x + hypers["rate"] * moved[name] for name, x in arrays.items()}, moved

        arrays, _ = jax.lax.fori_loop(0, steps, step, (arrays, speed))
        return jnp.sum(arrays["w"] ** 2) + jnp.sum(arrays["u"] ** 3)

    with jax.enable_x64(True):
        return jax.jit(jax.value_and_grad(objective))({name: jnp.asarray(x) for name, x in hypers.items()})


@pytest.mark.parametrize(
    ("rule", "momentum", "steps", "axes", "radix", "tolerance"),
    [
        ("heavy_ball", 0.75, 30, "", 60, 1e-10),
        ("heavy_ball", 0.9, 100, "", 60, 1e-10),
        ("heavy_ball", 0.999, 300, "", 60, 1e-10),
        ("momentum", 0.75, 30, "", 56, 1e-10),
        ("heavy_ball", 0.75, 30, "[param of params]", 60, 1e-10),
        ("heavy_ball", 0.9, 60, "[step]", 60, 1e-10),
        ("heavy_ball", 0.999, 40, "[step, param of params]", 60, 1e-10),
        ("heavy_ball", 0.75, 30, "", reversible.RADIX, 1e-8),
        ("heavy_ball", 0.999, 300, "", reversible.RADIX, 1e-6),
    ],
)
def test_the_hypergradient_is_that_of_the_rounded_run(
    rule: str,
    momentum: float,
    steps: int,
    axes: str,
    radix: int,
    tolerance: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reversible, "RADIX", radix)
    rate = 0.1 if rule == "heavy_ball" else 0.02
    text = SPEC.format(axes=axes, momentum=momentum, rate=rate, rule=rule, steps=steps)
    program = drmadc.compile_text(text, "rounded.drm")
    hypers = {name: np.asarray(x) for name, x in program.hypers.items()}
    hypers["momentum"] = hypers["momentum"] * (1 - 1e-3 * np.random.default_rng(0).random(hypers["momentum"].shape))
    found = program.executor.evaluate(hypers, 0)
    value, expected = unrolled(rule, axes, steps, hypers)
    assert found.value == pytest.approx(float(value), rel=tolerance)
    assert_equal_gradients(found.gradient, expected, tolerance)
