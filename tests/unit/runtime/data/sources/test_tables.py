"""Tables as they are: words, missing values, dates, quotes, separators, compression; what is refused, and how."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
from drmadc.common.headers import tables as headers
from drmadc_common.tables.cells import days
from drmadc_runtime.core.missing import MISSING
from drmadc_runtime.data.sources.request import DataError, Request
from drmadc_runtime.data.sources.tables import csv_table, parquet_table
from drmadc_runtime.data.statistics import Statistics
from tests.conftest import names
from tests.unit.runtime.data.sources.test_files import ROWS, SPEC, data, unsupported, write_csv


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tables(here: Path) -> None:
    write_csv(here / "t.csv", ROWS)
    import pyarrow
    import pyarrow.parquet

    columns = dict(zip(("a b", "b", "kind", "n"), map(list, zip(*ROWS, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), here / "t.parquet")
    features = "x: real[2] = x\n  y: class[2] = kind\n  z: class[3] = n"
    for name in ("csv", "parquet"):
        found = data(f'{name}("t.{name}", x: ["a b", b], kind: kind, n: n)', features)
        raw = found.raw["train"]
        np.testing.assert_array_equal(raw["x"], [[row[0], row[1]] for row in ROWS])
        np.testing.assert_array_equal(raw["kind"], [0 if row[2] == "ant" else 1 for row in ROWS])
        np.testing.assert_array_equal(raw["n"], [row[3] for row in ROWS])
        assert raw["n"].dtype == np.int32


def test_a_column_by_its_own_name(here: Path) -> None:
    write_csv(here / "t.csv", ROWS)
    assert set(data('csv("t.csv")', "y: class[2] = kind", loss="0").raw["train"]) == {"kind"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, 2, "ant"], "line 10 has 3 values, but there are 4 columns"),
        ([1, "two", "ant", 0], "the column `b` is not numeric: `two` in line 10"),
        (["", 2, "ant", 0], "the column `a b` has 1 missing value in 9 rows"),
        (["NA", "?", "ant", 0], "columns have missing values in 9 rows: `a b` 1, `b` 1"),
    ],
)
def test_tables_that_the_compiler_refuses(here: Path, row: list[object], message: str) -> None:
    write_csv(here / "t.csv", [*ROWS, row])
    assert message in unsupported('csv("t.csv", x: ["a b", b])')


def test_missing_columns_and_files(here: Path) -> None:
    write_csv(here / "t.csv", ROWS)
    problem = unsupported('csv("t.csv", x: [b, c])')
    assert "it has no column `c`" in problem
    assert "its columns are `a b`, `b`, `kind`, `n`" in problem
    assert "no such file" in unsupported('csv("other.csv", x: [b, c])')
    write_csv(here / "twice.csv", ROWS, ("b", "b", "kind", "n"))
    assert "two columns are called `b`" in unsupported('csv("twice.csv", x: [b, n])')
    (here / "bytes.csv").write_bytes(b"a,b\n\xff\xfe,2\n")
    assert "not UTF-8" in unsupported('csv("bytes.csv", x: [a, b])')
    (here / "none.csv").write_text("a,b\n")
    assert "it has no examples" in unsupported('csv("none.csv", x: [a, b])')
    (here / "no.parquet").write_text("a,b\n")
    assert "it is not a valid .parquet file" in unsupported('parquet("no.parquet", x: [a, b])')


def test_values_that_the_run_refuses(here: Path) -> None:
    write_csv(here / "t.csv", [*ROWS, [float("inf"), 1, "cat", 5]])
    with pytest.raises(DataError, match=r"t.csv: `x` is not finite in row 8"):
        _ = data('csv("t.csv", x: ["a b", b])', "x: real[2] = x").raw
    with pytest.raises(DataError, match=r"`n` is 5 in row 8; classes must be from 0 to 2"):
        _ = data('csv("t.csv", n: n)', "y: class[3] = n", loss="0").raw
    assert "`y` has 3 different words (`ant`, `bee`, `cat`), not 2" in unsupported('csv("t.csv")', "y: class[2] = kind")


def made(source: str, features: str) -> dict[str, Any]:
    """The features of all rows, with the statistics of all rows."""
    text = SPEC.format(source=source, features=features, split="{ train: 1.0 }", loss="0")
    program = drmadc.compile_text(text)
    emitted = program.emitted
    raw = emitted.data.raw["train"]
    rows = {name: jnp.asarray(values) for name, values in raw.items()}
    if emitted.fit is None:
        return names(program).features(rows)
    fitted = Statistics(emitted.fit, emitted.statistics, emitted.later_fits).of(lambda: [raw], "float64")
    return names(program).features(rows, fitted)


AGES: tuple[float | None, ...] = (20, None, 35, 61, None, 20, 44, 28)
PLANS = ("gold", "basic", "", "gold", "silver", "NA", "gold", "basic")


def write_people(path: Path, separator: str = ",") -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter=separator)
        table.writerow(["age", "plan", "since", "n"])
        for i, (age, plan) in enumerate(zip(AGES, PLANS, strict=True)):
            table.writerow(["" if age is None else age, plan, f"2024-02-{20 + i}", i - 3])


def test_missing_numbers_are_filled_with_what_numpy_finds(here: Path) -> None:
    write_people(here / "p.csv")
    ages = np.array([np.nan if age is None else age for age in AGES])
    for fill, value in (("mean", np.nanmean(ages)), ("median", np.nanmedian(ages)), ("-7", -7), ("1.5", 1.5)):
        found = made('csv("p.csv")', f"x: real = missing(age, {fill})\n  m: real = is_missing(age)")
        np.testing.assert_allclose(found["x"], np.where(np.isnan(ages), value, ages), rtol=1e-6)
        np.testing.assert_array_equal(found["m"], np.isnan(ages))


def test_statistics_of_filled_columns_are_those_of_the_filled_values(here: Path) -> None:
    write_people(here / "p.csv")
    ages = np.array([np.nan if age is None else age for age in AGES])
    filled = np.where(np.isnan(ages), np.nanmean(ages), ages)
    found = made('csv("p.csv", x: [age, n])', "x: real[2] = standardise(missing(x, mean))")["x"]
    np.testing.assert_allclose(found[:, 0], (filled - filled.mean()) / filled.std(), rtol=1e-5, atol=1e-6)
    n = np.arange(8) - 3.0
    np.testing.assert_allclose(found[:, 1], (n - n.mean()) / n.std(), rtol=1e-5)


def test_statistics_are_the_same_in_pieces() -> None:
    draws = np.random.default_rng(5)
    x = np.where(draws.random((50, 3)) < 0.3, MISSING, draws.normal(size=(50, 3)))
    x[:, 2] = MISSING
    kinds = {"m": ("present_mean",), "d": ("median",)}
    fit = Statistics(lambda raw: dict.fromkeys(kinds, raw["x"]), kinds)
    known = np.where(x[:, :2] == MISSING, np.nan, x[:, :2])
    for size in (1, 7, 50):
        pieces = [{"x": x[i : i + size]} for i in range(0, 50, size)]
        found = fit.of(lambda pieces=pieces: pieces, "float64")
        np.testing.assert_allclose(found["m"], [*np.nanmean(known, axis=0), 0], rtol=1e-13)
        np.testing.assert_array_equal(found["d"], [*np.nanmedian(known, axis=0), 0])


def test_words_are_classes_in_the_order_of_the_alphabet(here: Path) -> None:
    write_people(here / "p.csv")
    found = made('csv("p.csv")', "x: real[3] = one_hot(missing(plan, most_frequent))\n  m: real = is_missing(plan)")
    order = ["basic", "gold", "silver"]
    expected = [order.index(plan if plan in order else "gold") for plan in PLANS]
    np.testing.assert_array_equal(found["x"], np.eye(3)[expected])
    np.testing.assert_array_equal(found["m"], [plan not in order for plan in PLANS])
    problem = unsupported('csv("p.csv")', "x: real[3] = one_hot(plan)")
    assert "the column `plan` has 2 missing values in 8 rows" in problem
    assert "fill them: `missing(plan, most_frequent)`" in problem


def test_a_word_keeps_its_class_in_every_part_and_an_unseen_one_is_named(here: Path) -> None:
    write_csv(here / "a.csv", [[0, 0, w, 0] for w in ("ant", "bee", "cat", "cat")])
    write_csv(here / "b.csv", [[0, 0, w, 0] for w in ("cat", "bee")])
    source, features = 'csv({ train: "a.csv", test: "b.csv" })', "x: real[3] = one_hot(kind)"
    raw = data(source, features, "{ train: 3, valid: 1, test: 2 }", "0").raw
    np.testing.assert_array_equal(raw["train"]["kind"], [0, 1, 2, 2])
    np.testing.assert_array_equal(raw["test"]["kind"], [2, 1])
    write_csv(here / "b.csv", [[0, 0, w, 0] for w in ("cat", "dog")])
    with pytest.raises(
        DataError, match=r"b.csv: `kind` is `dog` in row 1, none of its 3 words \(`ant`, `bee`, `cat`\)"
    ):
        _ = data(source, features, "{ train: 3, valid: 1, test: 2 }", "0").raw


def test_whole_numbers_are_numbers_and_labels(here: Path) -> None:
    write_people(here / "p.csv")
    write_csv(here / "t.csv", ROWS)
    found = made('csv("p.csv")', "x: real = n * 2 + 1")
    np.testing.assert_array_equal(found["x"], 2 * (np.arange(8) - 3) + 1)
    found = made('csv("t.csv")', "x: real[3] = one_hot(n)\n  y: class[3] = n\n  z: real = standardise(n)")
    n = np.array([row[3] for row in ROWS], np.float64)
    np.testing.assert_array_equal(found["x"], np.eye(3)[n.astype(int)])
    np.testing.assert_array_equal(found["y"], n)
    np.testing.assert_allclose(found["z"], (n - n.mean()) / n.std(), rtol=1e-6)
    assert "takes a label or a column of words" in unsupported('csv("p.csv")', "x: real[3] = one_hot(n)")


def test_concat_takes_numbers_and_vectors(here: Path) -> None:
    write_csv(here / "t.csv", ROWS)
    source = 'csv("t.csv", x: ["a b", b], b: b, kind: kind)'
    found = made(source, "x: real[6] = concat(b, x, one_hot(kind), b + 1)")["x"]
    rows = [[b, a, b, kind == "ant", kind == "bee", b + 1] for a, b, kind, _ in ROWS]
    np.testing.assert_array_equal(found, np.array(rows, np.float64))
    assert "`concat` takes per-example numbers and vectors" in unsupported(source, "x: real[2] = concat(b, kind)")
    assert "takes at least 1 argument, but 0 were given" in unsupported(source, "x: real[2] = concat()")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-02", 1.0),
        ("1969-12-31T12:00", -0.5),
        ("2024-02-29 06:00:00", 19782.25),
        ("2024-02-29T06:00:00.000Z", 19782.25),
        ("2024-02-29T08:00:00+02:00", 19782.25),
    ],
)
def test_dates_are_days_since_1970(here: Path, text: str, expected: float) -> None:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    assert days(text) == expected == moment.timestamp() / 86400
    (here / "d.csv").write_text(f"when,n\n{text},1\n2000-01-01,2\n")
    raw = data('csv("d.csv", x: [when, n])', "x: real[2] = x", "{ train: 2 }").raw["train"]
    np.testing.assert_array_equal(raw["x"], [[expected, 1], [10957, 2]])


@pytest.mark.parametrize("text", ["20240229", "2024-2-9", "2024-13-01", "24-01-01", "2024-01-01T25:00"])
def test_what_is_not_a_date(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        days(text)


def test_quotes_separators_and_decimal_commas(here: Path) -> None:
    (here / "e.csv").write_text(
        '"price";"the ""name""";"n"\n"1,5";"a; b";1\n-2,25;"line\nbreak";2\n 3 ; x ;3\n\n', encoding="utf-8-sig"
    )
    for source in ('csv("e.csv", x: [price, n])', 'csv("e.csv", x: [price, n], separator: ";")'):
        raw = data(source, "x: real[2] = x", "{ train: 2, valid: 1 }").raw["train"]
        np.testing.assert_array_equal(raw["x"], [[1.5, 1], [-2.25, 2], [3, 3]])
    assert headers.csv_table(here / "e.csv").words('the "name"') == ("a; b", "line\nbreak", "x")
    assert "there is 1 column" in unsupported('csv("e.csv", x: [price, n], separator: ",")')
    assert "takes one character as its separator" in unsupported('csv("e.csv", x: [price], separator: ";;")')
    for name, separator in (("tab", "\t"), ("|", "|")):
        write_people(here / "s.csv", separator)
        for source in ('csv("s.csv")', f'csv("s.csv", x: n, age: age, separator: "{name}")'):
            assert len(made(source, "z: real = missing(age, mean)")["z"]) == 8


def packed(data: bytes, name: str) -> bytes:
    match name:
        case "gz":
            return gzip.compress(data)
        case "bz2":
            return bz2.compress(data)
        case "xz":
            return lzma.compress(data)
        case _:
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("t.csv", data)
            return out.getvalue()


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_compressed_tables(here: Path, ending: str) -> None:
    write_csv(here / "t.csv", ROWS)
    plain = (here / "t.csv").read_bytes()
    (here / f"t.csv.{ending}").write_bytes(packed(plain, ending))
    source, features = f'csv("t.csv.{ending}", x: ["a b", b], kind: kind)', "x: real[2] = x\n  y: class[2] = kind"
    found, expected = data(source, features).raw["train"], data(source.replace(f".{ending}", ""), features).raw["train"]
    np.testing.assert_array_equal(found["x"], expected["x"])
    np.testing.assert_array_equal(found["kind"], expected["kind"])
    cut = packed(plain * 50, ending)
    (here / f"t.csv.{ending}").write_bytes(cut[: len(cut) * 2 // 3])
    assert "cannot use" in unsupported(source, features)


def test_an_archive_of_two_files(here: Path) -> None:
    with zipfile.ZipFile(here / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("b.csv", "x\n1\n")
    assert "the archive holds 2 files; it must hold one" in unsupported('csv("two.zip", x: [x, x])')


def test_long_tables_are_looked_at_by_their_first_rows(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[list[object]] = [[i, i, "ant", 0] for i in range(50)]
    write_csv(here / "t.csv", [*rows, ["", 7, "bee", 4]])
    monkeypatch.setattr(headers, "CELLS", 40)
    found = headers.csv_table(here / "t.csv")
    assert len(found.lines) < 20
    assert found["a b"].shape == (51,)
    assert found["a b"].missing == ()
    assert found.words("kind") == ("ant", "bee")
    assert found.largest("n") == 4
    with pytest.raises(DataError, match=r"`x` has 1 missing value; fill them: missing\(x, median\)"):
        _ = data('csv("t.csv", x: ["a b", b])', "x: real[2] = x").raw
    write_csv(here / "t.csv", [*rows, [1, "seven", "bee", 4]])
    with pytest.raises(DataError, match="the column `b` is not numeric: `seven` in line 52"):
        _ = data('csv("t.csv", x: ["a b", b])', "x: real[2] = x").raw
    (here / "q.csv").write_text("a,b\n" + "1,2\r\n\r\n" * 30 + '3,"x\n\ny"\n' * 3 + "4,z")
    assert headers.csv_table(here / "q.csv")["a"].shape == (34,)


def test_parquet_words_dates_and_nulls(here: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = {
        "age": pyarrow.array(AGES),
        "plan": pyarrow.array([plan or None for plan in PLANS]).dictionary_encode(),
        "since": pyarrow.array([datetime(2024, 2, 20 + i, 6, tzinfo=UTC) for i in range(8)]),
        "vip": pyarrow.array([True, None, False, True, True, False, False, False]),
    }
    pyarrow.parquet.write_table(pyarrow.table(table), here / "p.parquet")
    features = """x: real = missing(age, median)
  y: real[3] = one_hot(missing(plan, most_frequent))
  z: real = since
  v: real = missing(vip, 0)"""
    found = made('parquet("p.parquet")', features)
    ages = np.array([np.nan if age is None else age for age in AGES])
    np.testing.assert_allclose(found["x"], np.where(np.isnan(ages), np.nanmedian(ages), ages))
    order = ["basic", "gold", "silver"]
    np.testing.assert_array_equal(found["y"], np.eye(3)[[order.index(p if p in order else "gold") for p in PLANS]])
    np.testing.assert_array_equal(found["z"], 19773.25 + np.arange(8))
    np.testing.assert_array_equal(found["v"], [1, 0, 0, 1, 1, 0, 0, 0])
    assert "the column `age` has 2 missing values in 8 rows" in unsupported('parquet("p.parquet")', "x: real = age")


def test_true_and_false_are_the_same_in_every_table(here: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"on": [True, False, None]}), here / "t.parquet")
    (here / "t.csv").write_text("on,n\nTrue,1\nfalse,2\nNA,3\n", encoding="utf-8")
    (here / "odd.csv").write_text("on;n\n1,5;1\n2,5;2\nmany;3\n", encoding="utf-8")
    known = {"on": ("false", "true")}
    for name, source in (("t.csv", csv_table), ("t.parquet", parquet_table)):
        files = {"train": str(here / name)}
        numbers = source(Request(files, fields={"on": "real[]"}))["train"]["on"]
        np.testing.assert_array_equal(numbers, [1, 0, np.nan])
        words = source(Request(files, fields={"on": "class[2]"}, words=known))["train"]["on"]
        assert [word.lower() for word in words] == ["true", "false", ""]
    with pytest.raises(DataError, match=r"not numeric: `many` in line 4"):
        csv_table(Request({"train": str(here / "odd.csv")}, fields={"on": "real[]"}))
