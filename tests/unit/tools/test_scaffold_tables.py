"""From `new` to `run` on tables as people have them: churn, houses of a European office, a compressed log."""

import csv
import gzip
import math
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from drmadc.api import compile_file
from drmadc.cli.main import cli
from drmadc.tools.scaffold.spec import CannotStart, look

ROWS = 240
Row = list[Any]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def churn(path: Path) -> None:
    """Words, missing values of three spellings, dates, an identifier, a constant, free text; commas in quotes."""
    draw = random.Random(1)
    rows: list[Row] = []
    for i in range(ROWS):
        months = draw.randint(1, 72)
        leaves = months < 24
        rows.append(
            [
                f"{draw.randrange(10**6):06}-{i}",
                draw.choice(["Female", "Male"]),
                "" if draw.random() < 0.1 else months,
                draw.choice(["NA", "?", round(draw.uniform(20, 120), 2), round(draw.uniform(20, 120), 2)]),
                draw.choice(["Month-to-month", "One year", "Two year", ""]),
                date(2024, 1, 1) - timedelta(days=30 * months),
                "EUR",
                f"called, said {draw.random()}",
                "Yes" if leaves else "No",
            ]
        )
    names = ["customerID", "gender", "tenure", "Monthly Charges", "Contract", "since", "currency", "notes", "Churn"]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])


def houses(path: Path) -> None:
    """Semicolons, quotes around everything, decimal commas, a byte order mark, names outside of ASCII; a number."""
    draw = random.Random(2)
    lines = ['"Größe";"of";"Stadt; Kreis";"Zimmer";"Preis"']
    for _ in range(ROWS):
        size = draw.uniform(40, 200)
        town = draw.choice(["Köln; Stadt", 'Bonn "Süd"', "Ulm"])
        price = f"{2.5 * size + draw.gauss(0, 10):.2f}".replace(".", ",")
        cells = [f"{size:.1f}".replace(".", ","), "" if draw.random() < 0.1 else draw.randint(0, 3), town, 3, price]
        cells[3] = draw.randint(1, 6)
        lines.append(";".join('"' + str(cell).replace('"', '""') + '"' for cell in cells))
    path.write_text("\r\n".join(lines) + "\r\n\r\n", encoding="utf-8-sig", newline="")


def sensors(path: Path) -> None:
    """Tab-separated and compressed; a running number, times with zones, whole numbers as classes."""
    draw = random.Random(3)
    lines = ["nr\ttime\ttemperature\tstate\tfault"]
    for i in range(ROWS):
        fault = draw.randrange(3)
        time = f"2024-03-{1 + i % 28:02}T{i % 24:02}:30:00+01:00" if draw.random() > 0.1 else "null"
        state = draw.choice(["on", "off", "idle"])
        lines.append(f"{i + 1000}\t{time}\t{20 + 5 * fault + draw.gauss(0, 1):.3f}\t{state}\t{fault}")
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))


def new(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["new", *arguments, "--tune", "penalty", "--model", "linear"])
    assert done.exit_code == 0, done.output
    return done.output


def test_churn(tmp_path: Path) -> None:
    churn(tmp_path / "churn.csv")
    said = new("churn", "--data", "churn.csv", "--label", "Churn")
    text = (tmp_path / "churn.drm").read_text()
    for line in (
        "to predict: Churn (No, Yes)",
        "numbers, standardised: since",
        "of these dates, as days since 1970: since",
        "words, one-hot: gender (2), Contract (3, ",
        "left out: customerID (every value is different), currency (always `EUR`), notes (every value is different)",
    ):
        assert line in said
        assert f"# {line}" in text
    assert "with the median and marked: tenure (" in said
    assert "x: real[11] = concat(standardise(numbers), standardise(missing(gaps, median)), is_missing(gaps)" in text
    assert "y: class[2] = target" in text
    run = compile_file("churn.drm", ("tune.steps=2",)).run(out="r", quiet=True)
    assert run.metrics[-1]["error/test"] < 0.2  # months before 2024 tell it
    described = CliRunner().invoke(cli, ["data", "describe", "churn.drm"]).output
    assert "classes Month-to-month: " in described
    assert ", missing: " in described


def test_houses(tmp_path: Path) -> None:
    houses(tmp_path / "houses.csv")
    said = new("houses", "--data", "houses.csv")
    text = (tmp_path / "houses.drm").read_text()
    assert "to predict: Preis (a number, standardised)" in said
    assert 'numbers: ["Größe", Zimmer], gaps: ["of"], Stadt__Kreis: "Stadt; Kreis", target: [Preis]' in text
    assert "words, one-hot: Stadt; Kreis (3)" in said
    assert "left out" not in said
    run = compile_file("houses.drm", ("tune.steps=1", "train.steps=400")).run(out="r", quiet=True)
    assert run.metrics[-1]["squared_error/test"] < 0.1


def test_sensors(tmp_path: Path) -> None:
    sensors(tmp_path / "log.tsv.gz")
    said = new("log", "--data", "log.tsv.gz", "--label", "fault")
    assert "to predict: fault (3 classes)" in said
    assert "left out: nr (every value is different)" in said
    assert "of these dates, as days since 1970: time" in said
    run = compile_file("log.drm", ("tune.steps=1",)).run(out="r", quiet=True)
    assert run.metrics[-1]["error/test"] < 0.2


def test_a_table_of_parquet_becomes_the_same_spec_as_its_csv(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {
        "id": list(range(1, 61)),
        "age": [None if i % 7 == 0 else 20 + i for i in range(60)],
        "plan": pyarrow.array(["abc"[i % 3] for i in range(60)]).dictionary_encode(),
        "since": [date(2024, 1, 1) + timedelta(days=i % 9) for i in range(60)],
        "score": [math.sin(i) for i in range(60)],
        "left": ["ny"[i % 2] for i in range(60)],
    }
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, "t.parquet")
    with Path("t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [table.column_names, *zip(*(["" if v is None else v for v in c.to_pylist()] for c in table), strict=True)]
        )
    from_parquet, from_csv = look("t.parquet", "left"), look("t.csv", "left")
    assert from_parquet.became == from_csv.became
    assert from_parquet.source.replace("parquet", "csv") == from_csv.source
    assert from_parquet.x == from_csv.x
    assert from_csv.became[-1] == "left out: id (every value is different)"
    assert new("p", "--data", "t.parquet", "--label", "left").startswith("to predict: left (n, y)")
    raw = [compile_file("p.drm").emitted.data.raw["train"]]
    new("c", "--data", "t.csv", "--label", "left")
    raw.append(compile_file("c.drm").emitted.data.raw["train"])
    for name in raw[0]:
        np.testing.assert_array_equal(raw[0][name], raw[1][name])


def test_labels_that_cannot_be_predicted() -> None:
    Path("t.csv").write_text("a,b,c,d\n" + "".join(f"{i},one,w{i},{i if i else ''}\n" for i in range(40)))
    for label, message in (
        ("b", "`b` has the same value in every row"),
        ("c", "`c` has 40 different words in 40 rows"),
        ("d", "`d` has 1 missing values; remove these rows"),
        ("e", "has no column `e`; its columns are a, b, c, d"),
    ):
        with pytest.raises(CannotStart, match=message):
            look("t.csv", label)
    Path("s.csv").write_text("separator,x,of,y\n" + "a,b,c,1\nd,e,f,0\n" * 9)
    assert 'separator_: separator, x: x, of_: "of", target: y' in look("s.csv", "y").source
    new("s", "--data", "s.csv")
    assert compile_file("s.drm").diagnostics == ()
    Path("u.csv").write_text("b,y\n" + "one,1\none,0\n" * 9)
    with pytest.raises(
        CannotStart, match=r"no column besides `y` that a model could use: left out: b \(always `one`\)"
    ):
        look("u.csv", "y")


def test_a_text_goes_from_new_to_predict(tmp_path: Path) -> None:
    Path("verse.txt").write_text("the cat sat on a mat . a dog sat on the cat .\n" * 60)
    said = new("verse", "--data", "verse.txt", "--steps", "30")
    assert "to predict: the word after each 4 words, one of 8" in said
    text = (tmp_path / "verse.drm").read_text()
    assert 'text("verse.txt", window: 4, words: 9)' in text
    compile_file("verse.drm", ("tune.steps=1", "tune.confirm=0")).run(out="r", quiet=True)
    Path("more.txt").write_text("The cat sat on a mat . A dog sat on the cat .\n")
    done = CliRunner().invoke(cli, ["predict", "r", "--data", "more.txt", "-o", "p.csv"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(Path("p.csv").read_text().splitlines()))
    assert len(rows) == 3
    assert [row["class"] for row in rows] == ["a", "dog", "cat"]  # as in training
    assert compile_file("verse.drm").diagnostics == ()  # windows do not overlap
    with pytest.raises(CannotStart, match="what is predicted is the next word"):
        look("verse.txt", "cat")
    Path("short.txt").write_text("too short")
    with pytest.raises(CannotStart, match=r"short\.txt has 2 words; 200 are the fewest"):
        look("short.txt", None)


def test_a_table_without_rows_and_a_name_in_other_letters() -> None:
    Path("head.csv").write_text("a;Price\n")
    with pytest.raises(CannotStart, match=r"head\.csv has no rows"):
        look("head.csv", "Price")
    with pytest.raises(CannotStart, match=r"no column `price`; its columns are a, Price; did you mean `Price`\?"):
        look("head.csv", "price")


def test_many_words_and_names_that_no_spec_can_write() -> None:
    with Path("t.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(['the "best"', "town", "numbers", "n", "empty", "y"])
        for i in range(200):
            table.writerow([i / 2, f"town {i % 60}", "ab"[i % 2], -i, "", i % 2])
    start = look("t.csv", "y")
    assert start.became[-1] == "left out: " + ", ".join(
        (
            'the "best" (its name cannot be written in a spec)',
            "town (60 different words)",
            "n (every value is different)",
            "empty (all missing)",
        )
    )
    assert "numbers_: numbers, target: y" in start.source
