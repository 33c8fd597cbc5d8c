"""The house: small files, small folders, and a compiler that starts without JAX and NumPy."""

import configparser
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINES, FILES = 500, 14
ROOMS = ("drmadc", "grammar/drmadc_grammar", "runtime/drmadc_common", "runtime/drmadc_runtime")
OUTSIDE = ("tests/unit", "tests/oracle", "benchmarks")
HEAVY = {"jax", "numpy", "numba", "scipy", "matplotlib", "PIL", "rich", "drmadc_runtime"}


def python_files(*folders: str) -> dict[Path, int]:
    """Every Python file below these folders, and how many lines it has."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}


def test_no_file_is_longer_than_500_lines() -> None:
    files = python_files(*ROOMS, *OUTSIDE)
    assert {path: lines for path, lines in files.items() if lines > LINES} == {}
    own = [lines for path, lines in python_files(*ROOMS).items() if path.name != "__init__.py"]
    print(f"{len(own)} files of {sum(own):,} lines; median {statistics.median(own):.0f}, longest {max(own)}")


def test_no_folder_has_more_than_14_files() -> None:
    folders = Counter(path.parent for path in python_files(*ROOMS, *OUTSIDE))
    assert {folder: count for folder, count in folders.items() if count > FILES} == {}


def test_every_package_of_several_modules_has_a_contract_for_all_of_them() -> None:
    """Layers that list them all, as `lint-imports` sees to, or one that keeps all files of a kind apart."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    sections = [contracts[name] for name in contracts.sections()]
    drawn = {section["containers"].strip() for section in sections if section.get("exhaustive") == "True"}
    drawn |= {section["modules"].strip().removesuffix(".*") for section in sections if "modules" in section}
    packages: set[str] = set()
    for room in (ROOT / name for name in ROOMS):
        for init in room.rglob("__init__.py"):
            if modules(init.parent) > 1:
                packages.add(".".join((room.name, *init.parent.relative_to(room).parts)))
    assert packages == drawn


def modules(package: Path) -> int:
    """How many modules and packages lie directly in a package."""
    files = [path for path in package.glob("*.py") if path.name != "__init__.py"]
    return len(files) + len(list(package.glob("*/__init__.py")))


@pytest.mark.parametrize("spec", ["mnist_l2", "toy_surface"])
def test_a_check_imports_neither_jax_nor_numpy_nor_the_runtime(spec: str) -> None:
    program = (
        "import sys; from drmadc.cli.main import cli; "
        f"cli(['check', 'specs/{spec}.drm'], standalone_mode=False); "
        f"print(sorted({HEAVY} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
