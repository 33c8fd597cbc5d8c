"""Several runs beside each other: `runs` lists them, `compare` says what differs beyond the noise of seeds."""

import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import click

from drmadc.cli import console
from drmadc.tools.comparison.comparison import CannotCompare
from drmadc.tools.comparison.comparison import compare as compare_runs
from drmadc.tools.comparison.differences import differences, setting_of
from drmadc.tools.comparison.group import GROUP, NotThisGroup, read_group
from drmadc.tools.comparison.recorded import RecordedRun, Unreadable, read_run, run_folders
from drmadc.tools.comparison.table import csv_text, json_text, text

Cell = str | float | int


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--name", help="Only runs of the spec of this name.")
@click.option(
    "--sort", metavar="KEY", default="run", help="Sort by a column: run, steps, seed, objective, or a reported value."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each run.")
def runs(folder: Path, name: str | None, sort: str, as_json: bool) -> None:
    """List the runs in a folder (default runs/), by spec.

    Shows what differs between the runs of a spec: seed, settings and lines of the file; and objective and reports of
    the best outer step.

    \b
    Example:
      drmadc runs --name mnist_l2 --sort objective
    """
    found = [read_run(path) for path in run_folders(folder)]
    good = [run for run in found if isinstance(run, RecordedRun) and name in (None, run.name)]
    if not found:
        console.fail(console.OK, f"no runs in {folder}")
    by_spec: dict[str, list[RecordedRun]] = {}
    for run in good:
        by_spec.setdefault(run.spec, []).append(run)
    tables = {spec: _rows(of_spec) for spec, of_spec in by_spec.items()}
    columns = list(dict.fromkeys(key for rows in tables.values() for row in rows for key in row))
    if good and sort not in columns:
        raise click.UsageError(f"no column `{sort}`; columns: {', '.join(columns)}")
    for number, (spec, rows) in enumerate(tables.items()):
        rows.sort(key=lambda row: (sort not in row, row.get(sort, 0)))
        if as_json:
            for row in rows:
                known = {key: None if isinstance(x, float) and not isfinite(x) else x for key, x in row.items()}
                click.echo(json.dumps({"spec": spec, **known}))
            continue
        if number:
            click.echo()
        click.echo(f"{spec}: {len(rows)} run{'s' if len(rows) > 1 else ''}")
        for line in _lines(rows):
            click.echo(line)
    _say_unreadable(found)


def _say_unreadable(found: Sequence[RecordedRun | Unreadable]) -> None:
    """On standard error, so that a table stays one."""
    for run in found:
        if isinstance(run, Unreadable):
            click.echo(f"{run.reason}", err=True)


def _rows(found: Sequence[RecordedRun]) -> list[dict[str, Cell]]:
    """A row for each run of a spec: where, how far, what differs, what was found."""
    varied = differences([setting_of(run) for run in found])
    seeds = len({run.seed for run in found}) > 1
    out: list[dict[str, Cell]] = []
    for run, own in zip(found, varied, strict=True):
        steps = f"{run.steps}/{run.planned}" + (" failed" if run.state == "failed" else "")
        row: dict[str, Cell] = {"run": str(run.path), "steps": steps}
        if seeds:
            row["seed"] = run.seed
        out.append({**row, **own, **run.values})
    return out


def _lines(rows: Sequence[dict[str, Cell]]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([_cell(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: Cell) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


@click.command()
@click.argument("folders", metavar="GROUP...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--baseline", metavar="SETTING", help="Setting to which differences are; default the first.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with every digit.")
def compare(folders: tuple[Path, ...], baseline: str | None, as_json: bool, as_csv: bool) -> None:
    """Compare the settings of groups, or of several runs, over their seeds.

    Every number that a run reports, of its best outer step and of each arm of its final training: the mean over seeds
    with its 95 % t interval, and the difference to the baseline, paired by seed, with its own.

    \b
    Examples:
      drmadc compare runs/mnist_l2/latest
      drmadc compare runs/mnist_l2/latest --baseline l2=0.1
      drmadc compare runs/a runs/b --csv > comparison.csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv cannot be combined")
    found = [read_run(path) for folder in folders for path in _runs_in(folder)]
    _say_unreadable(found)
    try:
        compared = compare_runs([run for run in found if isinstance(run, RecordedRun)], baseline)
    except CannotCompare as error:
        raise click.UsageError(str(error)) from error
    show = json_text if as_json else csv_text if as_csv else text
    click.echo(show(compared), nl=False)
    if as_csv:
        for note in compared.notes:
            click.echo(note, err=True)


def _runs_in(folder: Path) -> list[Path]:
    """A run, the runs of a group in their order, or all runs below a folder."""
    if (folder / "run.json").is_file():
        return [folder]
    if not (folder / GROUP).is_file():
        return list(run_folders(folder))
    try:
        group = read_group(folder)
    except NotThisGroup:
        return list(run_folders(folder))
    return [path for path in map(group.folder, group.members) if path.is_dir()]
