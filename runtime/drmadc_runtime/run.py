"""One run from start to end: outer loop, table, run folder."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from drmadc_runtime.checkpoint import Point
from drmadc_runtime.display import WINDOW, Display
from drmadc_runtime.failure import NotFinite
from drmadc_runtime.records import RunFolder, zipped
from drmadc_runtime.session import Arrays, Session, Values
from drmadc_runtime.stopping import Stopped, asked_to_stop
from drmadc_runtime.sweeping import draw_sweep, sweep
from drmadc_runtime.tuning import OuterStep, tune


@dataclass(frozen=True)
class Run:
    """A finished run: folder, a record for each outer step, final hyperparameters, reports of the final training."""

    path: Path
    metrics: list[dict[str, Any]]
    hypers: Arrays
    arms: dict[str, dict[str, float]]
    sweep: list[dict[str, float]]


def run(module: Mapping[str, Any], texts: Mapping[str, str], out: str | None, quiet: bool = False) -> Run:
    """Run an emitted module and record it.

    Args:
        module: the names of the emitted module.
        texts: files to put into the run folder, such as the resolved spec and the module's text.
        out: the run folder, or None for runs/NAME/TIME-HASH.
        quiet: print nothing but warnings.

    Raises:
        NotFinite: a NaN or an infinity stopped the run; what was done is in the folder.
        Stopped: Ctrl-C or SIGTERM; `resume` goes on.
        FileExistsError: `out` is there already.
    """
    display = Display(quiet)
    if "DATA" in module:
        module["DATA"].fetch(display.say)
    folder = RunFolder.create(module["NAME"], out, "".join(texts.values()))
    try:
        session = Session(module)
        hypers = session.initial_hypers()
        for name, free in session.unconstrain(hypers).items():
            if not np.isfinite(free).all():
                text = f"the initial value of `{name}` is outside of its domain"
                raise NotFinite(
                    0, None, f"hyper {name}", text, "for example exp(normal(0.1)) where it must be positive"
                )
        folder.write_start(texts)
        display.say(_headline(session, hypers))
        display.say(f"run folder: {folder.path}")
        swept = _sweep(session, hypers, folder, display) if "sweep" in module else []
        if "fit" in module:
            statistics = {name: np.asarray(x) for name, x in session.statistics(0).items()}
            folder.write("statistics.npz", zipped(statistics))
        point = Point({name: np.asarray(value) for name, value in hypers.items()})
        folder.save_point(point)
        return _go_on(session, point, [], swept, folder, display)
    finally:
        folder.close()


def resume(module: Mapping[str, Any], path: Path, quiet: bool = False) -> Run:
    """Go on with a run that was stopped, bit for bit as if it had not been.

    Args:
        module: the names of the emitted module that the run folder holds.
        path: the run folder.

    Raises:
        BadCheckpoint: there is nothing to go on from.
        BlockingIOError: another process is at work in the folder.
    """
    display = Display(quiet)
    folder = RunFolder(path)
    try:
        point, metrics = folder.restore()
        display.say(f"{module['NAME']}: {_many(point.outer, 'outer step')} of {module['TUNE_STEPS']} done")
        swept: list[dict[str, float]] = []
        if (path / "sweep.jsonl").exists():
            swept = [json.loads(line) for line in (path / "sweep.jsonl").read_text(encoding="utf-8").splitlines()]
        return _go_on(Session(module), point, metrics, swept, folder, display)
    finally:
        folder.close()


def _go_on(
    session: Session,
    point: Point,
    metrics: list[dict[str, Any]],
    swept: list[dict[str, float]],
    folder: RunFolder,
    display: Display,
) -> Run:
    """The outer loop from a point on, and what comes after it."""
    module = session.module
    recent: deque[OuterStep] = deque(maxlen=2 * WINDOW)
    final = point.hypers
    with asked_to_stop() as asked, display.running(module["TUNE_STEPS"], point.outer):
        for step in tune(session, point):
            assert step.point is not None
            final = step.following
            metrics.append(step.record())
            folder.save(metrics[-1], final, step.point)
            display.step(step)
            display.warn(step, module["KEEP"].exact, module["LINES"])
            recent.append(step)
            display.warn_overfitting(tuple(recent), module.get("ON_TEST", ()))
            if asked.number:
                raise Stopped(folder.path, asked.number, step.point.outer)
    arms = _retrain(session, final, display) if "RETRAIN" in module else {}
    if arms:
        folder.write("retrain.json", json.dumps(arms, indent=2) + "\n")
    for path in folder.write_images(session.images(final)):
        display.say(f"picture: {path}")
    return Run(folder.path, metrics, final, arms, swept)


def _sweep(session: Session, hypers: Values, folder: RunFolder, display: Display) -> list[dict[str, float]]:
    """The points of a sweep, each a line of sweep.jsonl; and a picture where the grid has one axis."""
    records: list[dict[str, float]] = []
    for record in sweep(session, hypers):
        if not records:
            display.say("sweep  " + "  ".join(f"{name:>{max(11, len(name))}}" for name in record))
        row = "  ".join(f"{value:>{max(11, len(name))}.5g}" for name, value in record.items())
        display.say(f"{len(records):>5}  {row}")
        records.append(record)
        folder.add_line("sweep.jsonl", record)
    axes = list(session.grid())
    if len(axes) == 1:
        draw_sweep(folder.path / "sweep.png", list(records), axes[0])
        display.say(f"picture: {folder.path / 'sweep.png'}")
    return records


def _retrain(session: Session, hypers: Arrays, display: Display) -> dict[str, dict[str, float]]:
    """The final training of each arm, on draws that no outer step has used."""
    module = session.module
    outer = module["TUNE_STEPS"] * module.get("SEEDS", 1)
    with session.precision():
        arms = module["arms"](session.cast(hypers))
    found: dict[str, dict[str, float]] = {}
    display.say(f"final training on {', '.join(module['RETRAIN'])}")
    for name, values in arms.items():
        found[name] = session.retrain(values, outer)
        display.say(f"  {name}: " + "  ".join(f"{key} {value:.5g}" for key, value in found[name].items()))
    return found


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _headline(session: Session, hypers: Mapping[str, Any]) -> str:
    module = session.module
    count = sum(int(np.size(value)) for value in hypers.values())
    kinds = ", ".join(f"{name} {int(np.size(value))}" for name, value in hypers.items())
    with session.precision():
        shapes = jax.eval_shape(module["init"], session.cast(hypers), 0)
    parameters = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))
    strategy = module["LINES"]["strategy"]
    return (
        f"{module['NAME']}: {_many(count, 'hyperparameter')} ({kinds}), {_many(parameters, 'parameter')}, "
        f"{_many(module['STEPS'], 'training step')}, {_many(module['TUNE_STEPS'], 'outer step')}, {strategy}, "
        f"{module['DTYPE']} on {jax.devices()[0].device_kind}"
    )
