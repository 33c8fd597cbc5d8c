"""Data from .npz files: what the headers say, what the compiler refuses, what the run refuses."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.common.headers.header import BadFile
from drmadc.common.headers.numpy_files import npz as headers_of

SPEC = """
data mine {{
  source = npz("{path}")
  x: real[4] = (points - mean(points)) / std(points)
  y: class[3] = kind
  z: real[2, 2] = flags / 255
  split  = {{ train: 40, valid: 12, test: 8 }}
}}
model net(x: real[4]) -> real[3] {{
  return dense(x, 3)
}}
hyper l2: positive = 0.01
train {{
  init = {{ weights: normal(0.3), biases: 0 }}
  loss = cross_entropy(net(x), y) + mean(z) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.1)  batch = 8  steps = 3
}}
tune {{ minimize = cross_entropy(net(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }}
report {{ error(net(x), y) on test }}
"""


def arrays(**changed: np.ndarray) -> dict[str, np.ndarray]:
    draws = np.random.default_rng(0)
    return {
        "points": draws.normal(size=(60, 4)),
        "kind": draws.integers(0, 3, 60).astype(np.uint8),
        "flags": draws.integers(0, 255, (60, 2, 2)).astype(np.uint8),
        "name": np.array("sixty points"),
        **changed,
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_headers_without_numpy(tmp_path: Path, save: object) -> None:
    save(tmp_path / "d.npz", **arrays())  # type: ignore[operator]
    found = {name: (header.kind, header.shape) for name, header in headers_of(tmp_path / "d.npz").items()}
    assert found.pop("name") == ("U12", ())
    assert found == {"points": ("f8", (60, 4)), "kind": ("u1", (60,)), "flags": ("u1", (60, 2, 2))}


def test_a_run_on_data_of_ones_own(tmp_path: Path) -> None:
    kept = arrays()
    np.savez(tmp_path / "d.npz", **kept, pickled=np.array([{}] * 60))
    program = drmadc.compile_text(SPEC.format(path=tmp_path / "d.npz"))
    splits = program.emitted.data.splits(0)
    assert {name: len(split["kind"]) for name, split in splits.items()} == {"train": 40, "valid": 12, "test": 8}
    together = np.concatenate([split["points"] for split in splits.values()])
    np.testing.assert_array_equal(np.sort(together[:, 0]), np.sort(kept["points"][:, 0]))
    run = program.run(out=tmp_path / "run", quiet=True)
    assert 0 <= run.metrics[0]["error/test"] <= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": np.zeros(10, int)}, "the arrays have different lengths: points 60, kind 10, flags 60"),
        ({"points": np.zeros((0, 4)), "kind": np.zeros(0, int), "flags": np.zeros((0, 2, 2))}, "it has no examples"),
    ],
)
def test_files_that_the_compiler_refuses(tmp_path: Path, changed: dict[str, np.ndarray], message: str) -> None:
    kept = arrays(**changed)
    np.savez(tmp_path / "d.npz", **kept)
    with pytest.raises(drmadc.SpecError) as caught:
        drmadc.compile_text(SPEC.format(path=tmp_path / "d.npz"))
    assert [d.code for d in caught.value.diagnostics] == ["E0503"]
    assert message in str(caught.value)


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **arrays())
    whole = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "d.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile, match=r"not a valid \.npz file"):
        headers_of(tmp_path / "d.npz")


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("kind", 7, 3, "`kind` is 3 in row 7; classes must be from 0 to 2"),
        ("points", 9, np.inf, "`points` is not finite in row 9"),
        ("points", 9, np.nan, "`points` has 4 missing values; fill them: missing(points, median), or remove"),
    ],
)
def test_values_that_the_run_refuses(tmp_path: Path, name: str, row: int, value: float, message: str) -> None:
    kept = arrays()
    kept[name][row] = value
    np.savez(tmp_path / "d.npz", **kept)
    (tmp_path / "s.drm").write_text(SPEC.format(path=tmp_path / "d.npz"))
    done = CliRunner().invoke(cli, ["run", str(tmp_path / "s.drm"), "--out", str(tmp_path / "run")])
    assert done.exit_code == 3
    assert message in done.output


def test_integers_beyond_32_bits_keep_their_value(tmp_path: Path) -> None:
    points = np.full((60, 4), 3_000_000_000)
    points[:, 1] = -5_000_000_000
    points[:, 2] = 7
    np.savez(tmp_path / "far.npz", **arrays(points=points))
    text = SPEC.format(path=tmp_path / "far.npz").replace(
        "(points - mean(points)) / std(points)", "points / 1000000000"
    )
    program = drmadc.compile_text(text)
    (splits,) = program.executor.data(0)
    features = program.emitted.features(splits["train"])["x"]
    np.testing.assert_allclose(features[0], [3, -5, 7e-9, 3], rtol=1e-6)
