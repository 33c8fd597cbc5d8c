"""Every spec in the documentation compiles, and README's excerpt is the emitted text."""

import re

import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from tests.conftest import ROOT

PAGES = {"grammar/README.md": 9, "README.md": 1}
BLOCKS = [
    (page, number, text)
    for page in PAGES
    for number, text in enumerate(re.findall(r"```drm\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


def test_pages_have_their_examples() -> None:
    assert {page: sum(b[0] == page for b in BLOCKS) for page in PAGES} == PAGES


@pytest.mark.parametrize(("page", "number", "text"), BLOCKS, ids=[f"{b[0]}-{b[1]}" for b in BLOCKS])
def test_example_compiles(page: str, number: int, text: str) -> None:
    assert not drmadc.compile_text(text).diagnostics


def test_readme_shows_the_shipped_spec_and_its_reverse_step() -> None:
    readme = (ROOT / "README.md").read_text()
    spec = (ROOT / "specs" / "mnist_schedule.drm").read_text()
    assert re.sub(r"\A(#.*\n)+", "", spec).strip() in readme
    module = drmadc.compile_file(ROOT / "specs" / "mnist_schedule.drm").python
    reverse = module[module.index("def reverse_step") : module.index("def train")]
    assert reverse.strip() in readme


def test_rule_names_of_the_reference_are_those_of_the_prelude() -> None:
    page = (ROOT / "grammar" / "README.md").read_text()
    for name in re.findall(r"^update (\w+)\(", (ROOT / "grammar/drmadc_grammar/prelude.drm").read_text(), re.MULTILINE):
        assert f"`{name}`" in page


def test_architecture_is_short_and_names_what_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert len(text.splitlines()) <= 150
    for path in re.findall(r"`((?:drmadc|grammar|runtime|tests|specs|benchmarks)/[\w./]*)`", text):
        if "..." not in path:
            assert (ROOT / path).exists(), path


def test_the_plan_in_the_readme_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(cli, ["plan", str(ROOT / "specs" / "drmad" / "l2.drm"), "--memory", "100MB"]).output
    assert f"$ drmadc plan specs/drmad/l2.drm --memory 100MB\n{printed}```" in (ROOT / "README.md").read_text()
