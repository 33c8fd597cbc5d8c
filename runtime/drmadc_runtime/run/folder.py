"""The run folder: resolved spec, emitted module, environment, metrics, hyperparameters, pictures."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from drmadc_common.atomic import replacing, write_whole
from drmadc_common.run_folder import DamagedRun, RunFiles, json_line, json_text
from drmadc_runtime.core.archives import read_arrays, read_bytes, zipped
from drmadc_runtime.core.types import Arrays
from drmadc_runtime.core.versions import environment, working_folder
from drmadc_runtime.search.base import Record, Trial
from drmadc_runtime.search.checkpoint import Checkpoint, packed, read_checkpoint


@dataclass(frozen=True, slots=True)
class Records:
    """What a run has recorded: outer steps, lines of metrics.jsonl with their seconds, and the points of its sweep."""

    steps: list[Record] = field(default_factory=list)
    points: list[Record] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        """Append a trial where it belongs."""
        (self.points if trial.at else self.steps).append(trial.record())


class RunFolder:
    """A folder that holds one run and no other; one process at a time writes into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BlockingIOError(f"another process is using {path}") from None

    @classmethod
    def create(cls, name: str, out: str | None, text: str = "") -> "RunFolder":
        """Make the folder: `out`, or runs/NAME/TIME-HASH, to which runs/NAME/latest then points.

        Raises:
            FileExistsError: when `out` is there already and not empty.
            OSError: when it cannot be made.
        """
        if out is not None:
            path = Path(out)
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise FileExistsError(f"{path} already exists; a run never overwrites another")
            path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        return cls(free_folder(name, text))

    def close(self) -> None:
        """Let other processes in."""
        self._lock.release()
        (self.path / ".lock").unlink(missing_ok=True)

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file whole or not at all.

        Raises:
            OSError: it cannot be written; says where.
        """
        target = self.path / name
        try:
            target.parent.mkdir(exist_ok=True)
            write_whole(target, data)
        except OSError as error:
            raise OSError(f"{target} is not writable: {error.strerror}") from error

    def forget(self, name: str) -> None:
        """Remove a file that no longer holds."""
        (self.path / name).unlink(missing_ok=True)

    def add(self, trial: Trial) -> None:
        """Append a point of a sweep, or an outer step and the hyperparameters at which it was measured.

        Seconds go into a file of their own, so that metrics.jsonl is the same whenever and wherever a run was stopped.
        """
        record = trial.record()
        if trial.at:
            self.add_line("sweep.jsonl", record)
            return
        self.add_line("seconds.jsonl", {"outer": trial.number, "seconds": record.pop("seconds")})
        self.add_line("metrics.jsonl", record)
        self.write(self.hypers_of(trial.number), zipped(trial.hypers))

    @staticmethod
    def hypers_of(number: int) -> str:
        """The file of the hyperparameters at which an outer step was measured."""
        return f"hypers/{number:05d}.npz"

    def hypers(self, number: int) -> Arrays:
        """The hyperparameters at which an outer step was measured.

        Raises:
            DamagedRun: their file is missing or damaged.
        """
        return read_arrays(self.path / self.hypers_of(number))

    def take_home(self, number: int) -> None:
        """Write the hyperparameters of the best outer step to hypers.npz."""
        self.write("hypers.npz", read_bytes(self.path / self.hypers_of(number)))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write where to go on; a kill before it loses what was added since the last one, and nothing else."""
        self.write("checkpoint.npz", packed(checkpoint))

    def restore(self) -> tuple[Checkpoint, Records]:
        """Where to go on, and what was recorded up to there; what was written beyond is taken back.

        Raises:
            DamagedRun: the checkpoint or a record is missing or damaged, or of another format.
        """
        checkpoint = read_checkpoint(self.path / "checkpoint.npz")
        for name, count in (("metrics", checkpoint.steps), ("seconds", checkpoint.steps), ("sweep", checkpoint.points)):
            self._cut(f"{name}.jsonl", count)
        files = RunFiles(self.path)
        return checkpoint, Records(files.steps(), files.points())

    def _cut(self, name: str, count: int) -> None:
        """Leave a file with its first lines and no others."""
        lines = RunFiles(self.path).lines(name)
        if len(lines) < count:
            raise DamagedRun(self.path / name, f"it has {len(lines)} lines, but the checkpoint is at line {count}")
        if (self.path / name).exists():
            self.write(name, "".join(lines[:count]))

    def write_start(self, texts: Mapping[str, str]) -> None:
        """Write what is known before the first step: spec, module, environment."""
        for name, text in texts.items():
            self.write(name, text)
        self.write("environment.json", json_text(asdict(replace(environment(), git=working_folder()))))

    def add_line(self, name: str, record: Mapping[str, Any]) -> None:
        """Append a record to a file of JSON lines."""
        self.append(name, json_line(record))

    def append(self, name: str, line: str) -> None:
        """Append a line to a file.

        Raises:
            OSError: it cannot be written; says where.
        """
        try:
            with (self.path / name).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise OSError(f"{self.path / name} is not writable: {error.strerror}") from error

    def write_images(self, images: Mapping[str, npt.NDArray[np.floating]]) -> list[Path]:
        """Write each picture as a PNG with a colour bar; the files that were written."""
        written = []
        for title, picture in images.items():
            name = "".join(c if c.isalnum() or c in "._-" else "_" for c in title) + ".png"
            draw_image(self.path / name, title, picture)
            written.append(self.path / name)
        return written


def free_folder(name: str, text: str) -> Path:
    """A new folder runs/NAME/TIME-HASH, to which runs/NAME/latest then points; the hash is that of `text`.

    Raises:
        OSError: it cannot be made.
    """
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{sha256(text.encode()).hexdigest()[:6]}"
    base = Path("runs") / name
    base.mkdir(parents=True, exist_ok=True)
    for number in range(1000):
        path = base / (stem if number == 0 else f"{stem}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        _point_to(base / "latest", path.name)
        return path
    raise FileExistsError(f"no free folder in {base}")


def _point_to(link: Path, name: str) -> None:
    """Make a link point to a folder beside it; where there are no links, leave it."""
    with suppress(OSError), replacing(link) as partial:
        partial.symlink_to(name, target_is_directory=True)


def tiles(pictures: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Pictures [n, rows, columns] side by side, at most five in a row, a blank line between them."""
    number, rows, columns = pictures.shape
    across = min(5, number)
    down = -(-number // across)
    sheet = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), np.nan)
    for place, picture in enumerate(pictures):
        top, left = (place // across) * (rows + 1), (place % across) * (columns + 1)
        sheet[top : top + rows, left : left + columns] = picture
    return sheet


def draw_image(path: Path, title: str, picture: npt.NDArray[np.floating]) -> None:
    """A hyperparameter [rows, columns] in grey with a colour bar, or several [n, rows, columns] as tiles."""
    from matplotlib.figure import Figure

    if picture.ndim == 3:
        picture = tiles(picture)
    height, width = picture.shape
    figure = Figure(figsize=(4.6, max(2.0, min(8.0, 4.0 * height / width))), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.imshow(picture, cmap="gray", interpolation="nearest")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    figure.colorbar(drawn, ax=axes, label="value in its domain")
    figure.savefig(path, dpi=120, metadata={"Software": None})
