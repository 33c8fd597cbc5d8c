"""What a run folder holds: its only reader, which trusts nothing that it finds there. Of arrays, see `archives`."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from drmadc_common.printable import printable

Number: TypeAlias = float | int
Row: TypeAlias = dict[str, Number | str]
"""A line of metrics.jsonl: numbers by key, and the name of a `stage`."""

T = TypeVar("T")
LARGEST = 2**63
CURE = "restore the file, or run the spec again"


class DamagedRun(RuntimeError):
    """A run folder that cannot be read: which file, what is wrong with it, and what to do."""

    def __init__(self, path: Path, reason: str, cure: str = CURE) -> None:
        super().__init__(f"{printable(str(path))} is corrupt: {printable(reason)}; {cure}")
        self.path = path


@dataclass(frozen=True, slots=True)
class About:
    """run.json: what was run.

    Attributes:
        name: of the program, and of its files in the folder.
        spec: the file's name, as diagnostics call it.
        source: the file's text.
        overrides: of the command line, in order.
        steps: outer steps that the spec asks for.
        seed: of training; None in a folder of an earlier version.
        imports: the texts of the files that it imports, by path.
    """

    name: str
    spec: str
    source: str
    overrides: tuple[str, ...] = ()
    steps: int = 0
    seed: int | None = None
    imports: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_source(self) -> str:
        """The text of the spec, then those of the files that it imports."""
        return "\n".join((self.source, *self.imports.values()))


@dataclass(frozen=True, slots=True)
class Environment:
    """environment.json: what a run was made with.

    Attributes:
        python: its version.
        platform: the system, as Python names it.
        backend: of JAX.
        devices: their kinds.
        packages: versions by name.
        threads: of a CPU, over which XLA spreads an operation; 0 on other devices, and where a folder does not say.
        git: `commit` of the working folder, and how many files were `changed`; empty where there is none.
    """

    python: str = ""
    platform: str = ""
    backend: str = ""
    devices: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Number | str] = field(default_factory=dict)
    threads: int = 0

    @property
    def told(self) -> dict[str, str]:
        """All of it, for people."""
        git = ", ".join(f"{key} {value}" for key, value in self.git.items())
        return self.versions | ({"git": git} if git else {})

    @property
    def versions(self) -> dict[str, str]:
        """What decides whether a run can be repeated bit for bit, by name."""
        named = {"python": self.python, "platform": self.platform, **self.packages, "backend": self.backend}
        threads = {"threads": str(self.threads)} if self.threads else {}
        return named | {"devices": ", ".join(self.devices)} | threads


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of a run folder. Every method raises `DamagedRun` where one cannot be read."""

    path: Path

    def about(self) -> About:
        """run.json: what was run."""
        return self.parsed("run.json", _about)

    def environment(self) -> Environment:
        """environment.json: what it was made with."""
        return self.parsed("environment.json", _environment)

    def metrics(self) -> list[Row]:
        """metrics.jsonl: a record for each outer step; null is read as NaN."""
        return self._rows("metrics.jsonl", needed=("objective", "growth", "hypergradient"))

    def steps(self) -> list[Row]:
        """The same, each with its seconds."""
        metrics, seconds = self.metrics(), self._rows("seconds.jsonl", needed=("seconds",))
        if len(seconds) < len(metrics):
            lines = f"has {len(seconds)} lines, but metrics.jsonl has {len(metrics)}"
            raise DamagedRun(self.path / "seconds.jsonl", lines)
        return [{**row, **time} for row, time in zip(metrics, seconds, strict=False)]

    def points(self) -> list[Row]:
        """sweep.jsonl: a record for each point of the sweep; none without one."""
        return self._rows("sweep.jsonl", needed=("objective",))

    def arms(self) -> dict[str, dict[str, float]]:
        """retrain.json: reports of the final training by key, by arm; none without one."""
        return self.parsed("retrain.json", _arms) if (self.path / "retrain.json").exists() else {}

    def hypers(self, step: int) -> Path:
        """The file of the hyperparameters at which an outer step was measured."""
        return self.path / "hypers" / f"{step:05d}.npz"

    def costs(self) -> dict[str, dict[str, float | None]]:
        """costs.json: time and memory, predicted and measured; empty before they are known."""
        return self.parsed("costs.json", _costs) if (self.path / "costs.json").exists() else {}

    def text(self, name: str) -> str:
        """A file's text.

        Raises:
            DamagedRun: it is missing, not a regular file, or not UTF-8.
        """
        path = self.path / name
        try:
            if path.exists() and not path.is_file():
                raise DamagedRun(path, "not a regular file")  # reading a pipe would wait for ever
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise DamagedRun(path, "it is missing") from None
        except OSError as error:
            raise DamagedRun(path, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise DamagedRun(path, "not UTF-8 text") from error

    def prose(self, name: str) -> str:
        """A text for people, such as log.txt, as far as it can be read; "" without one."""
        path = self.path / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def lines(self, name: str) -> list[str]:
        """The lines of a file with their ends, without a last one that is still being written; none without a file."""
        if not (self.path / name).exists():
            return []
        return [line for line in self.text(name).splitlines(keepends=True) if line.endswith("\n")]

    def parsed(self, name: str, read: Callable[[object], T]) -> T:
        """What `read` makes of a file's JSON; its errors, of whatever type, say that the file is damaged."""
        return self._parsed(name, self.text(name), read)

    def _rows(self, name: str, needed: Sequence[str]) -> list[Row]:
        def row(value: object) -> Row:
            found = {string(key): _cell(key, x) for key, x in _mapping(value).items()}
            for key in needed:
                if isinstance(found[key], str):
                    raise TypeError(f"`{key}` is not a number")
            return found

        return [self._parsed(name, line, row, f" in line {i + 1}") for i, line in enumerate(self.lines(name))]

    def _parsed(self, name: str, text: str, read: Callable[[object], T], where: str = "") -> T:
        try:
            return read(json.loads(text))
        except KeyError as error:
            raise DamagedRun(self.path / name, f"no entry {error}{where}") from error
        except (ValueError, RecursionError) as error:
            raise DamagedRun(self.path / name, f"not JSON{where}") from error
        except (TypeError, AttributeError) as error:
            raise DamagedRun(self.path / name, f"{error}{where}") from error


def json_line(value: object) -> str:
    """A record as JSON, on one line; NaN and infinities, which JSON lacks, are written as null."""
    return json.dumps(_finite(value), allow_nan=False)


def json_text(value: object) -> str:
    """The same for a file: indented, with an end of line."""
    return json.dumps(_finite(value), allow_nan=False, indent=2) + "\n"


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(x) for key, x in value.items()}
        case list() | tuple():
            return [_finite(x) for x in value]
        case _:
            return value


def number(value: object) -> Number:
    """A number of a JSON file; null is NaN.

    Raises:
        TypeError: it is none, or too large for one.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, not {_short(value)}")
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise TypeError(f"expected a number, not {_short(value)}")
    return value


def string(value: object) -> str:
    """A text that can be written as UTF-8: JSON can hold half a character.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a text, not {_short(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise TypeError(f"{_short(value)} is not Unicode text") from error
    return value


def texts_by_name(value: object) -> dict[str, tuple[str, ...]]:
    """An object of lists of texts.

    Raises:
        TypeError: it is none.
    """
    return {string(name): tuple(map(string, texts)) for name, texts in _lists(value)}


def _lists(value: object) -> Iterator[tuple[str, list[object]]]:
    for name, found in _mapping(value).items():
        if not isinstance(found, list):
            raise TypeError(f"`{name}` is not a list")
        yield name, found


def _cell(key: str, value: object) -> Number | str:
    return string(value) if key == "stage" else number(value)


def _about(value: object) -> About:
    found = _mapping(value)
    overrides, imports = found["overrides"], _mapping(found.get("imports", {}))
    if not isinstance(overrides, list):
        raise TypeError("`overrides` is not a list")
    name, seed = string(found["name"]), found.get("seed")
    if not name or Path(name).name != name or not name.isprintable():
        raise TypeError(f"`name` is not that of a file: {_short(name)}")
    return About(
        name,
        string(found["spec"]),
        string(found["source"]),
        tuple(map(string, overrides)),
        int(number(found["steps"])),
        None if seed is None else int(number(seed)),
        {string(path): string(text) for path, text in imports.items()},
    )


def _environment(value: object) -> Environment:
    found = _mapping(value)
    git, devices = found.get("git") or {}, found.get("devices", [])
    if not isinstance(devices, list):
        raise TypeError("`devices` is not a list")
    return Environment(
        string(found["python"]),
        string(found.get("platform", "")),
        string(found.get("backend", "")),
        tuple(map(string, devices)),
        {string(key): string(x) for key, x in _mapping(found.get("packages", {})).items()},
        {string(key): x if isinstance(x, str) else number(x) for key, x in _mapping(git).items()},
        int(number(found.get("threads", 0))),
    )


def _arms(value: object) -> dict[str, dict[str, float]]:
    return {
        string(arm): {string(key): float(number(x)) for key, x in _mapping(row).items()}
        for arm, row in _mapping(value).items()
    }


def _costs(value: object) -> dict[str, dict[str, float | None]]:
    return {
        what: {word: None if x is None else float(number(x)) for word, x in _mapping(row).items()}
        for what, row in _mapping(value).items()
    }


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, not {_short(value)}")
    return value


def _short(value: object) -> str:
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "a number beyond 64 bits"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
