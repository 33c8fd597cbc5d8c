"""The run folder: resolved spec, emitted module, environment, metrics, hyperparameters, pictures."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drmadc_runtime.versions import environment


class RunFolder:
    """A folder that holds one run and no other."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, name: str, out: str | None) -> "RunFolder":
        """Make the folder: `out`, or runs/NAME/TIME.

        Raises:
            FileExistsError: when `out` is there already and not empty.
            OSError: when it cannot be made.
        """
        if out is not None:
            path = Path(out)
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise FileExistsError(f"{path} is there already; a run never overwrites another")
            path.mkdir(parents=True, exist_ok=True)
            return cls(path)
        stem = time.strftime("%Y%m%d-%H%M%S")
        base = Path("runs") / name
        base.mkdir(parents=True, exist_ok=True)
        for number in range(1000):
            path = base / (stem if number == 0 else f"{stem}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return cls(path)
        raise FileExistsError(f"no free folder in {base}")

    def write(self, name: str, data: str | bytes) -> None:
        """Write a file whole or not at all."""
        target = self.path / name
        partial = target.with_name(f".{name}.partial")
        partial.write_bytes(data.encode() if isinstance(data, str) else data)
        os.replace(partial, target)

    def write_start(self, texts: Mapping[str, str]) -> None:
        """Write what is known before the first step: spec, module, environment."""
        for name, text in texts.items():
            self.write(name, text)
        self.write("environment.json", json.dumps(environment(), indent=2) + "\n")

    def add_metrics(self, record: Mapping[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        self.add_line("metrics.jsonl", record)

    def add_line(self, name: str, record: Mapping[str, Any]) -> None:
        """Append a record to a file of JSON lines."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def write_arrays(self, name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write arrays as NAME.npz, whole or not at all."""
        partial = self.path / f".{name}.partial.npz"
        named: dict[str, Any] = dict(arrays)
        np.savez(partial, **named)
        os.replace(partial, self.path / f"{name}.npz")

    def write_images(self, images: Mapping[str, npt.NDArray[np.floating[Any]]]) -> list[Path]:
        """Write each picture as a PNG with a colour bar; the files that were written."""
        written = []
        for title, picture in images.items():
            name = "".join(c if c.isalnum() or c in "._-" else "_" for c in title) + ".png"
            draw_image(self.path / name, title, picture)
            written.append(self.path / name)
        return written


def tiles(pictures: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Pictures [n, rows, columns] side by side, at most five in a row, a blank line between them."""
    number, rows, columns = pictures.shape
    across = min(5, number)
    down = -(-number // across)
    sheet = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), np.nan)
    for place, picture in enumerate(pictures):
        top, left = (place // across) * (rows + 1), (place % across) * (columns + 1)
        sheet[top : top + rows, left : left + columns] = picture
    return sheet


def draw_image(path: Path, title: str, picture: npt.NDArray[np.floating[Any]]) -> None:
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
    figure.colorbar(drawn, ax=axes, label="value in its own domain")
    figure.savefig(path, dpi=120, metadata={"Software": None})
