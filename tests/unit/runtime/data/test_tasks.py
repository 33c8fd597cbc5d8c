"""Data of several tasks: sizes, disjoint splits, labels, copies, sampling; and the embedded images."""

import numpy as np
import pytest

import drmadc_runtime as rt
from drmadc_common import omniglot
from drmadc_runtime.data.sources import bundled
from drmadc_runtime.data.tasks import Tasks

DRAWN = {"train": 10, "valid": 2, "test": 3}


def test_the_images_are_of_these_alphabets() -> None:
    for name in ("small1", "small2"):
        assert tuple(len(images) for images in bundled.omniglot(name)) == omniglot.characters(name)
    images = bundled.omniglot("all")
    assert {task.shape[1:] for task in images} == {(20, 28, 28)}
    assert all(set(np.unique(task)) == {0, 1} for task in images)


def test_changed_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "OMNIGLOT_SHA256", "0" * 64)
    with pytest.raises(bundled.DataError, match="Omniglot"):
        bundled.omniglot.__wrapped__("small1")


def test_shapes_labels_and_filling() -> None:
    splits = Tasks("small1", 0, DRAWN).splits(0)
    for name, drawers in DRAWN.items():
        assert splits[name]["image"].shape == (5, 40 * drawers, 28, 28)
        for task, characters in enumerate(omniglot.characters("small1")):
            labels = splits[name]["label"][task]
            counts = np.bincount(labels[labels >= 0])
            assert counts.tolist() == [drawers] * characters
            assert (labels == -1).sum() == (40 - characters) * drawers


def rows(split: dict[str, np.ndarray], task: int) -> set[bytes]:
    there = split["label"][task] >= 0
    return {image.tobytes() for image in split["image"][task][there]}


def test_no_drawing_is_in_two_splits() -> None:
    splits = Tasks("small2", 3, DRAWN).splits(0)
    for task in range(5):
        parts = [rows(splits[name], task) for name in DRAWN]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]


def test_only_training_and_validation_are_drawn_again() -> None:
    tasks = Tasks("small1", 0, DRAWN, redraw=True)
    first, second = tasks.splits(0), tasks.splits(1)
    np.testing.assert_array_equal(first["test"]["image"], second["test"]["image"])
    assert rows(first["valid"], 0) != rows(second["valid"], 0)
    both = [rows(s["train"], 0) | rows(s["valid"], 0) for s in (first, second)]
    assert both[0] != rows(first["train"], 0)
    assert len(both[0] & both[1]) > 100
    np.testing.assert_array_equal(tasks.splits(1)["train"]["image"], second["train"]["image"])


@pytest.mark.parametrize("copies", ["rotated", "flipped"])
def test_copies_are_tasks_of_their_own(copies: str) -> None:
    tasks = Tasks("small1", 0, DRAWN, copies=copies)
    assert tasks.splits(0)["train"]["image"].shape[0] == 10
    images = tasks._images()
    turned = np.rot90(images[2], axes=(2, 3)) if copies == "rotated" else images[2][..., ::-1]
    np.testing.assert_array_equal(images[7], turned)


def test_a_sampled_task_has_no_task_axis() -> None:
    tasks = Tasks("all", 0, DRAWN, sampled=True)
    seen = {int(tasks.splits(outer)["train"]["label"].max()) for outer in range(12)}
    assert tasks.splits(0)["train"]["image"].shape == (470, 28, 28)
    assert len(seen) > 3
    assert tasks.draw_of(3) == 3


def test_tasks_are_mixed_and_laid_out_in_a_row() -> None:
    """W[s] = sum_r matrix[s, r] Z[r], for every parameter; examples of all tasks as those of one."""
    draws = np.random.default_rng(0)
    matrix, values = draws.normal(size=(3, 3)), {"a": draws.normal(size=(3, 2, 4)), "b": draws.normal(size=(3, 3))}
    mixed = rt.mix_tasks(matrix, rt.Tree(values))
    for name, z in values.items():
        expected = [sum(matrix[s, r] * z[r] for r in range(3)) for s in range(3)]
        np.testing.assert_allclose(mixed[name], expected, rtol=1e-5, atol=1e-6)
    found = rt.all_tasks({"x": np.arange(24).reshape(2, 3, 4), "y": np.arange(6).reshape(2, 3)})
    np.testing.assert_array_equal(found["x"], np.arange(24).reshape(6, 4))
    np.testing.assert_array_equal(found["y"], np.arange(6))


def test_the_task_of_an_outer_step_is_one_of_all() -> None:
    """A sampled task has the images of that alphabet, for each of its characters as many drawers as are asked for."""
    every = Tasks("small1", 0, DRAWN).splits(0)
    for outer in range(3):
        one = Tasks("small1", 0, DRAWN, sampled=True).splits(outer)["valid"]
        assert any(all(np.array_equal(one[name], every["valid"][name][task]) for name in one) for task in range(5))
