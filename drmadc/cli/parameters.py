"""Types of the command line's parameters: sizes in bytes, run folders, data sets that are fetched."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc_common import omniglot
from drmadc_common.amounts import bytes_of
from drmadc_common.datasets import DATASETS

if TYPE_CHECKING:
    from click import ParamType
else:

    class ParamType(click.ParamType):
        """click's, which is not generic at run time in every release since 8.1."""

        def __class_getitem__(cls, _: type) -> type:
            return cls


BUNDLED = {name: dataset.about for name, dataset in DATASETS.items() if dataset.bundled} | {"omniglot": omniglot.ABOUT}


class Bytes(ParamType[int]):
    """A size such as 500MB or '2 GB'."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*(KB|MB|GB)\s*", str(value))
        if found is None:
            self.fail(f"{value!r} is not a size; expected for example 500MB or 2GB", param, ctx)
        return bytes_of(found[1], found[2])


class FilePath(click.Path):
    """A file or folder, or `-`; an empty text, which `Path` takes for the working folder, names neither."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty text names no file", param, ctx)
        return super().convert(value, param, ctx)


class RunPath(ParamType[Path]):
    """A run folder; with `group`, also that of a group of runs."""

    name = "run"

    def __init__(self, group: bool = False) -> None:
        self.group = group

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if (path / "group.json").is_file():
            if not self.group:
                first = next((run.parent for run in sorted(path.glob("*/run.json"))), path / "NAME")
                self.fail(f"{value} is a group of runs; choose one, for example {first}", param, ctx)
        elif not (path / "run.json").is_file():
            self.fail(f"{value} is not a run folder (it has no run.json)", param, ctx)
        return path


class RunPaths(ParamType[tuple[Path, ...]]):
    """A run folder, or a folder of them; links such as `latest` inside it are passed over."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Path, ...]:
        path = Path(value)
        if (path / "run.json").is_file():
            return (path,)
        found = sorted(file.parent for file in path.rglob("run.json") if not file.parent.is_symlink())
        if not found:
            self.fail(f"{value} is not a run folder (it has no run.json), and holds none", param, ctx)
        return tuple(found)


class FetchedName(ParamType[str]):
    """A data set that can be fetched."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in BUNDLED:
            self.fail(f"{value} ships with drmadc; nothing to download", param, ctx)
        fetched = tuple(name for name, dataset in DATASETS.items() if not dataset.bundled)
        if value not in fetched:
            self.fail(f"no data set `{value}`; {did_you_mean(value, fetched, 'data set')}", param, ctx)
        return str(value)


class StepChoice(ParamType[str]):
    """An outer step: `best`, `last`, or its number."""

    name = "step"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("best", "last") or str(value).isdigit():
            return str(value)
        self.fail(f"{value!r} is not an outer step; write best, last or a number", param, ctx)
