"""Flips, crops and cutouts: the host's equal the device's."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drmadc_runtime.data.streaming import gather_steps_moved
from drmadc_runtime.data.transforms.geometric import augmentation_key, augmentation_key_host, encoded, geometric

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
