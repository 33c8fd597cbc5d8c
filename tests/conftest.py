"""Fixtures: goldens that can be updated, and compiled programs shared between tests."""

import difflib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import drmadc
from drmadc.compiler.load import execute
from tests.slow import SLOW

ROOT = Path(__file__).parent.parent
CASES = Path(__file__).parent / "cases"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="rewrite the expected outputs")


def pytest_configure(config: pytest.Config) -> None:
    """The default suite compiles without LLVM's optimiser, a third of its time; the long tests compile with it.

    They do without JAX's persistent cache: a process that writes and reads hundreds of programs has crashed there.
    """
    if config.getoption("markexpr") == "not long":
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # XLA's own passes stay as they are
    else:
        os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError("--update-goldens is refused where CI is set: goldens are reviewed, not generated")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `tests/slow.py` lists as long."""
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker(pytest.mark.long)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file; the difference is shown, a missing file fails, --update-goldens rewrites."""
    update = request.config.getoption("--update-goldens")

    def compare(path: Path, actual: str) -> None:
        if update:
            path.write_text(actual, encoding="utf-8")
            return
        assert path.exists(), f"{path.name} is missing; write it with pytest --update-goldens and review it"
        expected = path.read_text(encoding="utf-8")
        if actual != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), actual.splitlines(), path.name, "actual", lineterm="", n=2
            )
            pytest.fail("\n".join(lines), pytrace=False)

    return compare


@cache
def compiled(name: str, *overrides: str) -> drmadc.Program:
    """A program of tests/cases/ok, compiled once in each process."""
    return drmadc.compile_file(CASES / "ok" / f"{name}.drm", overrides)


@cache
def names(program: drmadc.Program) -> SimpleNamespace:
    """Everything that the emitted module defines, also what is no part of the contract with the runtime."""
    return SimpleNamespace(**execute(program.python, program.name))
