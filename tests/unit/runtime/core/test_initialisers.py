"""Initial values by name: their variance is that of `jax.nn.initializers`, orthogonal matrices are exactly so."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from tests.conftest import compiled, names

SHAPES = {"dense": (400, 150), "window": (3, 3, 40, 90)}
REFERENCE: dict[str, tuple[float, str, Callable[..., jax.Array]]] = {
    "he": (2.0, "fan_in", jax.nn.initializers.he_normal()),
    "glorot": (1.0, "fan_avg", jax.nn.initializers.glorot_normal()),
    "lecun": (1.0, "fan_in", jax.nn.initializers.lecun_normal()),
}
NO_INIT = """
data small { source = digits() x: real[64] = flatten(image) / 16 y: class[10] = label split = { train: 40, valid: 40 } }
model mlp(x: real[64]) -> real[10] { h = relu(dense(x, 32)) return dense(h, 10) }
hyper l2: positive = 0.1
train {
  INIT
  loss = cross_entropy(mlp(x), y) + l2 * sum(mlp.weights ^ 2)
  update = sgd(rate: 0.1)
  batch = 10
  steps = 3
}
tune { minimize = cross_entropy(mlp(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }
"""


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_variance_and_range_are_those_of_jax(name: str, shape: str) -> None:
    scale, fan, reference = REFERENCE[name]
    ours = rt.variance_scaled(rt.truncated_normal(0, 0, 0, SHAPES), scale, fan)[shape]  # type: ignore[arg-type]
    theirs = reference(jax.random.key(1), SHAPES[shape])
    n = ours.size
    assert abs(float(ours.mean() / theirs.std())) < 5 / np.sqrt(n)
    # the kurtosis of a normal cut at 2 is 2.37: the variance of n draws has a relative deviation of sqrt(1.37 / n)
    assert float(ours.var() / theirs.var()) == pytest.approx(1, abs=5 * np.sqrt(2 * 1.37 / n))
    assert float(jnp.abs(ours).max() / jnp.abs(theirs).max()) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (3, 3, 2, 6)])
def test_orthogonal_is_orthonormal(shape: tuple[int, ...]) -> None:
    with jax.enable_x64(True):
        draws = rt.normal(3, 1, 0, {"w": shape})
        w = np.asarray(rt.orthogonal(draws)["w"]).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_arrays_of_tasks_are_scaled_and_rotated_one_by_one() -> None:
    shapes = {"w": (3, 6, 4)}
    together = rt.orthogonal(rt.normal(0, 0, 0, shapes), stacked=1)["w"]
    scaled = rt.variance_scaled(rt.normal(0, 0, 0, shapes), 2.0, "fan_in", stacked=1)["w"]
    for task, w in enumerate(rt.normal(0, 0, 0, shapes)["w"]):
        np.testing.assert_allclose(together[task], rt.orthogonal(rt.Tree({"w": w}))["w"], atol=1e-6)
        np.testing.assert_allclose(scaled[task], rt.variance_scaled(rt.Tree({"w": w}), 2.0, "fan_in")["w"], rtol=1e-6)


def test_what_init_leaves_out_starts_as_the_layer_says() -> None:
    starts = []
    for init in ("", "init = { weights: lecun }", "init = { weights: lecun, biases: zeros }"):
        module = names(drmadc.compile_text(NO_INIT.replace("INIT", init)))
        starts.append(module.init({"l2": 0.1}, 0))
    for start in starts:
        assert float(start["h.weight"].std()) == pytest.approx(1 / 8, rel=0.1)
        assert float(start["out.weight"].std()) == pytest.approx(1 / np.sqrt(32), rel=0.2)
        assert not np.any(start["h.bias"])
        assert not np.any(start["out.bias"])
        for name in start:
            np.testing.assert_array_equal(start[name], starts[0][name])


def test_named_draws_differ_between_outer_steps_and_are_scaled_by_a_hyperparameter() -> None:
    module = names(compiled("initialisers"))
    once, twice, again = (module.init({"gain": g}, o) for g, o in ((1.0, 0), (2.0, 0), (1.0, 1)))
    np.testing.assert_allclose(twice["h1.weight"], 2 * once["h1.weight"], rtol=1e-6)
    assert np.all(again["h1.weight"] != once["h1.weight"])
    assert not np.allclose(again["h2.weight"], once["h2.weight"])
