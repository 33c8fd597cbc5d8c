"""The outer loop: ties against coarser declarations, freezing, projections, step sizes, stages, averaging, stopping."""

from pathlib import Path

import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc.ir.group_axes import axis_length, axis_slots
from drmadc.ir.program import Parameter
from drmadc.ir.ties import COARSER
from drmadc_runtime.program.failure import NotFinite
from drmadc_runtime.run.run import resume
from tests.conftest import CASES, compiled

SPEC = """
params w: real[3] = [0.5, -0.4, 0.9]
params u: real[2] = 0.3
hyper h: positive[{axis} of params] = 0.4
hyper r: positive[{step}] = 0.05
train {{
  loss = sum(h * params ^ 2) + sum((u - 1) ^ 2) * (1 + sum(w))
  update = sgd(rate: r)  steps = 6  precision = float64
}}
tune {{
  minimize = sum(w ^ 2) + sum(u ^ 3)
  update = {update}  steps = 4  {settings}
}}
"""


def tuned(tmp_path: Path, settings: str = "", axis: str = "weight", step: str = "step", update: str = "sgd(rate: 0.1)"):
    text = SPEC.format(axis=axis, step=step, update=update, settings=settings)
    return drmadc.compile_text(text).run(out=tmp_path / f"{abs(hash(text))}", quiet=True)


@pytest.mark.parametrize("update", ["sgd(rate: 0.1)", "adam(rate: 0.1)", "heavy_ball(rate: 0.1, momentum: 0.5)"])
def test_a_tie_is_a_coarser_hyperparameter(tmp_path: Path, update: str) -> None:
    tied = tuned(tmp_path, "tie = { h: layer, r: step(bins: 2) }", update=update)
    coarse = tuned(tmp_path, axis="layer", step="step(bins: 2)", update=update)
    for a, b in zip(tied.metrics, coarse.metrics, strict=True):
        assert a["objective"] == pytest.approx(b["objective"], rel=1e-13)
    np.testing.assert_allclose(tied.hypers["h"][[0, 3]], coarse.hypers["h"], rtol=1e-13)
    np.testing.assert_allclose(tied.hypers["r"][[0, 3]], coarse.hypers["r"], rtol=1e-13)


def test_the_mean_is_the_sum_with_a_smaller_rate(tmp_path: Path) -> None:
    mean = tuned(tmp_path, "tie = { h: mean(network), r: mean(step) }", update="sgd(rate: { h: 0.5, r: 0.6 })")
    total = tuned(tmp_path, "tie = { h: network, r: step }", update="sgd(rate: { h: 0.1, r: 0.1 })")
    for name in ("h", "r"):
        np.testing.assert_allclose(mean.hypers[name], total.hypers[name], rtol=1e-12)
        assert np.ptp(mean.hypers[name]) < 1e-15


SHAPES = {"a.weight": (3, 4), "a.bias": (4,), "b.weight": (4, 2), "b.bias": (2,)}
PARAMETERS = tuple(
    Parameter(path, shape, path[0], "weight" if path.endswith("weight") else "bias") for path, shape in SHAPES.items()
)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize(
    ("fine", "coarse", "members"),
    [
        ("weight", "in_unit", ("a.weight", "b.weight")),
        ("weight", "out_unit", tuple(SHAPES)),
        ("weight", "param", tuple(SHAPES)),
        ("weight", "layer", tuple(SHAPES)),
        ("in_unit", "layer", ("a.weight", "b.weight")),
        ("in_unit", "param", ("a.weight", "b.weight")),
        ("out_unit", "layer", tuple(SHAPES)),
        ("param", "layer", tuple(SHAPES)),
    ],
)
def test_classes_of_a_tie_against_sums_by_hand(fine: str, coarse: str, members: tuple[str, ...], mean: bool) -> None:
    assert coarse in COARSER[fine]
    slots = [axis_slots(PARAMETERS, members, kind) for kind in (fine, coarse)]
    layouts = [rt.Layout(axis_length(axis), {s.path: rt.At(s.start, s.shape) for s in axis}) for axis in slots]
    numbers = [rt.broadcast(np.arange(layout.length), layout) for layout in layouts]
    classes = np.zeros(layouts[0].length, int)
    for name in members:
        entries, into = np.broadcast_arrays(numbers[0][name], numbers[1][name])
        classes[entries.ravel()] = into.ravel()
    values = np.random.default_rng(0).normal(size=(2, layouts[0].length))
    sums = np.stack([np.bincount(classes, row, layouts[1].length) for row in values])
    expected = (sums / np.bincount(classes, minlength=layouts[1].length) if mean else sums)[:, classes]
    found = rt.tied(values.astype(np.float32), layouts[0], layouts[1], mean=mean)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mean", [False, True])
def test_ties_over_steps_by_hand(mean: bool) -> None:
    values = np.arange(14.0, dtype=np.float32).reshape(7, 2)
    classes = np.arange(7) * 3 // 7
    expected = np.stack([(np.mean if mean else np.sum)(values[classes == c], axis=0) for c in classes])
    np.testing.assert_allclose(rt.tied_steps(values, 3, mean=mean), expected, rtol=1e-6)


def test_frozen_hyperparameters_stay(tmp_path: Path) -> None:
    run = tuned(tmp_path, "freeze = [r]", update="adamw(rate: 0.1)")
    np.testing.assert_array_equal(run.hypers["r"], np.full(6, 0.05))
    assert not np.allclose(run.hypers["h"], 0.4)


def test_projections_hold_after_every_step(tmp_path: Path) -> None:
    run = compiled("stages").run(out=tmp_path / "run", quiet=True)
    assert (np.diff(run.hypers["bins"]) >= 0).all()
    assert np.array_equal(run.hypers["mix"], run.hypers["mix"].T)
    assert (run.hypers["penalty"] >= 0.1 - 1e-12).all()
    assert (run.hypers["penalty"] <= 0.5 + 1e-12).all()
    assert [r["stage"] for r in run.metrics] == ["whole"] * 3 + ["layers"] * 2
    np.testing.assert_allclose(run.hypers["penalty"][:3], run.hypers["penalty"][0])
    assert run.hypers["penalty"][0] != run.hypers["penalty"][3]


def test_draws_of_a_run_are_the_same_in_every_outer_step() -> None:
    text = """
    params w: real[2] = 1
    hyper h: real = 0.3
    hyper start: real[3] = normal(1)
    train { loss = sum(h * w ^ 2)  update = sgd(rate: 0.1)  steps = 2 }
    tune { minimize = sum(w) + sum(start ^ 2)  update = sgd(rate: 0.1)  steps = 1 }
    """
    first, second = (drmadc.compile_text(text, overrides=o) for o in ((), ("train.seed=1",)))
    assert np.std(first.hypers["start"]) > 0.1
    np.testing.assert_array_equal(first.hypers["start"], drmadc.compile_text(text).hypers["start"])
    assert not np.allclose(first.hypers["start"], second.hypers["start"])


def test_the_run_stops_where_the_hypergradient_grows(tmp_path: Path) -> None:
    text = """
    params w: real[1] = 1
    hyper h: real = 0.1
    train { loss = sum((w - h) ^ 2)  update = sgd(rate: 0.1)  steps = 3 }
    tune { minimize = -sum(w ^ 2)  update = sgd(rate: 0.5)  steps = 20  stop = growing(3) }
    """
    run = drmadc.compile_text(text).run(out=tmp_path / "run", quiet=True)
    assert len(run.metrics) == 4
    norms = [record["hypergradient"] for record in run.metrics]
    assert norms == sorted(norms)


def test_averaging_is_the_mean_over_draws(tmp_path: Path) -> None:
    text = (CASES / "ok" / "l2_by_input.drm").read_text()
    one = drmadc.compile_text(text)
    values = [one.hypergradient(one.hypers, draw).value for draw in range(3)]
    run = drmadc.compile_text(text, overrides=["tune.seeds=3", "tune.steps=1"]).run(out=tmp_path / "run", quiet=True)
    assert run.metrics[0]["objective"] == pytest.approx(np.mean(values), rel=1e-12)


def test_an_update_that_leaves_the_finite_numbers_is_said_at_once_and_again(tmp_path: Path) -> None:
    text = """
    params w: real[1] = 1
    hyper h: positive = 0.1
    train { loss = sum((w - h) ^ 2)  update = sgd(rate: 0.1)  steps = 3 }
    tune { minimize = -sum(w)  update = sgd(rate: 1e6)  steps = 1 }
    """
    program = drmadc.compile_text(text)
    message = "outer update produced a hyperparameter that is not finite\n  at outer step 0\n"
    with pytest.raises(NotFinite, match=message):
        program.run(out=tmp_path / "run", quiet=True)
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    with np.load(tmp_path / "run" / "hypers.npz") as last:
        np.testing.assert_allclose(last["h"], program.hypers["h"], rtol=1e-6)
    with pytest.raises(NotFinite, match=message):
        resume(program.emitted, tmp_path / "run")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1
