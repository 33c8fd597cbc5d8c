"""Augmentation and transforms: the host's moves equal the device's, statistics equal NumPy's, nothing leaks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drmadc
import drmadc_runtime as rt
from drmadc_runtime.data.statistics import Statistics, chunks_of, whitening
from drmadc_runtime.data.streaming import gather_steps_moved
from drmadc_runtime.data.transforms.geometric import augmentation_key, augmentation_key_host, encoded, geometric
from tests.conftest import compiled

CROP = st.tuples(st.just("crop"), st.integers(1, 6))
CUTOUT = st.tuples(st.just("cutout"), st.integers(1, 5))
CHAINS = st.lists(st.one_of(st.just(("flip", 0)), CROP, CUTOUT), max_size=4)


@settings(deadline=None, max_examples=25)
@given(CHAINS, st.integers(0, 5), st.sampled_from([(4, 5), (5, 4, 3)]))
def test_moves_on_the_host_equal_those_on_the_device(
    chain: list[tuple[str, int]], t: int, shape: tuple[int, ...]
) -> None:
    images = np.random.default_rng(0).integers(1, 255, (9, *shape)).astype(np.uint8)
    rows = np.array([[3, 1, 4, 1, 5], [8, 0, 2, 6, 7]])
    chains = {"image": tuple(chain)}
    wanted = []
    for s in range(2):
        with jax.disable_jit():
            key = augmentation_key(7, jnp.int32(2), jnp.int32(t + s))
            assert int(key) == int(augmentation_key_host(7, 2, t + s))
            wanted.append(np.asarray(geometric({"image": jnp.asarray(images[rows[s]])}, chains, key)["image"]))
    keys = np.array([augmentation_key_host(7, 2, t + s) for s in range(2)], np.uint32)
    wide = images.reshape(9, shape[0], shape[1], -1)
    out = np.empty((2, 5, *wide.shape[1:]), np.uint8)
    gather_steps_moved(wide, rows, *encoded(tuple(chain)), keys, 0, out)
    np.testing.assert_array_equal(out.reshape(2, 5, *shape), np.stack(wanted))


def test_moves_do_what_they_say() -> None:
    image = jnp.arange(1, 1 + 400 * 36, dtype=jnp.int32).reshape(400, 6, 6)
    key = augmentation_key(0, jnp.int32(0), jnp.int32(0))
    flipped = geometric({"i": image}, {"i": (("flip", 0),)}, key)["i"]
    same = np.asarray((flipped == image).all((1, 2)))
    mirrored = np.asarray((flipped == image[:, :, ::-1]).all((1, 2)))
    assert (same ^ mirrored).all()
    assert 150 < same.sum() < 250
    cropped = np.asarray(geometric({"i": image}, {"i": (("crop", 2),)}, key)["i"])
    middle = np.asarray(image)[:, 2, 2]
    places = {tuple(np.argwhere(cropped[k] == middle[k])[0]) for k in range(400)}
    assert places == {(r, c) for r in range(5) for c in range(5)}
    holes = np.asarray(geometric({"i": image}, {"i": (("cutout", 3),)}, key)["i"]) == 0
    assert holes.any((1, 2)).all()
    assert holes.sum((1, 2)).max() == 9


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


@pytest.mark.parametrize("piece", [40, 1000, 10**9])
def test_statistics_in_one_pass_equal_those_of_numpy(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmadc_runtime.data.statistics.CHUNK", piece)
    x = np.random.default_rng(0).normal(size=(60, 4)) @ np.diag([1, 2, 0, 0.1]) + 1e6
    kinds = {"a": ("mean",), "b": ("std",), "c": ("max",), "d": ("min",), "z": ("zca", 0.3)}
    statistics = Statistics(lambda raw: dict.fromkeys(kinds, raw["x"]), kinds)
    found = statistics.of(chunks_of({"x": x}), "float64")
    np.testing.assert_allclose(found["a"], x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(found["b"], x.std(0), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found["c"], x.max(0))
    np.testing.assert_array_equal(found["d"], x.min(0))
    np.testing.assert_allclose(found["z"], whitening(np.cov(x.T, bias=True), 0.3), rtol=1e-6, atol=1e-7)


def test_transforms() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)) @ np.array([[1, 2, 0], [0, 1, 0], [0, 0, 0]])
    mean, covariance = x.mean(0), np.cov(x.T, bias=True)
    white = np.asarray(rt.whiten(jnp.asarray(x), jnp.asarray(mean), jnp.asarray(whitening(covariance, 1e-6))))
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.diag([1, 1, 0]), atol=1e-3)
    even = np.asarray(rt.standardise(jnp.asarray(x), jnp.asarray(mean), jnp.asarray(x.std(0))))
    np.testing.assert_allclose(even.std(0), [1, 1, 0], atol=1e-5)
    unit = np.asarray(rt.rescale(jnp.asarray(x), jnp.asarray(x.min(0)), jnp.asarray(x.max(0))))
    np.testing.assert_allclose([unit.min(0), unit.max(0)], [[0, 0, 0], [1, 1, 0]], atol=1e-6)
    contrast = np.asarray(rt.global_contrast(jnp.asarray(x)))
    np.testing.assert_allclose(contrast.std(1), 1, atol=1e-5)


def test_only_training_minibatches_are_augmented_and_replayed() -> None:
    program = compiled("augmented")
    module, session = program.session.module, program.session
    with session.precision():
        (data,) = session.data(0)
        first = module["minibatch"](data, 0, 2)
        again = jax.jit(module["minibatch"])(data, 0, 2)
        other = module["minibatch"](data, 0, 3)
        plain = module["features"](data["valid"], data["statistics"])
    for name, values in first.items():
        np.testing.assert_allclose(values, again[name], rtol=1e-12, atol=1e-12)
        assert np.abs(np.asarray(values, float) - np.asarray(other[name], float)).max() > 0
    raw = np.asarray(data["valid"]["image"], float).reshape(20, 64)
    train = np.asarray(data["train"]["image"], float).reshape(40, 64)
    spread = np.where(train.std(0) == 0, 1, train.std(0))
    np.testing.assert_allclose(plain["z"], (raw - train.mean(0)) / spread, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(plain["soft"], np.eye(10)[np.asarray(data["valid"]["label"])])


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("x: real[64] = flatten(crop(image / 16, 1))", "comes before everything else"),
        ("x: real[64] = flatten(image) + flatten(flip(image))", "moved in another way"),
        ("x: real[64] = flip(flatten(image))", "takes images of each example"),
        ("x: real[64] = flatten(crop(image, 0))", "a whole number above 0"),
        ("x: real[10] = mixup(label, 0.4)", "write one_hot(label)"),
        ("x: real[60] = reshape(image, [60])", "cannot give byte[example, 8, 8] the shape [60]"),
        ("x: real[64] = whiten(image, 0.1)", "takes a vector of each example"),
        (
            "x: real[64, 3] = one_hot(flatten(image))",
            "takes a label, or bytes or whole numbers of a file and `classes`",
        ),
    ],
)
def test_mistakes(feature: str, message: str) -> None:
    text = f"""
data d {{ source = digits()  {feature}  split = {{ train: 40 }} }}
params w: real[2] = [1, 2]
hyper l2: positive = 0.01
train {{ loss = mean(x) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 2  steps = 3 }}
tune {{ minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }}
"""
    with pytest.raises(drmadc.SpecError) as caught:
        drmadc.compile_text(text)
    assert message in str(caught.value)
    assert len(caught.value.diagnostics) == 1
