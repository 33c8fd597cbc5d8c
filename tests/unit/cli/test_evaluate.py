"""`evaluate`: metrics are scikit-learn's of the predictions, on the examples and on every resample; labels by name."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn import metrics as sk

import drmadc
from drmadc.cli.main import cli
from drmadc_runtime.data.new_examples import read_new, typed
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import DataError
from drmadc_runtime.run.evaluate import measure
from drmadc_runtime.run.model import NoPrediction
from tests.unit.cli.test_predict import NEW, PEOPLE, TABLE, people

REPORT = """
report {
  auc(net(x), y) on valid
  score = f1(net(x), y) on valid
  error(net(x), y) on train
  error(net(x), y) on valid
  size = mean(net.weights ^ 2)
}
"""
LABELS = ["yes", "no", "no", "yes", "yes"]
Values = npt.NDArray[Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, and a table of other people with what became of them."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        people(folder / "people.csv", "age,plan,churn", PEOPLE)
        people(folder / "new.csv", "churn,age,plan", [(c, *p) for c, p in zip(LABELS, NEW, strict=True)])
        (folder / "churn.drm").write_text(
            TABLE.replace("minimize = ", "minimize = 0.1 * sum(net.weights ^ 2) + ") + REPORT
        )
        drmadc.compile_file("churn.drm").run("run", quiet=True)
    return folder


def command(home: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, str]:
    monkeypatch.chdir(home)
    done = CliRunner().invoke(cli, ["evaluate", "run", *args], catch_exceptions=False)
    return done.exit_code, done.output


def predicted(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Values, Values]:
    """Labels and probabilities of what `predict` says of the same table."""
    monkeypatch.chdir(home)
    CliRunner().invoke(cli, ["predict", "run", "--data", "new.csv", "-o", "out.npz"], catch_exceptions=False)
    return np.array([label == "yes" for label in LABELS], int), np.load(home / "out.npz")["p"].astype(float)


def by_hand(home: Path, y: Values, p: Values) -> dict[str, float]:
    weights = next(x for name, x in np.load(home / "run" / "model.npz").items() if name.endswith("weight"))
    return {
        "objective": 0.1 * float((weights.astype(float) ** 2).sum()) + sk.log_loss(y, p[:, 1], labels=[0, 1]),
        "auc": sk.roc_auc_score(y, p[:, 1]) if len(set(y)) == 2 else np.nan,
        "score": sk.f1_score(y, p.argmax(axis=1), average="macro", zero_division=0.0),
        "error": 1 - sk.accuracy_score(y, p.argmax(axis=1)),
    }


def test_metrics_and_intervals_are_those_of_scikit_learn(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = command(home, monkeypatch, "--data", "new.csv", "--json", "--resamples", "200", "--seed", "3")
    assert code == 0, output
    found = json.loads(output)
    assert {name: found[name] for name in ("step", "data", "examples", "resamples", "seed", "level")} == {
        "step": found["step"],
        "data": "new.csv",
        "examples": 5,
        "resamples": 200,
        "seed": 3,
        "level": 0.95,
    }
    y, p = predicted(home, monkeypatch)
    expected = by_hand(home, y, p)
    assert list(found["metrics"]) == list(expected)
    key = jax.random.key(3)
    draws = [np.asarray(jax.random.randint(jax.random.fold_in(key, jnp.int32(i)), (5,), 0, 5)) for i in range(200)]
    resampled = [by_hand(home, y[rows], p[rows]) for rows in draws]
    for name, row in found["metrics"].items():
        values = np.array([one[name] for one in resampled])
        there = values[np.isfinite(values)]
        np.testing.assert_allclose(row["value"], expected[name], rtol=1e-5)
        np.testing.assert_allclose([row["low"], row["high"]], np.quantile(there, [0.025, 0.975]), rtol=1e-5)
        assert row["undefined"] == len(values) - len(there)
    assert found["metrics"]["auc"]["undefined"] > 0


def test_the_table_for_people(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = command(home, monkeypatch, "--data", "new.csv", "--resamples", "50")
    assert code == 0
    lines = output.splitlines()
    assert lines[0].startswith("run: model of outer step ")
    assert lines[0].endswith(" on new.csv, 5 examples")
    assert lines[2].split() == ["metric", "value", "2.5", "%", "97.5", "%"]
    assert [line.split()[0] for line in lines[3:7]] == ["objective", "auc", "score", "error"]
    assert "undefined in" in lines[4]
    assert lines[-1] == "percentile bootstrap, 50 resamples, seed 0"
    assert output == command(home, monkeypatch, "--data", "new.csv", "--resamples", "50")[1]
    assert output != command(home, monkeypatch, "--data", "new.csv", "--resamples", "50", "--seed", "1")[1]


def test_few_resamples_at_once_give_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    model = drmadc.compile_file("churn.drm").run(quiet=True).model()
    fields, _ = model.read(Path("new.csv"), labelled=True)
    whole = measure(model, fields, 30)
    monkeypatch.setattr("drmadc_runtime.run.evaluate.AT_ONCE", 200)
    assert measure(model, fields, 30) == whole


@pytest.mark.parametrize(
    ("head", "rows", "message"),
    [
        ("age,plan", [(3, "gold")], "new2.csv has no column `churn`; its columns are age, plan"),
        ("age,plan,churn", [(3, "gold", "perhaps")], "new2.csv: `churn` is `perhaps` in row 0, none of its 2 words"),
        ("age,plan,churn", [(3, "gold", None)], "new2.csv: `churn` has 1 missing value"),
    ],
)
def test_a_mistake_gives_one_message(
    home: Path, monkeypatch: pytest.MonkeyPatch, head: str, rows: list[tuple[object, ...]], message: str
) -> None:
    people(home / "new2.csv", head, rows)
    code, output = command(home, monkeypatch, "--data", "new2.csv")
    assert code == 3
    assert message in output
    assert len(output.splitlines()) == 1
    assert command(home, monkeypatch)[1].endswith("the spec has no test split; give --data FILE\n")


def pictures(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), i).save(folder / name)


def test_labels_of_pictures_are_numbered_as_in_the_spec(tmp_path: Path) -> None:
    pictures(tmp_path / "old", "ant/a.png", "bee/a.png", "cat/a.png")
    pictures(tmp_path / "new", "cat/1.png", "bee/2.png", "cat/3.png")
    fields = {"image": "byte[8, 8]", "label": "class[3]"}
    data = Data("images", 0, files={"train": str(tmp_path / "old")})
    found, names = read_new(data, fields, tmp_path / "new")
    assert names == ("bee/2.png", "cat/1.png", "cat/3.png")
    assert found["label"].tolist() == [1, 2, 2]
    assert found["image"][:, 0, 0].tolist() == [1, 0, 2]
    pictures(tmp_path / "new", "dog/1.png")
    with pytest.raises(DataError, match="`dog` is no class; the classes are ant, bee, cat"):
        read_new(data, fields, tmp_path / "new")
    pictures(tmp_path / "numbers", "2/1.png")
    assert read_new(Data("digits", 0), fields, tmp_path / "numbers")[0]["label"].tolist() == [2]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="it has no pictures in folders of classes"):
        read_new(data, fields, tmp_path / "empty")


def test_words_whose_classes_the_spec_numbered_are_refused() -> None:
    with pytest.raises(DataError, match="`y` has words, but the spec knows its classes by number"):
        typed(Data("npz", 0), {"y": "class[3]"}, {"y": np.array(["b", "c"])}, "new.npz")


def test_a_spec_whose_metrics_are_not_of_examples_alone_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    spec = TABLE.replace("hyper l2", "hyper trust: unit[example of people.train] = 0.5\nhyper l2")
    spec = spec.replace("minimize = ", "minimize = 0.1 * mean(trust) + ")
    model = drmadc.compile_text(spec, "churn.drm").run(quiet=True).model()
    assert len(model({"age": [3.0], "plan": ["gold"]})) == 1
    with pytest.raises(NoPrediction, match=r"churn\.drm:\d+: nothing to evaluate on other examples"):
        model.read(Path("new.csv"), labelled=True)
