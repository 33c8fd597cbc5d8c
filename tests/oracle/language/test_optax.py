"""Adam, AdamW and RMSProp against optax, forward and through jax.grad, with gradients that are small and that are 0."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import drmadc
from tests.oracle.unrolled import assert_equal_gradients

Make = Callable[[dict[str, jax.Array]], optax.GradientTransformation]


def adam(h: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.adam(h["rate"], b1=h["beta1"], b2=h["beta2"])


def adam_with_eps(h: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.adam(h["rate"], b1=h["beta1"], b2=h["beta2"], eps=h["eps"], eps_root=h["eps_root"])


def adamw(h: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.adamw(h["rate"], b1=h["beta1"], b2=h["beta2"], eps=h["eps"], weight_decay=h["decay"])


def rmsprop(h: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.rmsprop(h["rate"], decay=h["beta2"], eps=h["eps"], eps_in_sqrt=False)


def rmsprop_in_root(h: dict[str, jax.Array]) -> optax.GradientTransformation:
    return optax.rmsprop(h["rate"], decay=h["beta2"], eps=h["eps_root"], eps_in_sqrt=True)


VALUES = {"rate": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "eps_root": 1e-4, "decay": 0.1}
RULES: dict[str, tuple[str, Make, tuple[str, ...]]] = {
    "adam": ("adam(rate: rate, beta1: beta1, beta2: beta2)", adam, ("rate", "beta1", "beta2")),
    "adam with eps": (
        "adam(rate: rate, beta1: beta1, beta2: beta2, eps: eps, eps_root: eps_root)",
        adam_with_eps,
        ("rate", "beta1", "beta2", "eps", "eps_root"),
    ),
    "adamw": (
        "adamw(rate: rate, beta1: beta1, beta2: beta2, eps: eps, decay: decay)",
        adamw,
        ("rate", "beta1", "beta2", "eps", "decay"),
    ),
    "rmsprop": ("rmsprop(rate: rate, decay: beta2, eps: eps)", rmsprop, ("rate", "beta2", "eps")),
    "rmsprop in root": (
        "rmsprop(rate: rate, decay: beta2, eps: 0, eps_root: eps_root)",
        rmsprop_in_root,
        ("rate", "beta2", "eps_root"),
    ),
}


def program(rule: str, names: tuple[str, ...], loss: str, reverse: str = "exact(store)") -> drmadc.Program:
    domain = {"beta1": "unit", "beta2": "unit"}
    hypers = "\n".join(f"hyper {name}: {domain.get(name, 'positive')} = {VALUES[name]}" for name in names)
    return drmadc.compile_text(
        f"""
        params w: real[4] = [0.5, -1.2, 0.8, 0.3]
        {hypers}
        hyper center: real[4] = [0.1, 0.2, 0.3, 0.4]
        train {{ loss = {loss}  update = {rule}  steps = 12  precision = float64 }}
        tune {{ minimize = sum(w ^ 2)  reverse = {reverse}  update = sgd(rate: 0.1)  steps = 1 }}
        """,
        "rule.drm",
    )


def by_optax(make: Make, loss: Callable[[jax.Array, jax.Array], jax.Array], hypers: dict[str, jax.Array]) -> jax.Array:
    """The trained parameters."""
    rule = make(hypers)
    w = jnp.array([0.5, -1.2, 0.8, 0.3])
    state = rule.init(w)
    for _ in range(12):
        updates, state = rule.update(jax.grad(loss)(w, hypers["center"]), state, w)
        w = optax.apply_updates(w, updates)
    return w


@pytest.mark.parametrize("scale", [1.0, 1e-7])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_optaxs(name: str, scale: float) -> None:
    """With gradients of 1e-7 it matters where eps stands."""
    rule, make, names = RULES[name]
    p = program(rule, names, f"{scale} * (sum((w - center) ^ 2) + sum(w ^ 4))")

    def loss(w: jax.Array, center: jax.Array) -> jax.Array:
        return scale * (jnp.sum((w - center) ** 2) + jnp.sum(w**4))

    found = p.executor.evaluate(p.hypers, 0)
    with jax.enable_x64(True):
        hypers = {name: jnp.asarray(x) for name, x in p.hypers.items()}
        trained = by_optax(make, loss, hypers)
        expected = jax.jit(jax.grad(lambda h: jnp.sum(by_optax(make, loss, h) ** 2)))(hypers)
    np.testing.assert_allclose(np.asarray(found.params["w"]), trained, rtol=1e-12)
    assert_equal_gradients(found.gradient, expected, 1e-9)


@pytest.mark.parametrize("reverse", ["exact(store)", "forward()"])
@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
def test_entries_whose_gradient_is_always_0_contribute_0(name: str, reverse: str) -> None:
    """The last two entries: the derivative exists, and is that of the program without them."""
    rule, _, names = RULES[name]
    there = "(w[0] - center[0]) ^ 2 + (w[1] - center[1]) ^ 4"
    whole = program(rule, names, there, reverse)
    found = whole.executor.evaluate(whole.hypers, 0)
    assert found.finite
    np.testing.assert_array_equal(found.gradient["center"][2:], 0)
    with_all = program(rule, names, f"{there} + 1e-3 * ((w[2] - center[2]) ^ 2 + (w[3] - center[3]) ^ 2)", reverse)
    moved = with_all.executor.evaluate(with_all.hypers, 0)
    np.testing.assert_allclose(found.gradient["center"][:2], moved.gradient["center"][:2], rtol=1e-10)
    assert np.all(moved.gradient["center"][2:] != 0)


def test_the_derivative_at_gradient_0_is_1_over_eps() -> None:
    """One step from w = center: w' = w - rate g / (|g| + eps), whose derivative by g at 0 is -rate / eps."""
    p = drmadc.compile_text("""
        params w: real[2] = [1, 2]
        hyper center: real[2] = [1, 2]
        train { loss = sum((w - center) ^ 2)  update = adam(rate: 0.1, eps: 0.5)  steps = 1  precision = float64 }
        tune { minimize = sum(w)  reverse = exact(store)  update = sgd(rate: 0.1)  steps = 1 }
    """)
    np.testing.assert_allclose(p.executor.evaluate(p.hypers, 0).gradient["center"], 2 * 0.1 / 0.5, rtol=1e-12)
