"""Groups of runs: what `run --seeds --set` starts and `resume` goes on with, each run in a process of its own."""

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from drmadc.cli import console
from drmadc.tools.comparison.comparison import CannotCompare, compare
from drmadc.tools.comparison.group import GROUP, Group, Member, NotThisGroup, joined, members_of, read_group
from drmadc.tools.comparison.jobs import Job, run_jobs
from drmadc.tools.comparison.recorded import SEED, RecordedRun, read_run
from drmadc.tools.comparison.table import text


@dataclass(frozen=True)
class Chosen:
    """What a group is to run.

    Attributes:
        overrides: of all runs.
        settings: further ones, a combination for each setting.
        seed: the first of the seeds; None for the spec's own.
        seeds: how many.
    """

    overrides: tuple[str, ...]
    settings: tuple[tuple[str, ...], ...]
    seed: int | None
    seeds: int


def is_group(path: str | None) -> bool:
    """Whether a folder holds a group of runs."""
    return path is not None and (Path(path) / GROUP).is_file()


def start(spec: Path, chosen: Chosen, out: str | None, jobs: int, passed: console.Passed, error_format: str) -> None:
    """Start a group, or add to the one in `out`; a mistake in any of its settings ends this before the first run."""
    from drmadc.compiler.driver import compile_source

    source = console.read(spec, error_format)
    seed = () if chosen.seed is None else (f"{SEED}={chosen.seed}",)
    first, imports = None, {}
    for setting in chosen.settings:
        compilation = compile_source(source, (*chosen.overrides, *setting, *seed))
        if not compilation.ok or first is None:
            console.show(compilation.diagnostics, error_format)
        if not compilation.ok:
            sys.exit(console.WRONG_SPEC)
        first = first or compilation.require()
        imports = {file.name: file.text for file in compilation.imports}
    assert first is not None
    seeds = range(first.seed, first.seed + chosen.seeds) if chosen.seeds > 1 or seed else ()
    common = tuple(given for given in chosen.overrides if not seeds or given.partition("=")[0].strip() != SEED)
    members = members_of(common, chosen.settings, seeds)
    try:
        if out is None:
            from drmadc_runtime.run.folder import free_folder

            path = free_folder(first.name, source.text)
        else:
            path = Path(out)
        group = joined(path, source.name, source.text, members, imports)
        path.mkdir(parents=True, exist_ok=True)
        group.write()
    except NotThisGroup as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        console.fail(console.FAILED, f"run failed: {error}")
    go_on(group, jobs, passed)


def resume_group(path: Path, jobs: int, passed: console.Passed) -> None:
    """Run what a group does not have yet."""
    try:
        go_on(read_group(path), jobs, passed)
    except NotThisGroup as error:
        console.fail(console.FAILED, str(error))


def go_on(group: Group, jobs: int, passed: console.Passed) -> None:
    """Run the members that are not done, and compare all; exit code FAILED where one of them failed."""
    from filelock import FileLock, Timeout

    lock = FileLock(group.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.fail(console.FAILED, f"another process is running {group.path}")
    try:
        signal = _run_missing(group, jobs, passed)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
    missing = [member.name for member in group.members if group.standing(member) != "done"]
    done = f"{len(group.members) - len(missing)} of {len(group.members)} runs done"
    if signal:
        console.fail(128 + signal, f"interrupted: {done}; resume with: drmadc resume {group.path}")
    if not passed.quiet and not passed.as_json:
        _compared(group)
    if missing:
        console.fail(console.FAILED, f"{group.path}: {done}; failed: {', '.join(missing)}")
    if not passed.quiet and not passed.as_json:
        click.echo(f"{group.path}: {done}; compare again with: drmadc compare {group.path}")


def _run_missing(group: Group, jobs: int, passed: console.Passed) -> int:
    """Run the members that are not done; the signal that stopped it, or 0."""
    waiting = [member for member in group.members if group.standing(member) != "done"]
    names = {member.name: member for member in waiting}
    finished = len(group.members) - len(waiting)

    def told(event: str, line: str, **fields: object) -> None:
        if passed.as_json:
            click.echo(json.dumps({"event": event, **fields}))
        elif not passed.quiet:
            click.echo(line)

    def begun(job: Job) -> None:
        told("run", f"== {job.name}", name=job.name, path=str(group.path / job.name))

    def ended(job: Job, code: int) -> None:
        nonlocal finished
        finished += 1
        member = names[job.name]
        outcome = _outcome(group, member, code)
        state = "done" if code == 0 else "failed" if code not in (130, 143) else "interrupted"
        if state == "failed" and not passed.as_json:
            click.echo(f"{job.name}: {outcome}", err=True)
        else:
            told("ended", f"{job.name}: {outcome} ({finished} of {len(group.members)})", name=job.name, state=state)

    at_once = min(jobs, len(waiting))
    told(
        "group",
        f"{group.path}: {len(group.members)} runs of {group.spec}, {finished} done, {at_once} at a time",
        path=str(group.path),
        runs=[member.name for member in group.members],
        done=finished,
    )
    environment = dict(os.environ)
    if jobs > 1:  # a GPU's memory is taken as it is needed, not most of it by the first
        environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    command = (sys.executable, "-m", "drmadc", "member", str(group.path))
    work = [
        Job(member.name, (*command, member.name, *passed.words), group.log(member) if jobs > 1 else None)
        for member in waiting
    ]
    sys.stdout.flush()
    return run_jobs(work, jobs, environment, begun, ended)


def _outcome(group: Group, member: Member, code: int) -> str:
    """What became of a run, in a few words."""
    if code in (130, 143):
        return "interrupted"
    if code:
        return f"failed: {_reason(group, member, code)}"
    run = read_run(group.folder(member))
    if not isinstance(run, RecordedRun) or run.best is None:
        return "done"
    values = ", ".join(f"{key} {x:.4g}" for key, x in run.values.items())
    return f"done, best step {run.best}: {values}"


def _reason(group: Group, member: Member, code: int) -> str:
    """Why a run has failed: what it said last, or which signal has ended it."""
    if code < 0:
        return f"killed by signal {-code}"
    for path in (group.folder(member) / "failure.txt", group.log(member)):
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
        if lines:
            return lines[0] if path.name == "failure.txt" else lines[-1]
    return f"exit code {code}"


def _compared(group: Group) -> None:
    """The comparison of what is done, where there is one."""
    found = [read_run(group.folder(member)) for member in group.members if group.standing(member) == "done"]
    with suppress(CannotCompare):
        click.echo(f"\n{text(compare([run for run in found if isinstance(run, RecordedRun)]))}")
