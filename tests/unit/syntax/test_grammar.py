"""The parser's tables are kept; a cache that is damaged or cannot be written changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drmadc.syntax import grammar

DATA = "d { source = digits()  x: real[64] = image  split = { train: 100, valid: 50 } }"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    grammar.parser.cache_clear()
    yield tmp_path / "drmadc"
    grammar.parser.cache_clear()


def tree() -> object:
    grammar.parser.cache_clear()
    return grammar.parser().parse(DATA, start="data_decl")


def test_the_kept_tables_parse_as_the_made_ones(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tree()
    (file,) = home.iterdir()
    monkeypatch.setattr(grammar.lark.Lark, "__init__", lambda *_, **__: pytest.fail("made again"))
    assert tree() == made
    assert file.stat().st_size > 10_000


@pytest.mark.parametrize("damage", [b"", b"\x80", b"not a pickle", b"\x80\x04}."])
def test_damaged_tables_are_made_again(home: Path, damage: bytes) -> None:
    made = tree()
    (file,) = home.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage)
    assert tree() == made
    assert file.stat().st_size > 10_000
    file.write_bytes(whole[: len(whole) // 2])
    assert tree() == made


def test_a_home_that_cannot_be_written_is_no_error(home: Path) -> None:
    home.parent.joinpath("drmadc").write_text("a file where the folder belongs")
    assert tree() is not None
