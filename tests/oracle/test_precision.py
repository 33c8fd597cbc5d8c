"""A program and its precision: float32 and float64 draw the same numbers, so they differ by rounding only."""

import jax
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc_runtime.data.transforms import augmentation
from tests.conftest import names

SPEC = """
data d {{
  source = digits()
  x: real[64] = mixup(add_noise(flatten(rotate(jitter(image / 16, 0.3), 10)), 0.1), 0.4)
  y: real[10] = mixup(one_hot(label), 0.4)
  split = {{ train: 60, valid: 40 }}
}}

model net(x: real[64]) -> real[10] {{
  h1 = tanh(noise(dense(x, 6), blur))
  h2 = tanh(gaussian_dropout(dense(h1, 5), 0.1))
  return dense(h2, 10)
}}

hyper blur: positive = 0.2
hyper gain: positive = 1
hyper l2: positive[layer of net.weights] = 0.01
hyper center: real[10] = normal(0.1)
hyper rate: positive[step] = 0.2

train {{
  init      = {{ net.h1.weight: gain * he, net.h2.weight: orthogonal, net.out.weight: normal(0.2),
                 biases: uniform(0.1) }}
  loss      = cross_entropy(net(x) + center, y) + sum(l2 * net.weights ^ 2)
  update    = heavy_ball(rate: rate, momentum: 0.8)
  batch     = 12
  sampling  = {sampling}
  steps     = 12
  precision = {precision}
}}

tune {{
  minimize = cross_entropy(net(x), y) on valid
  reverse  = exact(store)
  update   = sgd(rate: 0.1)
  steps    = 1
}}
"""


def program(precision: str, sampling: str) -> drmadc.Program:
    return drmadc.compile_text(SPEC.format(precision=precision, sampling=sampling), "precise.drm")


@pytest.mark.parametrize("sampling", ["with_replacement", "without_replacement"])
def test_precision_rounds_a_program_and_changes_nothing_else(sampling: str) -> None:
    single, double = program("float32", sampling), program("float64", sampling)
    initial = []
    for p in (single, double):
        with p.executor.precision():
            hypers = p.executor.cast(p.hypers)
            initial.append({k: np.asarray(v) for k, v in names(p).init(hypers, 1).items()})
    for name, weights in initial[1].items():
        assert weights.dtype == np.float64
        scale = np.abs(weights).max()
        np.testing.assert_allclose(initial[0][name], weights, rtol=0, atol=1e-6 * scale, err_msg=name)
    np.testing.assert_allclose(single.hypers["center"], double.hypers["center"], rtol=1e-6)
    a, b = (p.executor.evaluate(p.hypers, 1) for p in (single, double))
    assert a.value == pytest.approx(b.value, rel=1e-5)
    for name, expected in b.gradient.items():
        found = np.asarray(a.gradient[name], np.float64)
        cosine = np.vdot(found, expected) / (np.linalg.norm(found) * np.linalg.norm(expected))
        assert cosine > 0.99999, name
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max(), err_msg=name)


def draws(dtype: str) -> dict[str, np.ndarray]:
    """Everything that is drawn, for numbers of one type."""
    key = jax.random.key(3)
    images = jax.random.uniform(key, (4, 5, 5, 3), "float32").astype(dtype)
    augmented = jax.numpy.uint32(9)
    shapes = {"a": (40,)}
    found = {
        "normal": rt.normal(1, 2, 3, shapes)["a"],
        "truncated_normal": rt.truncated_normal(1, 2, 3, shapes)["a"],
        "uniform": rt.uniform(1, 2, 3, shapes)["a"],
        "noise": rt.noise(images, 0.1, key, 0),
        "gaussian_dropout": rt.gaussian_dropout(images, 0.2, key, 0),
        "rotate": augmentation.rotate(images, 20.0, augmented, 0),
        "jitter": augmentation.jitter(images, 0.3, augmented, 1),
        "add_noise": augmentation.add_noise(images, 0.1, augmented, 2),
        "mixup": augmentation.mixup(images, 0.4, augmented),
    }
    assert {name: x.dtype for name, x in found.items()} == dict.fromkeys(found, dtype)
    return {name: np.asarray(x) for name, x in found.items()}


def test_every_draw_is_the_same_in_both_precisions() -> None:
    single = draws("float32")
    with jax.enable_x64(True):
        double = draws("float64")
    for name, expected in double.items():
        np.testing.assert_allclose(single[name], expected, rtol=0, atol=1e-5, err_msg=name)
