"""Golden files: each ok case with its IR and module, each bad case with its diagnostics."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drmadc.common.diagnostics.model import Diagnostic, SpecError
from drmadc.common.diagnostics.render import render
from drmadc.compiler.driver import compile_source
from drmadc.compiler.source_files import read_source
from drmadc.ir.text import program_text
from tests.conftest import CASES, ROOT, compiled
from tests.differing import differing_statements

OK = sorted(path.stem for path in (CASES / "ok").glob("*.drm"))
BAD = sorted(path.stem for path in (CASES / "bad").glob("*.drm"))
Golden = Callable[[Path, str], None]
BASE = "reverse_exact"  # the goldens of other reverse strategies hold what differs from this one


@pytest.mark.parametrize("case", OK)
def test_ok_case(case: str, golden: Golden) -> None:
    program = compiled(case)
    golden(CASES / "ok" / f"{case}.ir", program_text(program.ir))
    text = program.python
    if case.startswith("reverse_") and case != BASE:
        text = differing_statements(text, case, compiled(BASE).python, BASE)
    golden(CASES / "ok" / f"{case}.golden.py", text)


def diagnostics_of(path: Path) -> tuple[Diagnostic, ...]:
    try:
        source = read_source(path)
    except SpecError as error:
        return error.diagnostics
    overrides: tuple[str, ...] = ()
    first = source.text.split("\n", 1)[0]
    if first.startswith("# overrides: "):
        overrides = tuple(first.removeprefix("# overrides: ").split("; "))
    return compile_source(source, overrides).diagnostics


@pytest.mark.parametrize("case", BAD)
def test_bad_case(case: str, golden: Golden) -> None:
    text = render(diagnostics_of(CASES / "bad" / f"{case}.drm"))
    text = text.replace(f"{CASES / 'bad'}/", "").replace(f"{CASES}/", "")
    golden(CASES / "bad" / f"{case}.err", text)


def test_no_golden_is_orphaned() -> None:
    expected = {f"{case}{end}" for case in OK for end in (".drm", ".ir", ".golden.py")}
    assert {path.name for path in (CASES / "ok").iterdir() if path.is_file()} == expected
    expected = {f"{case}{end}" for case in BAD for end in (".drm", ".err")}
    assert {path.name for path in (CASES / "bad").iterdir()} == expected


def ruff_clean(path: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], "--isolated", *command[1:], str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_emitted_modules_are_ruff_clean(tmp_path: Path) -> None:
    for case in OK:
        (tmp_path / f"{case}.py").write_text(compiled(case).python)
    ruff_clean(tmp_path)


def test_every_shipped_spec_is_ruff_clean_when_emitted(tmp_path: Path) -> None:
    for path in sorted((ROOT / "specs").rglob("*.drm")):
        compilation = compile_source(read_source(path))
        assert not compilation.diagnostics, path
        (tmp_path / f"{path.parent.name}_{path.stem}.py").write_text(compilation.text)
    ruff_clean(tmp_path)
