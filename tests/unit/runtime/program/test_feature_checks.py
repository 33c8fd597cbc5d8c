"""Features that are no numbers are named, and targets of cross-entropy must be probabilities."""

from pathlib import Path

import numpy as np
import pytest

import drmadc
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.program.failure import NotFinite
from drmadc_runtime.run.run import Options, run

DRAWS = np.random.default_rng(0)
SPEC = """
data mine {{
  source = npz("{path}")
  x: real[4] = {x}
  y: real[3] = {y}
  split  = {{ train: 40, valid: 20 }}
}}
model net(x: real[4]) -> real[3] {{
  return dense(x, 3)
}}
hyper l2: positive = 0.01
train {{
  loss = cross_entropy(net(x), y) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.1)
  batch = 8
  steps = 3
}}
tune {{
  minimize = cross_entropy(net(x), y) on valid
  update = sgd(rate: 0.1)
  steps = 1
}}
"""


def program(folder: Path, x: str = "points", y: str = "soft", **changed: np.ndarray) -> drmadc.Program:
    soft = DRAWS.dirichlet(np.ones(3), size=60)
    arrays = {"points": DRAWS.normal(size=(60, 4)), "soft": soft, **changed}
    np.savez(folder / "mine.npz", **arrays)
    return drmadc.compile_text(SPEC.format(path=folder / "mine.npz", x=x, y=y))


def test_probabilities_are_taken(tmp_path: Path) -> None:
    mine = program(tmp_path)
    assert mine.emitted.probabilities == ("y",)
    assert np.isfinite(mine.objective(mine.hypers, 0))


@pytest.mark.parametrize(
    ("row", "message"),
    [((0.5, 0.2, 0.2), "of .* sums to 0.9"), ((1.5, -0.5, 0), "has the entry -0.5"), ((0, 0, 1.01), "sums to 1.01")],
)
def test_other_targets_are_refused(tmp_path: Path, row: tuple[float, ...], message: str) -> None:
    soft = DRAWS.dirichlet(np.ones(3), size=60)
    soft[7] = row
    mine = program(tmp_path, soft=soft)
    with pytest.raises(DataError, match=f"`y` is a target of cross_entropy, but its row .* {message}"):
        mine.objective(mine.hypers, 0)


def test_a_constant_column_is_named(tmp_path: Path) -> None:
    points = DRAWS.normal(size=(60, 4))
    points[:, 2] = 3
    mine = program(tmp_path, x="(points - mean(points)) / std(points)", points=points)
    with pytest.raises(NotFinite) as caught:
        run(mine.emitted, {}, str(tmp_path / "run"), Options())
    text = str(caught.value)
    assert text.startswith("the feature `x` of train is not finite in column 2 of 4 columns")
    assert "`standardise(x)` makes it 0" in text
    assert "diverged" not in text
    good = program(tmp_path, x="standardise(points)", points=points)
    assert np.isfinite(good.objective(good.hypers, 0))
