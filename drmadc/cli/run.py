"""`run`: one spec, a folder of them, or one with several settings and seeds; and `member`, a run of such a group."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from drmadc.cli import console
from drmadc.cli.group import Chosen, is_group, start
from drmadc.cli.runs import resume_run
from drmadc.tools.comparison.recorded import SEED
from drmadc.tools.comparison.settings import NotASetting, alternatives, combinations
from drmadc_common.run_folder import About


@dataclass(frozen=True)
class _Options:
    """How `run` runs each spec."""

    quiet: bool
    as_json: bool
    checked: bool
    debug_nans: bool
    services: tuple[str, ...]
    error_format: str


@click.command(short_help="Tune the hyperparameters of a spec, or a folder of them.")
@console.spec
@console.overrides
@click.option("--out", metavar="DIR", help="Run folder; default runs/NAME/TIME-HASH.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of every random draw; same as train.seed=N.")
@click.option("--seeds", type=click.IntRange(min=1), help="Run with so many seeds, from --seed on.")
@click.option("--set", "sets", metavar="NAME=A,B", multiple=True, help="Run with each of these values.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at the same time.")
@console.device
@console.quiet
@console.as_json
@click.option("--check", "checked", is_flag=True, help="Compare with the spec's expectations; exit 5 if one fails.")
@click.option("--offline", is_flag=True, help="Never download data; fail instead.")
@console.debug_nans
@console.services
@console.error_format
def run(
    spec: Path,
    overrides: tuple[str, ...],
    out: str | None,
    seed: int | None,
    seeds: int | None,
    sets: tuple[str, ...],
    jobs: int,
    device: str | None,
    quiet: bool,
    as_json: bool,
    checked: bool,
    offline: bool,
    debug_nans: bool,
    services: tuple[str, ...],
    error_format: str,
) -> None:
    """Tune the hyperparameters of SPEC, or of every spec in a folder.

    OVERRIDES replace settings by expressions of the language, checked like those of the file. With --seeds, or --set
    and several values, every combination runs in a process of its own; all of them are in one folder, a group, which
    `drmadc resume` goes on with and `drmadc compare` compares.

    \b
    Examples:
      drmadc run specs/mnist_l2.drm
      drmadc run specs/mnist_l2.drm train.steps=500 l2=0.001 --out runs/short
      drmadc run specs/mnist_l2.drm --seeds 5 --set l2=0.01,0.1 --jobs 2
      drmadc run specs/mnist_l2.drm --set 'train.update=sgd(rate: 0.1),adam(rate: 0.01)'
      drmadc run specs/mnist_l2.drm --json | jq 'select(.event == "step") | .objective'
      drmadc run specs/checks --check
    """
    if offline:
        os.environ["DRMADC_OFFLINE"] = "1"
    try:
        settings = combinations(alternatives(text) for text in sets)
    except NotASetting as error:
        raise click.UsageError(str(error)) from error
    if len(settings) > 1 or (seeds or 1) > 1 or is_group(out):
        if spec.is_dir() or checked:
            raise click.UsageError("--seeds and --set take one spec, without --check")
        chosen = Chosen(overrides, settings, seed, seeds or 1)
        start(spec, chosen, out, jobs, console.Passed(quiet, as_json, debug_nans, services, device), error_format)
        return
    console.use_device(device)
    overrides = (*overrides, *settings[0], *(() if seed is None else (f"{SEED}={seed}",)))
    options = _Options(quiet, as_json, checked, debug_nans, services, error_format)
    if spec.is_dir():
        _run_folder(spec, overrides, out, options)
    elif code := _run_one(spec, overrides, out, options):
        sys.exit(code)


def _run_folder(spec: Path, overrides: tuple[str, ...], out: str | None, options: _Options) -> None:
    """Run every spec in a folder; a failed one does not keep the others from running."""
    paths = sorted(spec.rglob("*.drm"))
    if not paths:
        raise click.UsageError(f"{spec} contains no .drm files")
    codes: dict[Path, int] = {}
    for path in paths:
        if not options.as_json:
            click.echo(f"== {path}")
        folder = None if out is None else str(Path(out) / path.relative_to(spec).with_suffix(""))
        try:
            codes[path] = _run_one(path, overrides, folder, options)
        except SystemExit as stopped:
            codes[path] = int(stopped.code or 0)
        if not options.as_json:
            click.echo()
    words = {
        console.OK: "done",
        console.WRONG_SPEC: "invalid spec",
        console.FAILED: "failed",
        console.UNEXPECTED: "not as expected",
    }
    for path, code in codes.items():
        click.echo(f"{words.get(code, f'exit code {code}'):<18} {path}", err=options.as_json)
    if any(codes.values()):
        sys.exit(max(codes.values()))


def _run_one(spec: Path, overrides: tuple[str, ...], out: str | None, options: _Options) -> int:
    """Run one spec; OK, or UNEXPECTED where it is checked and an expectation does not hold."""
    compilation = console.compile_spec(spec, overrides, options.error_format)
    console.show(compilation.diagnostics, options.error_format)
    shown = console.display(options.quiet, options.as_json)
    from drmadc.compiler.load import load_module
    from drmadc.compiler.read import run_texts
    from drmadc_runtime.run.expectations import outcomes
    from drmadc_runtime.run.run import run as run_program

    program = load_module(compilation.text, compilation.require().name)
    texts = run_texts(compilation)
    how = console.options(shown, compilation, options.services, options.debug_nans)
    try:
        done = console.running(lambda: run_program(program, texts, out, how), compilation)
    except FileExistsError as error:
        raise click.UsageError(f"{error}; choose another --out") from error
    if not options.checked:
        return console.OK
    found = outcomes(program, done.metrics, done.arms, done.sweep)
    if not found:
        shown.info("the spec has no expectations; add for example `expect last(objective) < 0.5` to `report`")
    for outcome in found:
        shown.outcome(outcome)
    return console.OK if all(outcome.holds for outcome in found) else console.UNEXPECTED


@click.command(hidden=True)
@click.argument("group", type=click.Path(path_type=Path))
@click.argument("name")
@console.device
@console.quiet
@console.as_json
@console.debug_nans
@console.services
def member(
    group: Path,
    name: str,
    device: str | None,
    quiet: bool,
    as_json: bool,
    debug_nans: bool,
    services: tuple[str, ...],
) -> None:
    """Run the member NAME of GROUP, or resume it: what a group does in a process of its own."""
    from drmadc.compiler.load import load_module
    from drmadc.compiler.read import recompiled, run_texts
    from drmadc.tools.comparison.group import read_group
    from drmadc_runtime.run.run import run as run_program

    console.use_device(device)
    found = read_group(group)
    mine = found.member(name)
    if found.standing(mine) == "begun":
        resume_run(found.folder(mine), False, quiet, as_json, debug_nans, services, of_group=True)
        return
    found.clear(mine)
    compilation = recompiled(About("", found.spec, found.source, mine.overrides, imports=found.imports))
    if not compilation.ok:
        console.show(compilation.diagnostics, "text")
        sys.exit(console.WRONG_SPEC)
    program = load_module(compilation.text, compilation.require().name)
    how = console.options(console.display(quiet, as_json), compilation, services, debug_nans)
    texts = run_texts(compilation)
    console.running(lambda: run_program(program, texts, str(found.folder(mine)), how), compilation)
