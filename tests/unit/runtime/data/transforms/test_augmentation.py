"""Augmentation of numbers, of training minibatches only."""

import jax
import jax.numpy as jnp
import numpy as np

import drmadc_runtime as rt
from drmadc_runtime.data.transforms.geometric import augmentation_key
from tests.conftest import compiled, names


def test_augmentation_of_numbers() -> None:
    x = jnp.asarray(np.random.default_rng(1).normal(size=(50, 6, 6, 3)), jnp.float32)
    key = augmentation_key(0, jnp.int32(0), jnp.int32(3))
    for function, amount in ((rt.rotate, 20.0), (rt.jitter, 0.3), (rt.add_noise, 0.1)):
        assert function(x, amount, None, 0) is x
        changed = function(x, amount, key, 0)
        assert changed.shape == x.shape
        assert float(jnp.abs(changed - x).max()) > 1e-3
        np.testing.assert_array_equal(changed, function(x, amount, key, 0))
        assert float(jnp.abs(changed - function(x, amount, key, 1)).max()) > 1e-3
    np.testing.assert_allclose(rt.rotate(x, 1e-6, key, 0), x, atol=1e-5)
    assert abs(float((rt.add_noise(x, 0.1, key, 0) - x).std()) - 0.1) < 0.01
    labels = jnp.arange(50)
    mixed = rt.mixup(rt.one_hot(labels, 50, "float32"), 0.4, key)
    np.testing.assert_allclose(mixed.sum(1), 1, rtol=1e-6)
    inputs = rt.mixup(jnp.eye(50), 0.4, key)
    np.testing.assert_array_equal(mixed, inputs)


def test_only_training_minibatches_are_augmented_and_replayed() -> None:
    program = compiled("augmented")
    module, executor = names(program), program.executor
    with executor.precision():
        (data,) = executor.data(0)
        first = module.minibatch(data, 0, 2)
        again = jax.jit(module.minibatch)(data, 0, 2)
        other = module.minibatch(data, 0, 3)
        plain = module.features(data["valid"], data["statistics"])
    for name, values in first.items():
        np.testing.assert_allclose(values, again[name], rtol=1e-12, atol=1e-12)
        assert np.abs(np.asarray(values, float) - np.asarray(other[name], float)).max() > 0
    raw = np.asarray(data["valid"]["image"], float).reshape(20, 64)
    train = np.asarray(data["train"]["image"], float).reshape(40, 64)
    spread = np.where(train.std(0) == 0, 1, train.std(0))
    np.testing.assert_allclose(plain["z"], (raw - train.mean(0)) / spread, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(plain["soft"], np.eye(10)[np.asarray(data["valid"]["label"])])
