"""`predict` and `run.model()`: outputs by hand in NumPy, rows in their order, no labels, one message for a mistake."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

import drmadc
from drmadc.cli.main import cli
from drmadc_runtime.data.new_examples import read_new
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.run.model import NoPrediction, predicted_by

TABLE = """
data people {
  source = csv("people.csv", age: age, plan: plan, churn: churn)
  x: real[4] = concat(standardise(missing(age, median)), one_hot(plan))
  y: class[2] = churn
  split  = { train: 8, valid: 4 }
}
model net(x: real[4]) -> real[2] { return dense(x, 2) }
hyper l2: positive = 0.01
train {
  init   = { params: 0 }
  loss   = cross_entropy(net(x), y) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.5)
  batch  = all
  steps  = 5
}
tune {
  minimize = cross_entropy(net(x), y) on valid
  update   = sgd(rate: 0.1)
  steps    = 2
  confirm  = 0
}
"""
PLANS = ("basic", "gold", "silver")
PEOPLE = [(20 + 3 * i, PLANS[i % 3], ("no", "yes")[i % 2]) for i in range(12)]
NEW = [(51, "silver"), (None, "basic"), (23, "gold"), (51, "basic"), (70, "silver")]


def people(path: Path, head: str, rows: list[tuple[object, ...]]) -> None:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and a run on it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        people(folder / "people.csv", "age,plan,churn", PEOPLE)
        (folder / "churn.drm").write_text(TABLE, encoding="utf-8")
        drmadc.compile_file("churn.drm").run("run", quiet=True)
    return folder


def predict(home: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, str]:
    monkeypatch.chdir(home)
    done = CliRunner().invoke(cli, ["predict", "run", *args], catch_exceptions=False)
    return done.exit_code, done.output


def by_hand(home: Path) -> npt.NDArray[np.float64]:
    """Probabilities of the new people: a softmax of a dense layer, from what model.npz holds."""
    kept = dict(np.load(home / "run" / "model.npz"))
    with np.load(home / "run" / "statistics.npz") as statistics:
        assert {name: float(x) for name, x in statistics.items()} == {
            name: float(kept[f"statistics/{name}"]) for name in ("median", "mean", "std")
        }
    age = np.array([kept["statistics/median"] if a is None else a for a, _ in NEW], float)
    age = (age - kept["statistics/mean"]) / kept["statistics/std"]
    x = np.column_stack([age, [[plan == word for word in PLANS] for _, plan in NEW]])
    powers = np.exp(x @ layer(kept, "weight") + layer(kept, "bias"))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def layer(kept: dict[str, npt.NDArray[np.float64]], role: str) -> npt.NDArray[np.float64]:
    """The weight or bias of the only layer."""
    (found,) = (x for name, x in kept.items() if name.startswith("params/") and name.endswith(role))
    return found


def test_predictions_are_those_of_a_forward_pass_by_hand(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people(home / "new.csv", "plan,other,age", [(plan, "x", age) for age, plan in NEW])
    code, output = predict(home, monkeypatch, "--data", "new.csv", "-o", "out.csv")
    assert code == 0, output
    assert output.startswith("out.csv: 5 predictions by the model of outer step ")
    rows = list(csv.DictReader((home / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["row", "label", "class", "p_no", "p_yes"]
    assert [int(row["row"]) for row in rows] == list(range(5))
    expected = by_hand(home)
    found = np.array([[float(row["p_no"]), float(row["p_yes"])] for row in rows])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.ptp(found[:, 0]) > 0.01
    assert [int(row["label"]) for row in rows] == expected.argmax(axis=1).tolist()
    assert [row["class"] for row in rows] == [("no", "yes")[i] for i in expected.argmax(axis=1)]


def test_the_model_is_trained_once_for_a_step(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people(home / "new.csv", "plan,age", [(plan, age) for age, plan in NEW])
    assert predict(home, monkeypatch, "--data", "new.csv", "--step", "1", "-o", "a.npz")[0] == 0
    kept = (home / "run" / "model.npz").stat().st_mtime_ns
    assert predict(home, monkeypatch, "--data", "new.csv", "--step", "1", "-o", "b.npz")[0] == 0
    assert (home / "run" / "model.npz").stat().st_mtime_ns == kept
    assert (home / "a.npz").read_bytes() == (home / "b.npz").read_bytes()
    assert predict(home, monkeypatch, "--data", "new.csv", "--step", "0", "-o", "c.npz")[0] == 0
    assert (home / "run" / "model.npz").stat().st_mtime_ns != kept
    assert int(np.load(home / "run" / "model.npz")["step"]) == 0


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        ("age", [(3,)], "new.csv has no column `plan`; its columns are age"),
        ("age,plan", [(3, "gold"), (4, None)], "new.csv: `plan` has 1 missing value"),
        ("age,plan", [("old", "gold")], "new.csv: the column `age` is not numeric: `old` in line 2"),
        ("age;plan", [("3,5;gold",), ("4,5;gold",), ("old;gold",)], "column `age` is not numeric: `old` in line 4"),
        ("age,plan", [], "new.csv has no rows"),
    ],
)
def test_a_mistake_in_a_table_gives_one_message(
    home: Path, monkeypatch: pytest.MonkeyPatch, head: str, rows: list[tuple[object, ...]], message: str
) -> None:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    (home / "new.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    code, output = predict(home, monkeypatch, "--data", "new.csv", "-o", "none.csv")
    assert code == 3
    assert message in output
    assert len(output.splitlines()) == 1
    assert not (home / "none.csv").exists()


def test_a_word_that_training_did_not_have_is_none_of_its_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people(home / "new.csv", "age,plan", [(30, "gold"), (30, "lead"), (30, "tin")])
    code, output = predict(home, monkeypatch, "--data", "new.csv", "-o", "unseen.npz")
    assert code == 0
    warning, _ = output.splitlines()
    assert warning.endswith(
        "new.csv: `plan` has words that training did not have, `lead` and 1 more, in 2 of 3 rows, first in row 1; "
        "read as none of its 3 words"
    )
    kept = dict(np.load(home / "run" / "model.npz"))
    age = (30 - kept["statistics/mean"]) / kept["statistics/std"]
    powers = np.exp(np.array([[age, 0, 0, 0]]) @ layer(kept, "weight") + layer(kept, "bias"))
    expected = np.repeat(powers / powers.sum(), 2, axis=0)
    with np.load(home / "unseen.npz") as out:
        np.testing.assert_allclose(out["p"][1:], expected, rtol=1e-5)
        assert not np.allclose(out["p"][0], expected[0], rtol=1e-3)


def test_an_unseen_label_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people(home / "new.csv", "age,plan,churn", [(30, "lead", "no"), (30, "gold", "maybe")])
    monkeypatch.chdir(home)
    done = CliRunner().invoke(cli, ["evaluate", "run", "--data", "new.csv"], catch_exceptions=False)
    assert done.exit_code == 3
    assert "`churn` is `maybe` in row 1, none of its 2 words (`no`, `yes`)" in done.output


PRICES = """
data homes {
  source = csv("homes.csv", numbers: [area, garden], price: [price])
  x: real[2] = standardise(numbers)
  y: real[1] = TARGET
  split  = { train: 30, valid: 5, test: 5 }
}
model net(x: real[2]) -> real[1] { return dense(x, 1) }
hyper l2: positive = 0.000001
train {
  init   = { params: 0 }
  loss   = squared_error(net(x), y) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.1)
  batch  = all
  steps  = 200
}
tune { minimize = squared_error(net(x), y) on valid  update = sgd(rate: 0.0001)  steps = 1  confirm = 0 }
"""


@pytest.mark.parametrize(
    "target", ["standardise(price)", "rescale(price)", "(price - mean(price)) / 500", "0.01 * price", "-(price / 1000)"]
)
def test_values_are_predicted_in_the_units_of_their_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    homes = [(*row, 1000 + 30 * row[0] + 2 * row[1]) for row in rng.integers(10, 90, (40, 2)).tolist()]
    people(tmp_path / "homes.csv", "area,garden,price", homes)
    people(tmp_path / "new.csv", "garden,area", [(20, 50), (60, 30)])
    run = drmadc.compile_text(PRICES.replace("TARGET", target)).run(tmp_path / "run", quiet=True)
    args = ["predict", str(tmp_path / "run"), "--data", "new.csv", "-o", "out.csv"]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["row", "prediction"]
    np.testing.assert_allclose([float(row["prediction"]) for row in rows], [2540, 2020], rtol=0.01)
    assert run.model().prediction.label == "price"


def test_other_mistakes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert predict(home, monkeypatch)[1].endswith("the spec has no test split; give --data FILE\n")
    assert "nowhere.csv does not exist" in predict(home, monkeypatch, "--data", "nowhere.csv")[1]
    assert "out.txt is neither .csv nor .npz" in predict(home, monkeypatch, "-o", "out.txt")[1]
    (home / "odd.xyz").write_text("a", encoding="utf-8")
    people(home / "new.csv", "age,plan", [(1, "gold")])
    np.savez(home / "odd.npz", age=[1.0])
    assert "odd.npz: no field `plan`; fields: age" in predict(home, monkeypatch, "--data", "odd.npz")[1]
    module = home / "run" / "churn.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text + "\nopen('hacked', 'w')\n", encoding="utf-8")
    code, output = predict(home, monkeypatch, "--data", "new.csv")
    module.write_text(text, encoding="utf-8")
    assert code == 3
    assert "is not what its spec compiles to" in output
    assert not (home / "hacked").exists()


DIGITS = """
data digits {
  source = digits()
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split  = { train: 100, valid: 50, test: 30 }
}
model net(x: real[64]) -> real[10] { return dense(x, 10) }
hyper l2: positive = 0.01
train {
  init   = { params: normal(0.1) }
  loss   = cross_entropy(net(x), y) + l2 * sum(net.weights ^ 2)
  update = sgd(rate: 0.1)
  batch  = 10
  steps  = 5
}
tune { minimize = cross_entropy(net(x), y) on valid  update = sgd(rate: 0.1)  steps = 1 }
"""


def test_a_run_in_python_gives_its_model(tmp_path: Path) -> None:
    run = drmadc.compile_text(DIGITS).run(tmp_path / "run", quiet=True)
    model = run.model()
    pictures = np.arange(3 * 64).reshape(3, 8, 8).astype(np.uint8) % 17
    kept = dict(np.load(tmp_path / "run" / "model.npz"))
    expected = pictures.reshape(3, 64) / 16 @ layer(kept, "weight") + layer(kept, "bias")
    np.testing.assert_allclose(model({"image": pictures}), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(DataError, match=r"the given fields: no field `image`; fields: label"):
        model({"label": [1, 2, 3]})
    with pytest.raises(DataError, match=r"`image` has per-example shape \[7, 8\], declared \[8, 8\]"):
        model({"image": pictures[:, 1:]})
    np.save(tmp_path / "new.npy", pictures)
    args = ["predict", str(tmp_path / "run"), "--data", str(tmp_path / "new.npy"), "-o", str(tmp_path / "out.npz")]
    assert CliRunner().invoke(cli, args, catch_exceptions=False).exit_code == 0
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_array_equal(out["label"], expected.argmax(axis=1))
        np.testing.assert_allclose(out["p"].sum(axis=1), 1)
    done = CliRunner().invoke(cli, ["predict", str(tmp_path / "run")], catch_exceptions=False)
    assert "predictions.csv: 30 predictions" in done.output


def test_pictures_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    data = Data("images", 0, files={"train": "gone"})
    for name, grey in (("b/2.png", 2), ("b/1.png", 1), ("a.png", 3)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8), grey).save(tmp_path / name)
    fields, names = read_new(data, {"image": "byte[8, 8]"}, tmp_path)
    assert names == ("a.png", "b/1.png", "b/2.png")
    assert fields["image"].shape == (3, 8, 8)
    assert fields["image"][:, 0, 0].tolist() == [3, 1, 2]
    with pytest.raises(DataError, match="is a folder of pictures, but the model reads `age`"):
        read_new(data, {"age": "real[]"}, tmp_path)
    Image.new("L", (7, 8)).save(tmp_path / "c.png")
    with pytest.raises(DataError, match=r"c\.png is 7 by 8 pixels"):
        read_new(data, {"image": "byte[8, 8]"}, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        read_new(data, {"image": "byte[8, 8]"}, tmp_path / "empty")


def test_an_objective_of_two_losses_predicts_nothing() -> None:
    one = "minimize = cross_entropy(net(x), y)"
    two = DIGITS.replace(one, f"{one} + cross_entropy(net(2 * x), y)")
    with pytest.raises(NoPrediction, match=r"nothing to predict: the objective is not the loss of one model's output"):
        predicted_by(drmadc.compile_text(two).emitted)
    same = DIGITS.replace(one, f"{one} + 0.1 * cross_entropy(net(x), y)")
    assert predicted_by(drmadc.compile_text(same).emitted).label == "label"
