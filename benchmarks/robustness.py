"""How drmadc meets what is broken: specs, run folders, checkpoints. Prints a table of tried and failed.

A traceback is a failure, and so is a damaged checkpoint that is read; a diagnostic or exit code 1 to 3 is none.

    python benchmarks/robustness.py --specs 60000 --runs 400 --folders 160 --flips 3000
"""

import argparse
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc_common.run_folder import DamagedRun
from drmadc_runtime.program.failure import NotFinite
from drmadc_runtime.search.checkpoint import read_checkpoint

TEXT = """\
params w: real[2] = 1
hyper h: positive[2] = 0.1
train { loss = sum((w - h) ^ 2)  update = sgd(rate: 0.1)  steps = 2 }
tune { minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }
"""
PIECES = (
    "0",
    "1e400",
    "-1",
    "1 / 0",
    "2 ^ 2000",
    "log(0 - 1)",
    "",
    "(",
    "}",
    '"',
    "h",
    "w",
    "nan",
    "\x00",
    "é",
    "9" * 400,
)
COMMANDS = (("show",), ("diff",), ("runs",), ("export", "--to", "json"), ("resume",))

Tally = dict[str, tuple[int, list[str]]]


def attack(specs: int, runs: int, folders: int, flips: int, seed: int = 0) -> Tally:
    """Every attack, so many times each: how often it was tried, and what failed."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        return {
            "fuzzed specs": _specs(rng, specs),
            "fuzzed specs that are run": _runs(rng, runs, here),
            "damaged files of run folders": _folders(rng, folders, here),
            "flipped bits of checkpoints": _flips(rng, flips, here),
        }


def fuzzed(rng: random.Random) -> str:
    """The spec with one to three of its words replaced, removed or doubled."""
    words = re.findall(r"\s+|\w+|[^\w\s]", TEXT)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(words))
        words[place] = rng.choice((rng.choice(PIECES), words[place] * 2, rng.choice(words)))
    return "".join(words)


def _specs(rng: random.Random, count: int) -> tuple[int, list[str]]:
    failed: list[str] = []
    for _ in range(count):
        with _caught(failed, drmadc.SpecError):
            drmadc.compile_text(fuzzed(rng))
    return count, failed


def _runs(rng: random.Random, count: int, here: Path) -> tuple[int, list[str]]:
    failed: list[str] = []
    tried = 0
    while tried < count:
        try:
            program = drmadc.compile_text(fuzzed(rng))
        except drmadc.SpecError:
            continue
        tried += 1
        with _caught(failed, NotFinite):
            program.run(out=here / f"fuzzed{tried}", quiet=True)
    return tried, failed


def _good(here: Path) -> Path:
    """A finished run."""
    if not (here / "good").exists():
        (here / "s.drm").write_text(TEXT, encoding="utf-8")
        drmadc.compile_file(here / "s.drm").run(out=here / "good", quiet=True)
    return here / "good"


def _folders(rng: random.Random, count: int, here: Path) -> tuple[int, list[str]]:
    good, bad = _good(here), here / "bad"
    files = sorted(path.relative_to(good) for path in good.rglob("*") if path.is_file() and path.name[0] != ".")
    failed: list[str] = []
    for number in range(count):
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(good, bad)
        target = bad / files[number % len(files)]
        data = target.read_bytes()
        rng.choice(DAMAGES)(rng, target, data)
        command, *options = COMMANDS[number // len(files) % len(COMMANDS)]
        paths = [here] if command == "runs" else [good, bad] if command == "diff" else [bad]
        error = CliRunner().invoke(cli, [command, *map(str, paths), *options]).exception
        if error is not None and not isinstance(error, SystemExit):
            failed.append(f"{target.name}, {command}: {error!r}")
    return count, failed


def _cut(rng: random.Random, path: Path, data: bytes) -> None:
    path.write_bytes(data[: rng.randrange(len(data) + 1)])


def _replace(rng: random.Random, path: Path, data: bytes) -> None:
    path.write_bytes(
        rng.choice((b"", b"{}", b"[]\n", b"null\n", b"1\n", bytes(50), b"[" * 100_000, rng.randbytes(200)))
    )


def _flip(rng: random.Random, path: Path, data: bytes) -> None:
    path.write_bytes(flipped(rng, data) if data else b"\xff")


def _remove(rng: random.Random, path: Path, data: bytes) -> None:
    path.unlink()
    if rng.random() < 0.5:
        path.mkdir()


DAMAGES: tuple[Callable[[random.Random, Path, bytes], None], ...] = (_cut, _replace, _flip, _remove)


def _flips(rng: random.Random, count: int, here: Path) -> tuple[int, list[str]]:
    good = (_good(here) / "checkpoint.npz").read_bytes()
    path, failed = here / "checkpoint.npz", list[str]()
    for _ in range(count):
        path.write_bytes(flipped(rng, good))
        with _caught(failed, DamagedRun):
            read_checkpoint(path)
            failed.append("a damaged checkpoint was read")
    return count, failed


def flipped(rng: random.Random, data: bytes) -> bytes:
    """The data with another bit somewhere."""
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


@contextmanager
def _caught(failed: list[str], *expected: type[Exception]) -> Iterator[None]:
    """Whatever is raised beside what is `expected` is a failure."""
    try:
        yield
    except expected:
        pass
    except Exception as error:
        failed.append(repr(error)[:200])


def main() -> None:
    """Attack as often as the options say, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, count in (("specs", 2000), ("runs", 20), ("folders", 160), ("flips", 3000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=count)
    found = attack(**vars(parser.parse_args()))
    print("| attack | tried | failed |\n|---|---|---|")
    for name, (tried, failed) in found.items():
        print(f"| {name} | {tried:,} | {len(failed)} |")
    for name, (_, failed) in found.items():
        for text in dict.fromkeys(failed):
            print(f"\n{name}: {text}")


if __name__ == "__main__":
    main()
