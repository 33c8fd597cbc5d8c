"""Names of entries: they name what the numbers are, from the training data to what is exported, shown and plotted."""

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.naming.components import Components
from drmadc.naming.entries import Entries
from drmadc_runtime.data.resident import Data
from tests.conftest import compiled, names

NOISY = """
data d {
  source = npz({ train: "noisy.npz", valid: "clean.npz" })
  x: real[64] = flatten(image) / 16
  y: class[10] = label
  split  = { train: 300, valid: 300 }
}
model net(x: real[64]) -> real[10] { return dense(x, 10) }
hyper trust: unit[example of d.train] = 0.5
train {
  init   = { params: 0 }
  loss   = mean(trust * cross_entropy(net(x), y, reduce: none))
  update = momentum(rate: 0.3)
  batch  = all
  steps  = 60
}
tune {
  minimize = cross_entropy(net(x), y) on valid
  update   = adam(rate: 0.5)
  steps    = 8
  confirm  = 0
}
"""


def auc(scores: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float:
    """The probability that a positive has a lower score than a negative."""
    pairs = scores[positive][:, None] - scores[~positive][None, :]
    return float((pairs < 0).mean() + 0.5 * (pairs == 0).mean())


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 300 digits of which 90 have a wrong label, which are True in wrong.npy."""
    folder = tmp_path_factory.mktemp("noisy")
    digits = Data("digits", 0).raw["train"]
    draws = np.random.default_rng(0)
    order = draws.permutation(1797)
    wrong = np.arange(300) < 90
    draws.shuffle(wrong)
    mine = digits["label"][order[:300]]
    labels = np.where(wrong, (mine + draws.integers(1, 10, 300)) % 10, mine)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.savez("noisy.npz", image=digits["image"][order[:300]], label=labels)
        np.savez("clean.npz", image=digits["image"][order[300:600]], label=digits["label"][order[300:600]])
        np.save("wrong.npy", wrong)
        Path("noisy.drm").write_text(NOISY, encoding="utf-8")
        done = CliRunner().invoke(cli, ["run", "noisy.drm", "--quiet", "--out", "run"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    return folder


def command(folder: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> str:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(cli, list(args), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_wrong_labels_are_found_by_row_and_not_by_the_order_of_the_file(
    noisy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(noisy, monkeypatch, "export", "run", "--to", "csv")
    rows = table(noisy / "run" / "export" / "trust.csv")
    assert list(rows[0]) == ["row", "label", "value"]
    values = [float(row["value"]) for row in rows]
    assert values == sorted(values)
    numbers = np.array([int(row["row"]) for row in rows])
    assert sorted(numbers.tolist()) == list(range(300))
    wrong = np.load(noisy / "wrong.npy")
    assert auc(np.array(values), wrong[numbers]) > 0.9
    with np.load(noisy / "run" / "hypers.npz") as file:
        as_stored = file["trust"].astype(np.float64)
    assert 0.4 < auc(as_stored, wrong) < 0.6  # what a reader finds who takes the array for the file's order
    with np.load(noisy / "noisy.npz") as file:
        np.testing.assert_array_equal([int(row["label"]) for row in rows], file["label"][numbers])


def test_every_form_tells_the_rows(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ("json", "npz", "csv"):
        command(noisy, monkeypatch, "export", "run", "--to", form)
    folder = noisy / "run" / "export"
    by_row = {int(row["row"]): float(row["value"]) for row in table(folder / "trust.csv")}
    read = json.loads((folder / "noisy_hypers.json").read_text())["hyperparameters"]["trust"]
    assert dict(zip(read["examples"]["row"], read["values"], strict=True)) == by_row
    with np.load(folder / "noisy_hypers.npz") as file:
        assert dict(zip(file["examples/row"].tolist(), file["trust"].tolist(), strict=True)) == by_row
    flat = table(folder / "noisy_hypers.csv")
    assert {int(row["name"].removeprefix("row ")): float(row["value"]) for row in flat} == by_row
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "`row` is its row in `noisy.npz`, counted from 0" in text


def test_show_and_plot_name_the_lowest_rows(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(noisy, monkeypatch, "export", "run", "--to", "csv")
    lowest = table(noisy / "run" / "export" / "trust.csv")[0]
    shown = command(noisy, monkeypatch, "show", "run")
    cells = [lowest["row"], lowest["label"], f"{float(lowest['value']):.5g}"]
    lines = [line.split() for line in shown.splitlines()]
    assert lines[lines.index(["trust,", "by", "value:"]) + 2] == cells
    command(noisy, monkeypatch, "plot", "run")
    page = (noisy / "run" / "report.html").read_text(encoding="utf-8")
    assert "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" in page


def test_names_are_those_of_the_run_though_the_file_has_changed(noisy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(noisy, monkeypatch, "export", "run", "--to", "csv", "--out", "before")
    with np.load(noisy / "noisy.npz") as file:
        arrays = dict(file)
    np.savez(noisy / "noisy.npz", **{name: x[::-1][:299] for name, x in arrays.items()})
    try:
        monkeypatch.chdir(noisy)
        done = CliRunner().invoke(cli, ["show", "run"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    finally:
        np.savez(noisy / "noisy.npz", **arrays)
    command(noisy, monkeypatch, "export", "run", "--to", "csv", "--out", "after")
    assert (noisy / "before" / "trust.csv").read_bytes() == (noisy / "after" / "trust.csv").read_bytes()


def people() -> tuple[drmadc.Program, Components]:
    program = compiled("table")
    assert program.ir.data is not None
    return program, Components(program.ir, dict(program.ir.data.words))


def test_the_entries_of_a_feature_are_the_columns_that_they_are_named_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    program, components = people()
    found = components.of_feature("x")
    assert found == components.of_inputs("net.out")
    assert components.of_outputs("net.out") == ("no", "yes")
    data = program.emitted.data
    assert isinstance(data, Data)
    rows = data.rows(0)["train"][1]
    with Path("tests/cases/data/people.csv").open(encoding="utf-8") as file:
        table_ = list(csv.DictReader(file, delimiter=";"))
    (arrays,) = program.executor.data(0)
    features = np.asarray(names(program).features(arrays["train"], arrays["statistics"])["x"])
    columns = dict(zip(found, features.T, strict=True))
    for plan in ("basic", "gold", "silver"):
        there = np.array([table_[row]["plan"].strip() == plan for row in rows])
        assert (columns[f"plan={plan}"][there] == 1).all()
    for name in ("age", "income"):
        absent = np.array([table_[row][name].strip() in ("", "NA") for row in rows])
        np.testing.assert_array_equal(columns[f"{name} missing"] == 1, absent)
        numbers = np.array([float(table_[row][name].replace(",", ".")) for row in rows[~absent]])
        assert np.corrcoef(columns[name][~absent], numbers)[0, 1] == pytest.approx(1)


UNITS = """
data people {
  source = csv("tests/cases/data/people.csv", numbers: [age, income], plan: plan, churn: churn)
  x: real[5] = concat(missing(numbers, mean), one_hot(missing(plan, most_frequent)))
  site: real[3] = one_hot(missing(plan, most_frequent))
  y: class[2] = churn
  split  = { train: 5, valid: 3 }
}
model net(x: real[5]) -> real[2] {
  h = tanh(dense(x, 4))
  return dense(h, 2)
}
hyper l2: positive[in_unit of net.weights] = 0.01
hyper out: positive[out_unit of net.weights] = 0.01
hyper single: positive[weight of net.out] = 0.01
hyper layers: positive[step(bins: 2), layer of net.params] = 0.1
hyper quality: real[3] = 1
hyper balance: positive[class of y] = 1
train {
  loss   = mean((site @ quality) * cross_entropy(net(x), y, weights: balance, reduce: none))
           + sum(l2 * net.weights ^ 2) + sum(out * net.weights ^ 2) + sum(single * net.out ^ 2)
  update = sgd(rate: layers)
  batch  = all
  steps  = 6
}
tune { minimize = cross_entropy(net(x), y) on valid  update = adam(rate: 0.1)  steps = 1 }
"""


def test_units_classes_and_groups_have_the_names_of_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    program = drmadc.compile_text(UNITS)
    assert program.ir.data is not None
    entries = Entries(program.ir, dict(program.ir.data.words), {})
    inputs = ["age", "income", "plan=basic", "plan=gold", "plan=silver"]
    found = entries.table("l2", program.hypers["l2"])
    assert found["name"].tolist() == [*inputs, "", "", "", ""]
    assert found["parameter"].tolist() == ["h.weight"] * 5 + ["out.weight"] * 4
    assert found["in_unit"].tolist() == list("012340123")
    assert entries.table("out", program.hypers["out"])["name"].tolist() == ["", "", "", "", "no", "yes"]
    assert entries.names("single").tolist() == ["no", "yes"] * 5
    assert entries.names("quality").tolist() == ["plan=basic", "plan=gold", "plan=silver"]
    assert entries.names("balance").tolist() == ["no", "yes"]
    rate = entries.table("layers", np.arange(4.0).reshape(2, 2))
    assert {name: x.tolist() for name, x in rate.items()} == {
        "bin": [0, 0, 1, 1],
        "step": [0, 0, 3, 3],
        "layer": ["net.h", "net.out", "net.h", "net.out"],
        "value": [0, 1, 2, 3],
    }


def test_tasks_have_the_names_of_alphabets() -> None:
    program = compiled("tasks")
    found = Entries(program.ir, {}, {}).names("trust").tolist()
    assert found[:2] == ["Balinese", "Early_Aramaic"]
    assert found[-1] == "Latin rotated"
    assert len(found) == 10


SMALL = """
data d {
  source = csv("t.csv", key: key, plan: plan, churn: churn)
  x: real[3] = concat(key, one_hot(plan))
  y: class[2] = churn
  split  = { train: 8, valid: 4 }
}
model net(x: real[3]) -> real[2] { return dense(x, 2) }
hyper trust: unit[example of d.train] = 0.5
hyper l2: positive[in_unit of net.weights] = 0.01
train {
  loss   = mean(trust * cross_entropy(net(x), y, reduce: none)) + sum(l2 * net.weights ^ 2)
  update = sgd(rate: 0.1)
  batch  = all
  steps  = 2
}
tune { minimize = cross_entropy(net(x), y) on valid  update = sgd(rate: 1)  steps = 2  confirm = 0 }
"""


def small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """A table whose key is ten times the row; the plan and churn of each row."""
    monkeypatch.chdir(folder)
    rows = [(("gold", "basic")[i % 2], ("yes", "no", "no")[i % 3]) for i in range(12)]
    lines = [f"{10 * i},{plan},{churn}" for i, (plan, churn) in enumerate(rows)]
    Path("t.csv").write_text("\n".join(["key,plan,churn", *lines]) + "\n", encoding="utf-8")
    Path("small.drm").write_text(SMALL, encoding="utf-8")
    return rows


def test_a_run_in_python_names_its_hyperparameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = small(tmp_path, monkeypatch)
    program = drmadc.compile_file("small.drm")
    run = program.run("run", quiet=True)
    found = run.named("trust")
    assert list(found) == ["row", "label", "class", "plan", "value"]
    np.testing.assert_array_equal(found["value"], run.hypers["trust"])
    assert isinstance(program.emitted.data, Data)
    np.testing.assert_array_equal(program.emitted.data.splits(0)["train"]["key"], 10.0 * found["row"].astype(float))
    for row, word, plan in zip(found["row"].tolist(), found["class"], found["plan"], strict=True):
        assert (plan, word) == rows[row]
    assert run.named("l2")["name"].tolist() == ["key", "plan=basic", "plan=gold"]
    with pytest.raises(KeyError):
        run.named("l3")


def test_tables_carry_the_names_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = small(tmp_path, monkeypatch)
    drmadc.compile_file("small.drm").run("run", quiet=True)
    for form in ("csv", "npz", "json"):
        command(tmp_path, monkeypatch, "export", "run", "--to", form)
    folder = tmp_path / "run" / "export"
    found = table(folder / "trust.csv")
    assert [(row["plan"], row["class"]) for row in found] == [rows[int(row["row"])] for row in found]
    named = [(row["field"], row["class"], row["name"]) for row in table(folder / "small_classes.csv")]
    assert named == [("plan", "0", "basic"), ("plan", "1", "gold"), ("churn", "0", "no"), ("churn", "1", "yes")]
    weights = [row["name"] for row in table(folder / "small_hypers.csv") if row["hyperparameter"] == "l2"]
    assert weights == ["key", "plan=basic", "plan=gold"]
    with np.load(folder / "small_hypers.npz") as file:
        assert file["classes/churn"].tolist() == ["no", "yes"]
        assert file["names/l2/out.weight"].ravel().tolist() == weights
        assert file["names/l2/out.weight"].shape == file["l2/out.weight"].shape
    read = json.loads((folder / "small_hypers.json").read_text(encoding="utf-8"))
    assert read["classes"] == {"plan": ["basic", "gold"], "churn": ["no", "yes"]}
    assert read["hyperparameters"]["l2"]["names"] == {"out.weight": [[name] for name in weights]}


def test_data_describe_lists_names_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path, monkeypatch)
    text = command(tmp_path, monkeypatch, "data", "describe", "small.drm")
    names_ = text.partition("  names:\n")[2].splitlines()
    assert [line.split(maxsplit=1) for line in names_] == [
        ["plan", "0 basic, 1 gold"],
        ["churn", "0 no, 1 yes"],
        ["x", "0 key, 1 plan=basic, 2 plan=gold"],
    ]
    assert command(tmp_path, monkeypatch, "data", "describe", "small.drm", "--names", "plan") == "0 basic\n1 gold\n"
    done = CliRunner().invoke(cli, ["data", "describe", "small.drm", "--names", "z"])
    assert done.exit_code == 2
    assert "`z` has no names; what has: plan, churn, x" in done.output


def test_long_vocabularies_are_cut_on_a_line_and_listed_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = " ".join(f"w{i:02}" for i in range(40) for _ in range(40 - i))
    Path("t.txt").write_text(words, encoding="utf-8")
    text = """
    data d {
      source = text("t.txt", window: 2, words: 30)
      x: real[60] = flatten(one_hot(words))
      y: class[30] = next
      split = { train: 200, valid: 50 }
    }
    model net(x: real[60]) -> real[30] { return dense(x, 30) }
    hyper l2: positive[in_unit of net.weights] = 0.01
    train {
      loss = cross_entropy(net(x), y) + sum(l2 * net.weights ^ 2)
      update = sgd(rate: 0.1)  batch = 10  steps = 2
    }
    tune { minimize = cross_entropy(net(x), y) on valid  update = sgd(rate: 1)  steps = 1  confirm = 0 }
    """
    Path("w.drm").write_text(text, encoding="utf-8")
    shown = command(tmp_path, monkeypatch, "data", "describe", "w.drm")
    assert "next         0 <other>, 1 w00, 2 w01" in shown
    assert "... (30 in all)" in shown
    listed = command(tmp_path, monkeypatch, "data", "describe", "w.drm", "--names", "next").splitlines()
    assert listed[:2] == ["0 <other>", "1 w00"]
    assert len(listed) == 30
    found = drmadc.compile_file("w.drm").run("run", quiet=True).named("l2")
    assert found["name"][31:33].tolist() == ["words[1]=w00", "words[1]=w01"]
