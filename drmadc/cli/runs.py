"""Commands on run folders: `resume`, `plot`, `show`, `diff`, `export`."""

import difflib
import os
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drmadc.cli import console
from drmadc.cli.group import is_group, resume_group
from drmadc.cli.parameters import RunPath, RunPaths, StepChoice
from drmadc_common.atomic import write_whole
from drmadc_common.run_folder import About, Row, RunFiles

if TYPE_CHECKING:
    from drmadc.compiler.driver import Compilation
    from drmadc.ir.program import Program
    from drmadc_runtime.core.types import Arrays

FORMS = ("json", "npz", "csv", "optax", "torch", "model", "jax", "onnx", "safetensors")


run_argument = click.argument("run", type=RunPath())


@click.command(short_help="Resume an interrupted run, or a group of them.")
@click.argument("run", type=RunPath(group=True))
@click.option("--force", is_flag=True, help="Resume even if the spec or a package has changed.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Of a group: runs at the same time."
)
@console.device
@console.quiet
@console.as_json
@console.debug_nans
@console.services
def resume(
    run: Path,
    force: bool,
    jobs: int,
    device: str | None,
    quiet: bool,
    as_json: bool,
    debug_nans: bool,
    services: tuple[str, ...],
) -> None:
    """Resume an interrupted run; the result is bitwise the same as without the interruption.

    Fails if the spec, the compiler or a package has changed since, and shows what changed. A group goes on with the
    runs that it does not have yet, of the text that it was started with.

    \b
    Examples:
      drmadc resume runs/mnist_l2/latest
      drmadc resume runs/mnist_l2/latest --jobs 2
    """
    if is_group(str(run)):
        resume_group(run, jobs, console.Passed(quiet, as_json, debug_nans, services, device))
        return
    console.use_device(device)
    resume_run(run, force, quiet, as_json, debug_nans, services)


def resume_run(
    run: Path,
    force: bool,
    quiet: bool,
    as_json: bool,
    debug_nans: bool,
    services: tuple[str, ...],
    of_group: bool = False,
) -> None:
    """Resume a run, or end the process where something has changed since it was started.

    The text of a run `of_group` is the group's, whatever has become of the file.
    """
    from drmadc.compiler.load import load_module
    from drmadc.compiler.read import recompiled
    from drmadc_runtime.run.run import resume as resume_program

    files = RunFiles(run)
    about = files.about()
    name = about.name
    compilation = recompiled(about)
    text = files.text(f"{name}.py")
    changed = _changes(files, about, text, compilation.text, of_spec=not of_group)
    if changed and not force:
        click.echo("\n".join(changed), err=True)
        console.fail(console.FAILED, "changed since the run was started; resume anyway with --force")
    program = load_module(compilation.text, name)  # never the folder's module, which may be anybody's
    how = console.options(console.display(quiet, as_json), compilation, services, debug_nans)
    console.running(lambda: resume_program(program, run, how), compilation)


step_option = click.option(
    "--step", type=StepChoice(), default="best", show_default=True, help="Which outer step: best, last, or its number."
)


def step_number(run: Path, metrics: list[Row], step: str) -> int:
    """The number of an outer step that is recorded."""
    from drmadc_runtime.run.best import best_step

    if not metrics:
        console.fail(console.FAILED, f"{run}: no outer step is finished yet")
    if step in ("best", "last"):
        return best_step(metrics) if step == "best" else len(metrics) - 1
    if int(step) >= len(metrics):
        console.fail(console.FAILED, f"{run}: no outer step {step}; the last one is {len(metrics) - 1}")
    return int(step)


def hypers_at(run: Path, number: int, program: "Program | None") -> "Arrays":
    """The hyperparameters at which an outer step was measured; those of `program`, where it is known."""
    from drmadc_runtime.core.archives import read_arrays

    shapes = None if program is None else {hyper.name: hyper.shape for hyper in program.hypers}
    return read_arrays(RunFiles(run).hypers(number), shapes)


@click.command()
@run_argument
@step_option
def show(run: Path, step: str) -> None:
    """Show a run: its spec, progress and results.

    The best outer step is the one with the lowest objective on the guard split, or on valid where there is none.
    """
    from drmadc.compiler.read import recompiled

    files = RunFiles(run)
    about, metrics, environment = files.about(), files.steps(), files.environment()
    click.echo(f"{run}: {about.spec}, {len(metrics)} of {about.steps} outer steps")
    if metrics:
        from drmadc_runtime.run.best import judged_by

        number, best = step_number(run, metrics, step), step_number(run, metrics, "best")
        columns = {"start": 0, f"best ({best})": best, f"last ({len(metrics) - 1})": len(metrics) - 1}
        if number not in columns.values():
            columns[f"step {number}"] = number
        keys = [key for key in metrics[-1] if isinstance(metrics[-1][key], float)]
        width = max(map(len, keys), default=0)
        click.echo(f"best by {judged_by(metrics[0])}: outer step {best}")
        click.echo(f"\n{'':<{width}} " + " ".join(f"{head:>12}" for head in columns))
        for key in keys:
            click.echo(f"{key:<{width}} " + " ".join(f"{metrics[i].get(key, nan):>12.5g}" for i in columns.values()))
        for line in (*_confirmed(run, best), *_arms(run)):
            click.echo(line)
        click.echo(f"\n{f'at step {number}':<16} {'entries':>8} {'min':>12} {'mean':>12} {'max':>12}")
        program = recompiled(about).ir
        hypers = hypers_at(run, number, program)
        for name, x in hypers.items():
            click.echo(f"{name:<16} {x.size:>8} {x.min():>12.5g} {x.mean():>12.5g} {x.max():>12.5g}")
        for line in [] if program is None else _named(run, program, hypers):
            click.echo(line)
    click.echo()
    for key, value in environment.told.items():
        click.echo(f"{key}: {value}")


@click.command()
@click.argument("runs", type=RunPaths(), nargs=-1, required=True)
@click.option("--out", metavar="FILE", help="Output file; default report.html in the folder, or beside several.")
def plot(runs: tuple[tuple[Path, ...], ...], out: str | None) -> None:
    """Write a self-contained HTML report of a run, or of several, or of a folder of runs.

    Runs that differ only in their seed are drawn as one line with a band.

    \b
    Examples:
      drmadc plot runs/mnist_l2/latest
      drmadc plot runs/seed0 runs/seed1 runs/seed2 --out seeds.html
    """
    from drmadc.tools.report.document import report_page
    from drmadc.tools.report.records import NoPage

    paths = [path for found in runs for path in found]
    target = Path(out) if out is not None else Path(os.path.commonpath(paths)) / "report.html"
    try:
        write_whole(target, report_page(paths))
    except NoPage as error:
        console.fail(console.FAILED, str(error))
    except OSError as error:
        console.fail(console.FAILED, f"{error.filename or target} is not writable: {error.strerror}")
    click.echo(target)


@click.command(short_help="Export the results of a run.")
@run_argument
@click.option("--to", "form", type=click.Choice(FORMS), required=True, help="Export format.")
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="Output folder; default export in the run folder."
)
@step_option
def export(run: Path, form: str, out: Path | None, step: str) -> None:
    """Export the results of RUN for other programs, with a README on how to load them.

    json, npz, csv: hyperparameters by parameter path. optax, torch: the update rule with its schedules as an optimiser.
    model: a NumPy module with the trained model, its preprocessing included. jax, onnx: the same for jax.export, as
    ONNX. safetensors: its parameters.

    \b
    Examples:
      drmadc export runs/mnist_l2/latest --to npz
      drmadc export runs/mnist_schedule/latest --to optax --out mine
    """
    from drmadc.compiler.load import load_module
    from drmadc.naming.entries import entries_of
    from drmadc.tools.export.forms import export as export_form
    from drmadc.tools.export.forms import export_model, page
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.run.model import trained_model

    compilation = compiled_again(run)
    program = compilation.require()
    number = step_number(run, RunFiles(run).steps(), step)
    hypers = hypers_at(run, number, program)
    emitted = load_module(compilation.text, program.name)
    folder = run / "export" if out is None else out

    def files_of_form() -> dict[str, bytes]:
        if form in ("jax", "onnx") or (form == "model" and emitted.predict is not None):
            return export_model(trained_model(emitted, run, number, hypers), compilation.text, form)
        return export_form(entries_of(program, run), hypers, emitted, form)

    try:
        files = console.running(files_of_form, compilation)
    except (ValueError, DataError) as error:
        console.fail(console.FAILED, str(error))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_whole(folder / name, data)
            click.echo(folder / name)
        there = sorted(path.name for path in folder.iterdir())
        write_whole(folder / "README.md", page(program, there))
    except OSError as error:
        console.fail(console.FAILED, f"{folder} is not writable: {error.strerror}")


@click.command(short_help="Compare two runs.")
@click.argument("first", type=RunPath())
@click.argument("second", type=RunPath())
def diff(first: Path, second: Path) -> None:
    """Compare two runs: spec, versions, metrics, hyperparameters."""
    import numpy as np

    from drmadc_runtime.core.archives import read_arrays

    both = RunFiles(first), RunFiles(second)
    texts = [files.text(f"{files.about().name}.drm") for files in both]
    lines = _unified(texts[0], texts[1], str(first), str(second))
    click.echo("\n".join(lines) if lines else "specs: identical")
    click.echo("\n".join(_versions(*(files.environment().versions for files in both))) or "versions: identical")
    a, b = (files.steps() for files in both)
    if a and b:
        keys = [key for key in a[-1] if key in b[-1] and isinstance(a[-1][key], float)]
        width = max(map(len, keys), default=4)
        click.echo(f"\n{'last':<{width}} {'first run':>12} {'second run':>12}")
        for key in keys:
            click.echo(f"{key:<{width}} {a[-1][key]:>12.5g} {b[-1][key]:>12.5g}")
        same = sum(_untimed(x) == _untimed(y) for x, y in zip(a, b, strict=False))
        click.echo(f"\n{same} of {max(len(a), len(b))} outer steps are bitwise equal")
    paths = [run / "hypers.npz" for run in (first, second)]
    if not all(path.exists() for path in paths):
        return
    left, right = map(read_arrays, paths)
    for name in sorted({*left, *right}):
        if name not in left or name not in right or left[name].shape != right[name].shape:
            click.echo(f"{name}: not in both runs, or of different shapes")
            continue
        size = float(np.linalg.norm(left[name])) or 1.0
        away = float(np.linalg.norm(left[name] - right[name])) / size
        click.echo(f"{name}: relative difference {away:.3g}")


def _named(run: Path, program: "Program", hypers: "Arrays") -> list[str]:
    """Hyperparameters whose entries have names, the lowest first."""
    from drmadc.naming.entries import entries_of
    from drmadc.naming.listing import listed, padded

    lines: list[str] = []
    for name, rows in listed(entries_of(program, run), hypers).items():
        lines += ["", f"{name}, by value:", *(f"  {line}" for line in padded(rows))]
    return lines


def _arms(run: Path) -> list[str]:
    """What the arms of the final training report, where there is one."""
    from drmadc.tools.comparison.table import aligned

    arms = RunFiles(run).arms()
    if not any(arms.values()):
        return []
    keys = list(dict.fromkeys(key for reports in arms.values() for key in reports))
    rows = [("", *keys)]
    rows += [(arm, *(f"{reports[key]:.5g}" if key in reports else "" for key in keys)) for arm, reports in arms.items()]
    return ["", "final training:", *aligned(rows)]


def _confirmed(run: Path, best: int) -> list[str]:
    """What fresh draws said of start and best, where the run has asked for it."""
    from drmadc_runtime.run.confirm import read_confirmed, verdict

    found = read_confirmed(run)
    if not found:
        return []
    width = max(len(key) for key in found)
    rows = [
        f"{key:<{width}} {sum(row.start) / len(row.start):>12.5g} {sum(row.best) / len(row.best):>12.5g} "
        f"{row.difference:>+12.3g} ± {row.spread:.2g}"
        for key, row in found.items()
    ]
    draws = len(next(iter(found.values())).start)
    head = f"{'':<{width}} {'start':>12} {'best':>12} {'difference':>12}"
    return ["", f"trained again on {draws} fresh draws, mean and standard error:", head, *rows, verdict(found, best)]


def compiled_again(run: Path) -> "Compilation":
    """The run's spec, compiled again."""
    from drmadc.compiler.read import recompiled

    compilation = recompiled(RunFiles(run).about())
    if not compilation.ok:
        console.show(compilation.diagnostics, "text")
        console.fail(console.WRONG_SPEC, "this version of drmadc cannot read the run's spec")
    return compilation


def _untimed(record: Row) -> Row:
    return {key: value for key, value in record.items() if key != "seconds"}


def _versions(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [f"{key}: {then.get(key)} -> {now.get(key)}" for key in {**then, **now} if then.get(key) != now.get(key)]


def _unified(a: str, b: str, first: str, second: str) -> list[str]:
    return [
        line.rstrip("\n") for line in difflib.unified_diff(a.splitlines(), b.splitlines(), first, second, "", "", 2, "")
    ]


def _changes(files: RunFiles, about: About, text: str, emitted: str, of_spec: bool) -> list[str]:
    """What is not as it was: the files `of_spec`, what the compiler makes of it, packages and devices."""
    from drmadc.compiler.source_files import read_source
    from drmadc_runtime.core.versions import environment

    out: list[str] = []
    for path, then in {about.spec: about.source, **about.imports}.items():
        if of_spec and Path(path).is_file():
            out += _unified(then, read_source(Path(path)).text, f"{path} (then)", f"{path} (now)")
    if not out and emitted != text:
        out += _unified(text, emitted, f"{files.path / about.name}.py (then)", "emitted now")
    before, now = files.environment().versions, environment().versions
    if "threads" not in before:  # folders of earlier versions do not say
        now.pop("threads", None)
    return out + _versions(before, now)
