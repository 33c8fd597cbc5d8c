"""Build what would be released, check it, and run it where nothing else is installed: `make release-check`."""

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
SPEC = ROOT / "specs" / "toy_surface.drm"


def command(*words: str | Path, cwd: Path = ROOT) -> str:
    """The output of a command; one that fails ends the check."""
    print("$", *words, flush=True)
    done = subprocess.run([str(word) for word in words], cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}exit code {done.returncode}")
    return done.stdout


def require(holds: bool, problem: str) -> None:
    """End the check where something does not hold."""
    if not holds:
        sys.exit(f"release-check: {problem}")


def build() -> tuple[Path, Path]:
    """A wheel and an sdist in an empty dist/."""
    for path in DIST.glob("drmadc-*"):
        path.unlink()
    command(sys.executable, "-m", "hatchling", "build", "-d", DIST)
    wheels, sdists = sorted(DIST.glob("*.whl")), sorted(DIST.glob("*.tar.gz"))
    require(len(wheels) == len(sdists) == 1, f"dist/ holds {[path.name for path in DIST.iterdir()]}")
    return wheels[0], sdists[0]


def check_contents(wheel: Path, sdist: Path) -> Metadata:
    """The wheel's metadata, which must be valid; an sdist must hold what its tests need."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(name), validate=True)
    require(bool(metadata.author and metadata.classifiers and metadata.description), "the metadata are incomplete")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive}
    for needed in ("LICENSE", "CHANGELOG.md", "Makefile", "specs/toy_surface.drm", "tests/test_goldens.py"):
        require(needed in names, f"the sdist lacks {needed}")
    return metadata


def check_version(version: str) -> None:
    """The changelog's newest release and the citation are of this version."""
    heading = re.search(r"^## \[(\d[^]]*)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    require(heading is not None, "CHANGELOG.md has no section `## [VERSION] - DATE`")
    assert heading is not None
    require(heading[1] == version, f"CHANGELOG.md's newest release is {heading[1]}, the wheel is {version}")
    citation = (ROOT / "CITATION.cff").read_text()
    for line in (f"version: {version}", f"date-released: {heading[2]}"):
        require(line in citation.splitlines(), f"CITATION.cff lacks the line `{line}`")


def check_install(package: Path, version: str) -> None:
    """Install into a fresh environment, far from the checkout; run the command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command(sys.executable, "-m", "venv", folder / "venv")
        python, drmadc = folder / "venv" / "bin" / "python", folder / "venv" / "bin" / "drmadc"
        command(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package)
        require(version in command(drmadc, "--version", cwd=folder), f"`drmadc --version` is not {version}")
        command(drmadc, "run", SPEC, "tune.steps=2", "--out", folder / "run", cwd=folder)
        require((folder / "run" / "metrics.jsonl").read_text().count("\n") == 2, "the run has not 2 outer steps")


def main() -> None:
    """All of it; a wheel is built from the sdist too, by pip."""
    wheel, sdist = build()
    metadata = check_contents(wheel, sdist)
    version = str(metadata.version)
    check_version(version)
    for package in (wheel, sdist):
        check_install(package, version)
    print(f"drmadc {version} is fit for release: {wheel.name}, {sdist.name}")


if __name__ == "__main__":
    main()
