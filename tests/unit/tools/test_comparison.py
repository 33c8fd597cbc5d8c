"""Comparisons of runs: lists of settings, intervals against SciPy's tests, what differs, damaged folders, tables."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from drmadc.cli.main import cli
from drmadc.tools.comparison.comparison import CannotCompare, compare
from drmadc.tools.comparison.group import NotThisGroup, joined, members_of, read_group
from drmadc.tools.comparison.recorded import RecordedRun, Unreadable, read_run
from drmadc.tools.comparison.settings import NotASetting, alternatives, combinations
from drmadc.tools.comparison.statistics import estimate, paired

SOURCE = "hyper l2: positive = 0.1  # a penalty\ntune { steps = 2 }\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("l2=0.01,0.1", ["0.01", "0.1"]),
        (" l2 = 0.01 , 0.1 ", ["0.01", "0.1"]),
        ("l2=exp(linspace(-5, -2)),[1, 2],{ a: 1, b: 2 }", ["exp(linspace(-5, -2))", "[1, 2]", "{ a: 1, b: 2 }"]),
        ('data.source=csv("a,b.csv"),"c,d"', ['csv("a,b.csv")', '"c,d"']),
        ("train.update='sgd(rate: 0.1)','adam(rate: 0.1, b1: 0.8)'", ["sgd(rate: 0.1)", "adam(rate: 0.1, b1: 0.8)"]),
        ("l2='1, 2'", ["1, 2"]),
    ],
)  # fmt: skip
def test_commas_separate_values_outside_of_brackets_and_quotes(text: str, values: list[str]) -> None:
    target = text.partition("=")[0].strip()
    assert alternatives(text) == tuple(f"{target}={value}" for value in values)


@pytest.mark.parametrize("text", ["0.01,0.1", "l2", "l2=", "l2=0.1,", "l2=,0.1", "=3"])
def test_what_is_no_list_of_values(text: str) -> None:
    with pytest.raises(NotASetting, match=r"write for example l2=0\.01,0\.1"):
        alternatives(text)


def test_the_product_of_settings_and_seeds() -> None:
    settings = combinations([("a=1", "a=2"), ("b=[1, 2]", "b=3")])
    assert settings == (("a=1", "b=[1, 2]"), ("a=1", "b=3"), ("a=2", "b=[1, 2]"), ("a=2", "b=3"))
    assert combinations([]) == ((),)
    members = members_of(("x=0",), settings, range(4, 6))
    assert len(members) == len({member.name for member in members}) == 8
    assert members[2].overrides == ("x=0", "a=1", "b=3", "train.seed=4")
    assert members[2].name == "a=1_b=3_seed=4"
    other = members_of((), [("b=(1, 2)",), ("b=[1, 2]",), (f"c={'1' * 90}",)], ())
    assert len({member.name for member in other}) == 3
    assert all(member.name.replace("=", "").replace("-", "").replace("_", "").isalnum() for member in other)


def test_intervals_are_those_of_students_t() -> None:
    found = estimate([1, 2, 3, 4])
    # by hand: the standard deviation is sqrt(5 / 3), and t(0.975; 3) = 3.182446
    assert found.mean == 2.5
    assert found.low == pytest.approx(2.5 - 3.182446 * np.sqrt(5 / 3) / 2, rel=1e-6)
    draws = np.random.default_rng(0).normal(size=(2, 7))
    expected = stats.ttest_1samp(draws[0], 0).confidence_interval(0.95)
    assert (estimate(list(draws[0])).low, estimate(list(draws[0])).high) == pytest.approx(expected)
    both = paired(dict(enumerate(draws[0])), dict(enumerate(draws[1])))
    assert both is not None
    expected = stats.ttest_rel(*draws).confidence_interval(0.95)
    assert (both.low, both.high) == pytest.approx(expected)
    assert (estimate([2.0, 2.0]).low, estimate([2.0, 2.0]).high) == (2, 2)
    assert (estimate([3.0]).mean, estimate([3.0]).low) == (3, None)


def test_pairs_are_by_seed() -> None:
    """Whatever their order, and only where both have the seed; pairing takes out what seeds have in common."""
    found = paired({3: 10.1, 1: 1.2, 9: 5.0}, {1: 1.0, 3: 10.0, 7: 0.0})
    assert found is not None
    assert (found.count, found.mean) == (2, pytest.approx(0.15))
    assert paired({1: 2.0}, {2: 1.0}) is None


def record(path: Path, seed: int = 0, objective: tuple[float, ...] = (2.0, 1.0), **about: Any) -> Path:
    """A run folder as far as comparisons look at it."""
    path.mkdir(parents=True)
    whole = {"name": "s", "spec": "s.drm", "overrides": [], "seed": seed, "steps": len(objective), "source": SOURCE}
    (path / "run.json").write_text(json.dumps({**whole, **about}))
    lines = [
        {"outer": i, "objective": x, "growth": 1.0, "hypergradient": 1.0, "error/test": x / 10}
        for i, x in enumerate(objective)
    ]
    (path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def recorded(path: Path) -> RecordedRun:
    found = read_run(path)
    assert isinstance(found, RecordedRun)
    return found


def test_numbers_of_the_best_step_and_of_arms(tmp_path: Path) -> None:
    for seed in range(3):
        path = record(tmp_path / f"a{seed}", seed, (2.0, 1.0 + seed, 3.0))
        arms = {"none": {"error": 0.5 + seed}, "tuned": {"error": 0.1 * seed}}
        (path / "retrain.json").write_text(json.dumps(arms))
    compared = compare([recorded(tmp_path / f"a{seed}") for seed in range(3)])
    found = {row.number: row.found for row in compared.rows}
    assert list(found) == ["objective", "error/test", "none.error", "tuned.error", "tuned - none: error"]
    assert found["objective"].mean == pytest.approx(np.mean([1, 2, 2]))  # the best of 2, 1 + seed, 3
    difference = stats.ttest_rel([0.0, 0.1, 0.2], [0.5, 1.5, 2.5]).confidence_interval(0.95)
    assert (found["tuned - none: error"].low, found["tuned - none: error"].high) == pytest.approx(difference)
    assert compared.seeds == {"s.drm": [0, 1, 2]}


def test_settings_against_a_baseline(tmp_path: Path) -> None:
    values = {"0.1": [5.0, 6.0, 9.0], "0.2": [4.5, 5.9, 8.0], "0.3": [1.0]}
    for l2, column in values.items():
        for seed, x in enumerate(column):
            overrides = [f"l2={l2}", f"train.seed={seed}", "tune.steps=2"]
            record(tmp_path / f"{l2}-{seed}", seed, (x,), overrides=overrides)
    record(tmp_path / "unfinished", 7, (1.0,), overrides=["l2=0.1"], steps=5)
    runs = [recorded(path) for path in sorted(tmp_path.iterdir())]
    compared = compare(runs)
    assert compared.baseline == "l2=0.1"
    assert compared.seeds == {"l2=0.1": [0, 1, 2], "l2=0.2": [0, 1, 2], "l2=0.3": [0]}
    assert len(compared.notes) == 1
    assert "unfinished (unfinished, 1 of 5 outer steps)" in compared.notes[0]
    first, second, third = (row for row in compared.rows if row.number == "objective")
    assert first.difference is None
    assert second.difference is not None
    expected = stats.ttest_rel(values["0.2"], values["0.1"]).confidence_interval(0.95)
    assert (second.difference.low, second.difference.high) == pytest.approx(expected)
    assert third.difference is not None
    assert (third.difference.count, third.difference.low) == (1, None)
    other = compare(runs, "l2 = 0.2")
    assert (other.baseline, other.rows[0].difference.mean) == ("l2=0.2", pytest.approx(-second.difference.mean))  # type: ignore[union-attr]
    with pytest.raises(CannotCompare, match=r"no setting `l2=7`; did you mean `l2=0\.\d`"):
        compare(runs, "l2=7")
    with pytest.raises(CannotCompare, match="no finished run"):
        compare([])


def test_a_seed_in_the_file_is_no_setting(tmp_path: Path) -> None:
    for seed in range(3):
        source = SOURCE.replace("steps = 2", f"steps = 2  seed = {seed}")
        record(tmp_path / f"r{seed}", seed, (float(seed),), source=source)
    assert compare([recorded(path) for path in sorted(tmp_path.iterdir())]).seeds == {"s.drm": [0, 1, 2]}
    out = command("runs", tmp_path)[1]
    assert "seed = " not in out
    assert [line.split()[2] for line in out.splitlines()[2:]] == ["0", "1", "2"]


def command(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    for seed in range(2):
        for l2 in ("1", "exp(-1, 2)"):
            record(tmp_path / f"r{l2}{seed}", seed, (float(seed), 1.0), overrides=[f"l2={l2}"])
    code, out, _ = command("compare", tmp_path, "--csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    whole = json.loads(command("compare", tmp_path, "--json")[1])
    assert [row["setting"] for row in rows] == [entry["setting"] for entry in whole["numbers"]]
    for row, entry in zip(rows, whole["numbers"], strict=True):
        assert [float(row[key]) for key in ("mean", "low", "high")] == [entry[key] for key in ("mean", "low", "high")]
        assert (row["difference"] == "") == (entry["difference"] is None)
    code, out, _ = command("compare", tmp_path)
    assert "4 runs: 2 settings, 2 seeds each" in out
    assert max(map(len, out.splitlines())) <= 80
    assert command("compare", tmp_path, "--csv", "--json")[0] == 2


def test_a_list_of_runs_shows_what_differs(tmp_path: Path) -> None:
    record(tmp_path / "a", 1, (2.0, 1.0, 4.0), overrides=["l2=0.5", "tune.steps=3"])
    record(tmp_path / "b", 2, (5.0,), overrides=["tune.steps=3"], source=SOURCE.replace("0.1", "0.7"), steps=3)
    record(tmp_path / "deep" / "c", 1, (3.0,), name="other", spec="other.drm")
    (tmp_path / "latest").symlink_to("deep")
    code, out, err = command("runs", tmp_path)
    assert (code, err) == (0, "")
    first, second = (part.splitlines() for part in out.split("\n\n"))
    assert first[0] == "s.drm: 2 runs"
    assert first[1].split() == ["run", "steps", "seed", "l2", "spec", "objective", "error/test"]
    assert "3/3" in first[2]
    assert "0.5" in first[2]
    assert first[2].endswith("0.1")  # error/test of the best step
    assert "hyper l2: positive = 0.7" in first[3]
    assert "tune.steps" not in out
    assert second[0] == "other.drm: 1 run"
    assert len(second) == 3
    assert command("runs", tmp_path, "--name", "other")[1].startswith("other.drm: 1 run\n")
    ordered = command("runs", tmp_path, "--sort", "objective", "--json")[1].splitlines()
    assert [json.loads(line)["objective"] for line in ordered] == [1, 5, 3]


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("run.json", "{"),
        ("run.json", "[]"),
        ("run.json", "{}"),
        ("run.json", '{"name": "s", "overrides": null, "steps": "many"}'),
        ("metrics.jsonl", '{"outer": 0, "objective"\n'),
        ("metrics.jsonl", '{"outer": 0}\n'),
        ("metrics.jsonl", "3\n"),
        ("retrain.json", "[1]"),
    ],
)
def test_a_damaged_folder_is_a_line_and_not_the_end(file: str, data: str, tmp_path: Path) -> None:
    record(tmp_path / "good")
    (record(tmp_path / "bad") / file).write_text(data)
    assert isinstance(read_run(tmp_path / "bad"), Unreadable)
    for words in (("runs", tmp_path), ("compare", tmp_path), ("compare", tmp_path / "good", tmp_path / "bad")):
        code, out, err = command(*words)
        assert code == 0
        assert "objective" in out
        assert err.startswith(f"{tmp_path / 'bad' / file} is corrupt: ")
        assert len(err.splitlines()) == 1


def test_a_line_under_way_does_not_count_yet(tmp_path: Path) -> None:
    with (record(tmp_path / "r", steps=3) / "metrics.jsonl").open("a") as file:
        file.write('{"outer": 2, "objec')
    found = recorded(tmp_path / "r")
    assert (found.state, found.steps, found.best) == ("unfinished", 2, 1)


def test_a_folder_that_is_not_utf8_or_not_readable(tmp_path: Path) -> None:
    (record(tmp_path / "bad") / "run.json").write_bytes(b"\xff\xfe\x00")
    (record(tmp_path / "folder") / "metrics.jsonl").unlink()
    (tmp_path / "folder" / "metrics.jsonl").mkdir()
    found = [read_run(tmp_path / name) for name in ("bad", "folder")]
    assert all(isinstance(run, Unreadable) for run in found)
    assert command("runs", tmp_path)[0] == 0


def test_a_group_is_added_to_and_never_mixed(tmp_path: Path) -> None:
    three, five = (members_of((), [("a=1",), ("a=2",)], range(n)) for n in (3, 5))
    group = joined(tmp_path / "g", "s.drm", SOURCE, three)
    group.path.mkdir()
    group.write()
    assert read_group(tmp_path / "g") == group
    wider = joined(tmp_path / "g", "s.drm", SOURCE, five)
    assert wider.members[:6] == three
    assert {member.overrides for member in wider.members} == {member.overrides for member in five}
    with pytest.raises(NotThisGroup, match="another text"):
        joined(tmp_path / "g", "s.drm", f"{SOURCE}\n", five)
    record(tmp_path / "run")
    with pytest.raises(NotThisGroup, match="is not a group of runs"):
        joined(tmp_path / "run", "s.drm", SOURCE, five)
    list_of_members = (tmp_path / "g" / "group.json").read_text()
    for name in ("..", "../run", str(tmp_path / "run"), ""):
        (tmp_path / "g" / "group.json").write_text(list_of_members.replace(three[0].name, name, 1))
        with pytest.raises(NotThisGroup, match="corrupt"):
            read_group(tmp_path / "g")
    (tmp_path / "g" / "group.json").write_text("{")
    with pytest.raises(NotThisGroup, match="corrupt"):
        read_group(tmp_path / "g")
