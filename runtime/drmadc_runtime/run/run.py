"""One run from start to end: outer loop, table, run folder."""

from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from drmadc_common.amounts import count_text
from drmadc_common.run_folder import DamagedRun, json_line, json_text
from drmadc_runtime.core.archives import zipped
from drmadc_runtime.core.types import ArrayLike, Arrays, Values
from drmadc_runtime.data.names import Columns
from drmadc_runtime.execution.progress import Watcher, interval
from drmadc_runtime.program.compiling import Compiled
from drmadc_runtime.program.contract import Program, Retraining
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.failure import NotFinite
from drmadc_runtime.program.pictures import pictures
from drmadc_runtime.program.training_runs import retrain
from drmadc_runtime.run.best import best_step, stalled
from drmadc_runtime.run.confirm import CONFIRMED, Comparison, confirm, verdict
from drmadc_runtime.run.folder import Records, RunFolder
from drmadc_runtime.run.model import Model, trained_model
from drmadc_runtime.run.names import keep_names
from drmadc_runtime.run.reporting.costs import COSTS, costs
from drmadc_runtime.run.reporting.forecast import Cost, Forecast, forecast
from drmadc_runtime.run.reporting.loggers import LogFile, Service, Several, log_to, require
from drmadc_runtime.run.reporting.plain import WINDOW, Display, Progress
from drmadc_runtime.run.signals import Stopped, asked_to_stop
from drmadc_runtime.search.base import Record, Searcher, SearchState, Trial
from drmadc_runtime.search.checkpoint import Checkpoint
from drmadc_runtime.search.grid import axes_of, size_of
from drmadc_runtime.search.outer_loop import search
from drmadc_runtime.search.searchers import searcher_of

LONG = 5.0
FAILURE, RESULT = "failure.txt", "result.json"


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: the run folder.
        metrics: a record for each outer step.
        hypers: of the best outer step, in their own domains.
        arms: reports of the final training, by arm.
        sweep: a record for each point of the sweep.
        best: the number of the best outer step; None without one.
        confirmed: start against best on fresh draws, by key: objective and reports.
        program: what was run.
        naming: a hyperparameter and its values -> `named`; given by who knows the spec.
    """

    path: Path
    metrics: list[Record]
    hypers: Arrays
    arms: dict[str, dict[str, float]]
    sweep: list[Record]
    best: int | None = None
    confirmed: Mapping[str, Comparison] = field(default_factory=dict)
    program: Program | None = None
    naming: Callable[[str, ArrayLike], Columns] | None = None

    def named(self, name: str) -> Columns:
        """A hyperparameter of the best outer step with what each entry belongs to; `pandas.DataFrame` takes it.

        Returns:
            Columns [entries] in the order of the flattened array. Of a hyperparameter over examples: `row` in the
            source, counted from 0, `label`, and `class` where classes have names. Of other axes: `layer`, `parameter`,
            `in_unit`, `step`, `task` and the like, with a `name` where an entry has one. Last, `value`.

        Raises:
            KeyError: the program has no such hyperparameter.
        """
        assert self.naming is not None
        return self.naming(name, self.hypers[name])

    def model(self) -> Model:
        """The model trained once more with `hypers`, as a function of raw fields by name; kept in the run folder.

        Raises:
            NoPrediction: the objective is not the loss of one model's output.
        """
        assert self.program is not None
        return trained_model(self.program, self.path, self.best or 0, self.hypers)

    def _repr_html_(self) -> str:
        """What a notebook shows: what was recorded, hyperparameters, a figure of the objective, and pictures."""
        from drmadc_runtime.run.reporting.figures import line, series

        keys = [key for key in self.metrics[-1] if isinstance(self.metrics[-1][key], float)] if self.metrics else []
        recorded = [[key, *(f"{row[key]:.5g}" for row in (self.metrics[0], self.metrics[-1]))] for key in keys]
        found = [
            [name, f"{x.size:,}", *(f"{f(x):.5g}" for f in (np.min, np.mean, np.max))]
            for name, x in self.hypers.items()
        ]
        pictures = [path.read_bytes() for path in sorted(self.path.glob("*.png"))]
        if self.metrics:
            pictures.insert(0, series([line(self.metrics, "objective", self.best)], "objective"))
        images = (f'<img src="data:image/png;base64,{b64encode(png).decode()}">' for png in pictures)
        return (
            f"<p>{escape(str(self.path))}: {count_text(len(self.metrics), 'outer step')}</p>"
            + _table(["", "first", "last"], recorded)
            + _table(["hyperparameter", "entries", "min", "mean", "max"], found)
            + "".join(images)
        )


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Rows as a table of HTML."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


@dataclass(frozen=True)
class Options:
    """How a run is watched.

    `shown` is who is told, by default nobody but of warnings; `cost` what the compiler predicts, for the first line;
    `services` are told too. With `debug_nans`, where a run ceases to be finite, the first operation that did is looked
    for, which takes long.
    """

    shown: Display | None = None
    cost: Cost | None = None
    services: tuple[Service, ...] = ()
    debug_nans: bool = False

    def displays(self, folder: RunFolder) -> Several:
        """Everybody who is told of the run in a folder."""
        others = (log_to(service, folder.path) for service in self.services)
        return Several(self.shown or Display(quiet=True), LogFile(lambda line: folder.append("log.txt", line)), *others)


def run(program: Program, texts: Mapping[str, str], out: str | None, options: Options | None = None) -> Run:
    """Run a program and record it.

    Args:
        program: what an emitted module gives.
        texts: files to put into the run folder, such as the resolved spec and the module's text.
        out: the run folder, or None for runs/NAME/TIME-HASH.
        options: who is told, and what is looked for.

    Raises:
        MissingPackage: a service's package is not installed.
        NotFinite: a NaN or an infinity stopped the run; what was done is in the folder.
        Stopped: Ctrl-C or SIGTERM; `resume` goes on.
        FileExistsError: `out` is there already.
    """
    options = options or Options()
    require(options.services)
    if program.data is not None:
        program.data.fetch((options.shown or Display(quiet=True)).info)
    folder = RunFolder.create(program.name, out, "".join(texts.values()))
    try:
        display = options.displays(folder)
        executor = Executor(program, debug_nans=options.debug_nans)
        hypers = _arrays(executor.initial_hypers())
        folder.write_start(texts)
        found = forecast(executor, hypers, options.cost, timed=not display.quiet)
        display.begin(found)
        display.folder(folder.path)
        if program.fit is not None:
            (data,) = executor.data(0)
            statistics = {name: np.asarray(x) for name, x in data["statistics"].items()}
            folder.write("statistics.npz", zipped(statistics))
        keep_names(program, folder)
        executor = _watching(executor, found, display)
        searcher = searcher_of(executor, hypers)
        folder.save(Checkpoint(searcher.state()))
        return _search(executor, searcher, Records(), folder, display, found)
    finally:
        folder.close()


def resume(program: Program, path: Path, options: Options | None = None) -> Run:
    """Resume an interrupted run; the result is bitwise the same as without the interruption.

    Args:
        program: of the emitted module that the run folder holds.
        path: the run folder.
        options: who is told, and what is looked for.

    Raises:
        DamagedRun: a file of the folder is missing or damaged, so that there is nothing to go on from.
        BlockingIOError: another process is at work in the folder.
    """
    options = options or Options()
    require(options.services)
    folder = RunFolder(path)
    try:
        checkpoint, records = folder.restore()
        display = options.displays(folder)
        executor = Executor(program, debug_nans=options.debug_nans)
        hypers = _arrays(executor.initial_hypers())
        found = forecast(executor, hypers, options.cost, timed=not display.quiet)
        display.begin(found)
        display.folder(path)
        display.info(f"{count_text(checkpoint.steps, 'outer step')} of {program.outer_steps} done")
        executor = _watching(executor, found, display)
        searcher = searcher_of(executor, hypers)
        try:
            searcher.restore(checkpoint.state)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise DamagedRun(path / "checkpoint.npz", "it is of another program", "start the run again") from error
        return _search(executor, searcher, records, folder, display, found)
    finally:
        folder.close()


def _arrays(hypers: Values) -> Arrays:
    return {name: np.asarray(value) for name, value in hypers.items()}


def _watching(executor: Executor, found: Forecast, display: Display) -> Executor:
    """An executor that tells of progress inside training, where somebody looks and an outer step takes long."""
    if not display.alive or found.pace is None or found.seconds is None or found.seconds < LONG:
        return executor
    watch = Watcher(min(found.steps, interval(found.pace)), display.report)
    return Executor(executor.program, watch, debug_nans=executor.debug_nans)


def _search(
    executor: Executor,
    searcher: Searcher,
    records: Records,
    folder: RunFolder,
    display: Display,
    found: Forecast,
) -> Run:
    """The outer loop from where its searcher stands, and what comes after it."""
    program = executor.program
    recent: deque[Trial] = deque(maxlen=2 * WINDOW)
    axes = axes_of(executor)

    told: list[Compiled] = []

    def account() -> None:
        seconds = [record["seconds"] for record in records.steps]
        folder.write(COSTS, json_text(costs(found, executor.compiled, seconds)))

    def save(trials: tuple[Trial, ...], state: SearchState) -> None:
        if executor.compiled is not None and not told:
            told.append(executor.compiled)
            display.compiled(executor.compiled)
            account()
        for trial in trials:
            folder.add(trial)
            records.add(trial)
            if not trial.at and best_step(records.steps) == trial.number:
                folder.take_home(trial.number)
        folder.save(Checkpoint(state, len(records.steps), len(records.points)))
        if asked.number and not trials:
            raise Stopped(folder.path, asked.number, len(records.steps))

    with (
        _failure_kept(folder),
        asked_to_stop() as asked,
        display.running(
            Progress(len(records.points), size_of(axes)), Progress(len(records.steps), program.outer_steps)
        ),
    ):
        _draw_sweep(axes, records, folder, display)
        trials = () if stalled(records.steps, program.patience) else search(executor, searcher, save)
        for trial in trials:
            if trial.at:
                display.sweep(trial)
                _draw_sweep(axes, records, folder, display)
            else:
                display.step(trial)
                display.warn_reverse(trial, program)
                if trial.probe is not None and not asked.number:
                    display.warn_prediction(trial.number, trial.probe(), program)
                recent.append(trial)
                display.warn_overfitting(tuple(recent), program.test_reports)
            if asked.number:
                raise Stopped(folder.path, asked.number, len(records.steps))
            if stalled(records.steps, program.patience):
                steps = count_text(program.patience, "outer step")
                display.info(f"stopped: {steps} without a new best (patience = {program.patience})")
                break
    number = best_step(records.steps) if records.steps else None
    final = searcher.hypers if number is None else folder.hypers(number)
    compared = _confirm(executor, number, final, folder, display)
    arms = {} if program.retrain is None else _retrain(executor, program.retrain, final, display)
    if arms:
        folder.write("retrain.json", json_text(arms))
    for path in folder.write_images(pictures(executor, final)):
        display.picture(path)
    folder.write(RESULT, json_line({"steps": len(records.steps), "best": number}) + "\n")
    account()
    display.end(folder.path, len(records.steps), number, verdict(compared, number) if number is not None else "")
    return Run(folder.path, records.steps, final, arms, records.points, number, compared, program)


def _confirm(
    executor: Executor, number: int | None, best: Arrays, folder: RunFolder, display: Display
) -> dict[str, Comparison]:
    """The start and the best, trained again on fresh draws; nothing where the start is the best."""
    if not number or not executor.program.confirm:
        return {}
    display.info(f"training the start and step {number} on {count_text(executor.program.confirm, 'fresh draw')}")
    compared = {found.key: found for found in confirm(executor, executor.initial_hypers(), best)}
    folder.write(CONFIRMED, json_text([found.record() for found in compared.values()]))
    for found in compared.values():
        display.compared(found)
    return compared


@contextmanager
def _failure_kept(folder: RunFolder) -> Iterator[None]:
    """While this lasts, what stops a run as not finite is also written into its folder.

    A folder with a result is of a run that has ended well: what an earlier one left is taken away.
    """
    for name in (FAILURE, RESULT):
        folder.forget(name)
    try:
        yield
    except NotFinite as error:
        folder.write(FAILURE, f"{error}\n")
        raise


def _draw_sweep(axes: Arrays, records: Records, folder: RunFolder, display: Display) -> None:
    """A figure of a sweep with one axis, once it is complete."""
    path = folder.path / "sweep.png"
    if len(axes) != 1 or len(records.points) < size_of(axes) or path.exists():
        return
    from drmadc_runtime.run.reporting import figures

    folder.write(path.name, figures.sweep(records.points, *axes))
    display.picture(path)


def _retrain(executor: Executor, final: Retraining, hypers: Arrays, display: Display) -> dict[str, dict[str, float]]:
    """The final training of each arm, on draws that no outer step has used; the same ones for each."""
    with executor.precision():
        tuned = executor.cast(hypers)
        arms = final.arms(tuned)
    found: dict[str, dict[str, float]] = {}
    display.info(f"final training on {', '.join(final.splits)}")
    for name, values in arms.items():
        found[name] = retrain(executor, values, executor.program.fresh_outer)
        display.arm(name, found[name])
    mine = next((name for name, values in arms.items() if values is tuned), None)
    for name in arms:
        if mine is not None and name != mine:
            gained = {key: value - found[name][key] for key, value in found[mine].items()}
            display.info(f"  {mine} - {name}: " + "  ".join(f"{key} {value:+.3g}" for key, value in gained.items()))
    return found
