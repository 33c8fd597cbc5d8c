"""The documentation's pages do what they say: specs compile, commands run, output and Python are as shown."""

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"```(drm|console|python)(?: title=\"([\w.]+)\")?\n(.*?)```", re.DOTALL)
NUMBER = r"(?<![\w.])-?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])"
COMMAND = re.compile(r"^\$ drmadc (.*?)(?:  +# exit code (\d+))?$", re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str, str]]:
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def pattern(shown: str) -> tuple[re.Pattern[str], list[str]]:
    """What a printed line must look like, its numbers as groups; and the numbers that are shown."""
    parts = [re.split(f"({NUMBER})", part) for part in " ".join(shown.split()).split("...")]
    text = ".*".join("".join(f"({NUMBER})" if i % 2 else re.escape(x) for i, x in enumerate(part)) for part in parts)
    return re.compile(text), [x for part in parts for x in part[1::2]]


def agree(shown: str, printed: str) -> bool:
    """Whether a number is what was printed, to the digits that are shown: the last one may be off by one."""
    digits, _, exponent = shown.replace(",", "").partition("e")
    decimals = len(digits.partition(".")[2])
    last = 0.0 if "." not in digits else 10.0 ** (int(exponent or 0) - decimals)
    return abs(float(shown.replace(",", "")) - float(printed.replace(",", ""))) <= 1.001 * last


def assert_shown(page: str, shown: list[str], printed: str) -> None:
    """Every line that a page shows was printed, in this order, and so were its numbers.

    `...` stands for lines, or for a part of a line, such as a time.
    """
    rest = iter(printed.splitlines())
    for wanted in shown:
        if wanted == "...":
            continue
        like, numbers = pattern(wanted)
        matches = (like.fullmatch(" ".join(line.split())) for line in rest)
        found = any(m is not None and all(map(agree, numbers, m.groups())) for m in matches)
        assert found, f"{page} shows {wanted!r}, which was not printed (there) in:\n{printed}"


def arguments(text: str) -> list[str]:
    """A command's arguments as a shell would cut them."""
    return [quoted or plain for quoted, plain in re.findall(r"(\S*'[^']*')|(\S+)", text)]


def run_block(page: str, text: str) -> None:
    commands = list(COMMAND.finditer(text))
    assert text.startswith("$ drmadc "), f"{page}: a console block begins with a command"
    ends = [match.start() for match in commands[1:]] + [len(text)]
    for match, end in zip(commands, ends, strict=True):
        shown = text[match.end() : end].strip("\n").split("\n") if text[match.end() : end].strip() else []
        words = [word.replace("'", "") for word in arguments(match[1])]
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == int(match[2] or 0), f"{page}: {match[0]}\n{done.output}"
        assert_shown(page, shown, done.output)


@pytest.mark.parametrize("page", PAGES)
def test_specs_compile(page: str) -> None:
    for kind, _, text in blocks(page):
        if kind == "drm":
            assert not drmadc.compile_text(text).diagnostics


def done_by(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do everything that a page says, in an empty folder."""
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for kind, title, text in blocks(page):
        if kind == "drm" and title:
            Path(title).write_text(text, encoding="utf-8")
        elif kind == "console":
            run_block(page, text)
        elif kind == "python":
            exec(compile(text, page, "exec"), names)


@pytest.mark.parametrize("page", ["howto/memory.md", "strategies/index.md", "howto/editor.md"])
def test_pages_that_train_nothing(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done_by(page, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("page", PAGES)
def test_everything_on_a_page_is_so(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done_by(page, tmp_path, monkeypatch)


def test_every_page_is_in_the_navigation_and_every_strategy_has_one() -> None:
    class Loader(yaml.SafeLoader):
        pass

    found = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"]
    assert sorted(re.findall(r"[\w/-]+\.md", repr(found))) == PAGES
    from drmadc.language.strategies.registry import EXAMPLES

    assert {f"strategies/{name}.md" for name in EXAMPLES} <= set(PAGES)


def test_a_page_that_shows_what_is_not_printed_fails() -> None:
    assert_shown("p", ["a  1", "...", "c ..."], "a 1\nb\nc and more")
    for shown in (["b", "a 1"], ["a"], ["d ..."], ["a 2"]):
        with pytest.raises(AssertionError, match="which was not printed"):
            assert_shown("p", shown, "a 1\nb\nc and more")


@pytest.mark.parametrize(
    ("shown", "printed", "holds"),
    [
        ("0 0.39 ...", "    0     0.39147    5.6", True),
        ("0 0.39 ...", "    0     0.41147    5.6", False),
        ("1 0.39", "0 0.39", False),  # whole numbers are what they are
        ("x 3,760 entries", "x 3,760 entries", True),
        ("x 3,760 entries", "x 3,761 entries", False),
        ("d -0.25", "d -0.2471", True),
        ("d -0.25", "d 0.2471", False),
        ("e 1.2e-05", "e 1.24e-05", True),
        ("e 1.2e-05", "e 1.2e-04", False),
        ("E0502: at h1", "E0502: at h1", True),
        ("E0502: at h1", "E0503: at h1", False),
    ],
)
def test_numbers_are_what_was_printed_to_the_digits_that_are_shown(shown: str, printed: str, holds: bool) -> None:
    if holds:
        assert_shown("p", [shown], printed)
        return
    with pytest.raises(AssertionError, match="which was not printed"):
        assert_shown("p", [shown], printed)
