"""Commands on run folders: `resume`, `plot`, `show`, `diff`, `export`."""

import difflib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drmadc.cli import console
from drmadc.cli.group import is_group, resume_group
from drmadc.cli.parameters import RunPath, RunPaths, StepChoice
from drmadc_common.atomic import write_whole

if TYPE_CHECKING:
    from drmadc.compiler.driver import Compilation
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

    about = about_run(run)
    name = str(about["name"])
    compilation = recompiled(about)
    text = text_of(run / f"{name}.py")
    changed = _changes(run, about, name, text, compilation.text, files=not of_group)
    if changed and not force:
        click.echo("\n".join(changed), err=True)
        console.fail(console.FAILED, "changed since the run was started; resume anyway with --force")
    program = load_module(compilation.text, name)  # never the folder's module, which may be anybody's
    how = console.options(console.display(quiet, as_json), compilation, services, debug_nans)
    console.running(lambda: resume_program(program, run, how), compilation)


step_option = click.option(
    "--step", type=StepChoice(), default="best", show_default=True, help="Which outer step: best, last, or its number."
)


def step_number(run: Path, metrics: list[dict[str, Any]], step: str) -> int:
    """The number of an outer step that is recorded."""
    from drmadc_runtime.run.best import best_step

    if not metrics:
        console.fail(console.FAILED, f"{run}: no outer step is finished yet")
    if step in ("best", "last"):
        return best_step(metrics) if step == "best" else len(metrics) - 1
    if int(step) >= len(metrics):
        console.fail(console.FAILED, f"{run}: no outer step {step}; the last one is {len(metrics) - 1}")
    return int(step)


def hypers_at(run: Path, number: int) -> "Arrays":
    """The hyperparameters at which an outer step was measured."""
    import numpy as np

    path = run / "hypers" / f"{number:05d}.npz"
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        console.fail(console.FAILED, f"{path} cannot be read: {error}")


@click.command()
@run_argument
@step_option
def show(run: Path, step: str) -> None:
    """Show a run: its spec, progress and results.

    The best outer step is the one with the lowest objective on the guard split, or on valid where there is none.
    """
    about, metrics = about_run(run), metrics_of(run)
    click.echo(f"{run}: {about['spec']}, {len(metrics)} of {about['steps']} outer steps")
    if metrics:
        from drmadc_runtime.run.best import judged_by

        number, best = step_number(run, metrics, step), step_number(run, metrics, "best")
        columns = {"start": 0, f"best ({best})": best, f"last ({len(metrics) - 1})": len(metrics) - 1}
        if number not in columns.values():
            columns[f"step {number}"] = number
        keys = [key for key in metrics[-1] if isinstance(metrics[-1][key], float)]
        width = max(len(key) for key in keys)
        click.echo(f"best by {judged_by(metrics[0])}: outer step {best}")
        click.echo(f"\n{'':<{width}} " + " ".join(f"{head:>12}" for head in columns))
        for key in keys:
            click.echo(f"{key:<{width}} " + " ".join(f"{metrics[i][key]:>12.5g}" for i in columns.values()))
        for line in (*_confirmed(run, best), *_arms(run)):
            click.echo(line)
        click.echo(f"\n{f'at step {number}':<16} {'entries':>8} {'min':>12} {'mean':>12} {'max':>12}")
        for name, x in hypers_at(run, number).items():
            click.echo(f"{name:<16} {x.size:>8} {x.min():>12.5g} {x.mean():>12.5g} {x.max():>12.5g}")
        for line in _named(run, hypers_at(run, number)):
            click.echo(line)
    click.echo()
    for key, value in _environment(run).items():
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
    number = step_number(run, metrics_of(run), step)
    hypers = hypers_at(run, number)
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

    texts = [text_of(run / f"{about_run(run)['name']}.drm") for run in (first, second)]
    lines = _unified(texts[0], texts[1], str(first), str(second))
    click.echo("\n".join(lines) if lines else "specs: identical")
    click.echo("\n".join(_versions(_environment(first), _environment(second))) or "versions: identical")
    a, b = metrics_of(first), metrics_of(second)
    if a and b:
        keys = [key for key in a[-1] if key in b[-1] and isinstance(a[-1][key], float)]
        width = max(len(key) for key in keys)
        click.echo(f"\n{'last':<{width}} {'first run':>12} {'second run':>12}")
        for key in keys:
            click.echo(f"{key:<{width}} {a[-1][key]:>12.5g} {b[-1][key]:>12.5g}")
        same = sum(_untimed(x) == _untimed(y) for x, y in zip(a, b, strict=False))
        click.echo(f"\n{same} of {max(len(a), len(b))} outer steps are bitwise equal")
    if (first / "hypers.npz").exists() and (second / "hypers.npz").exists():
        with np.load(first / "hypers.npz") as left, np.load(second / "hypers.npz") as right:
            for name in sorted({*left.files, *right.files}):
                if name not in left.files or name not in right.files or left[name].shape != right[name].shape:
                    click.echo(f"{name}: not in both runs, or of different shapes")
                    continue
                size = float(np.linalg.norm(left[name])) or 1.0
                away = float(np.linalg.norm(left[name] - right[name])) / size
                click.echo(f"{name}: relative difference {away:.3g}")


def _named(run: Path, hypers: "Arrays") -> list[str]:
    """Hyperparameters whose entries have names, the lowest first; nothing where the spec no longer compiles."""
    from drmadc.compiler.read import recompiled
    from drmadc.naming.entries import entries_of
    from drmadc.naming.listing import listed, padded

    about = about_run(run)
    compilation = recompiled(about)
    if compilation.ir is None:
        return []
    try:
        tables = listed(entries_of(compilation.ir, run), hypers)
    except ValueError as error:
        console.fail(console.FAILED, str(error))
    lines: list[str] = []
    for name, rows in tables.items():
        lines += ["", f"{name}, by value:", *(f"  {line}" for line in padded(rows))]
    return lines


def _arms(run: Path) -> list[str]:
    """What the arms of the final training report, where there is one."""
    from drmadc.tools.comparison.recorded import RecordedRun, read_run
    from drmadc.tools.comparison.table import aligned

    found = read_run(run)
    if not isinstance(found, RecordedRun) or not any(found.arms.values()):
        return []
    keys = list(dict.fromkeys(key for reports in found.arms.values() for key in reports))
    rows = [("", *keys)]
    rows += [
        (arm, *(f"{reports[key]:.5g}" if key in reports else "" for key in keys)) for arm, reports in found.arms.items()
    ]
    return ["", "final training:", *aligned(rows)]


def _confirmed(run: Path, best: int) -> list[str]:
    """What fresh draws said of start and best, where the run has asked for it."""
    from drmadc_runtime.run.confirm import read_confirmed, verdict

    try:
        found = read_confirmed(run)
    except ValueError as error:
        console.fail(console.FAILED, str(error))
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

    about = about_run(run)
    compilation = recompiled(about)
    if not compilation.ok:
        console.show(compilation.diagnostics, "text")
        console.fail(console.WRONG_SPEC, "this version of drmadc cannot read the run's spec")
    return compilation


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        console.fail(console.FAILED, f"cannot read {path}: {error.strerror}")


def about_run(run: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(text_of(run / "run.json"))
    except ValueError:
        console.fail(console.FAILED, f"{run / 'run.json'} is corrupt")
    return about


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """The records of outer steps, each with its seconds."""
    lines = [_lines(run / name) for name in ("metrics.jsonl", "seconds.jsonl")]
    return [{**record, **seconds} for record, seconds in zip(*lines, strict=False)]


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in text_of(path).splitlines()]
    except ValueError:
        console.fail(console.FAILED, f"{path} is corrupt")


def _untimed(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "seconds"}


def _environment(run: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(text_of(run / "environment.json"))
    packages = about.pop("packages", {})
    return {**about, **packages}


def _versions(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [f"{key}: {then.get(key)} -> {now.get(key)}" for key in {**then, **now} if then.get(key) != now.get(key)]


def _unified(a: str, b: str, first: str, second: str) -> list[str]:
    return [
        line.rstrip("\n") for line in difflib.unified_diff(a.splitlines(), b.splitlines(), first, second, "", "", 2, "")
    ]


def _changes(run: Path, about: dict[str, Any], name: str, text: str, emitted: str, files: bool) -> list[str]:
    """What is not as it was: the spec's `files`, what the compiler makes of it, packages and devices."""
    from drmadc.compiler.source_files import read_source
    from drmadc_runtime.core.versions import environment

    out: list[str] = []
    for path, then in {about["spec"]: about["source"], **about.get("imports", {})}.items():
        if files and Path(path).is_file():
            out += _unified(str(then), read_source(Path(path)).text, f"{path} (then)", f"{path} (now)")
    if not out and emitted != text:
        out += _unified(text, emitted, f"{run / name}.py (then)", "emitted now")
    now: dict[str, Any] = dict(environment())
    packages = now.pop("packages")
    assert isinstance(packages, dict)
    then = _environment(run)
    then.pop("git", None)
    return out + _versions(then, {**now, **packages})
