"""`drmadc plot RUN`: a page about a run that opens offline: figures, expectations, spec, derived reverse pass."""

import base64
import html
import json
from pathlib import Path
from typing import Any

import numpy as np

from drmadc.compiler.driver import Compilation
from drmadc.compiler.load import load_module
from drmadc.ir.program import HyperParameter, Program

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; border-top: 1px solid #ccc; padding-top: .8rem }
img { max-width: 100%; display: block } pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: 13px }
table { border-collapse: collapse } td, th { padding: .15rem .8rem .15rem 0; text-align: left }
figure { margin: 1rem 0 }
"""

ALONE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_page(run: Path, compilation: Compilation, metrics: list[dict[str, Any]]) -> str:
    """The page's text.

    Raises:
        ValueError: the run has no outer step yet.
    """
    from drmadc_runtime.run.reporting.figures import series

    if not metrics:
        raise ValueError(f"{run} has no finished outer step to show")
    program = compilation.require()
    reports = [report.key for report in program.reports if report.shape is None]
    errors = [key for key in reports if key.startswith("error")]
    others = [key for key in reports if key not in errors]
    sections = [_summary(run, program, metrics)]
    sections.append(
        _figure(series(metrics, ["objective", *others], "value"), "The outer objective and reported values.")
    )
    if errors:
        sections.append(_figure(series(metrics, errors, "fraction wrong"), "Errors."))
    if len({row["growth"] for row in metrics}) > 1:
        about = "Norm of the hypergradient, and growth of the adjoint on its way back through training."
        sections.append(_figure(series(metrics, ["hypergradient", "growth"], "", logarithmic=True), about))
    by_outer = _by_outer(run)
    from drmadc_runtime.run.best import best_step

    sections.append(_learning_curves(compilation, by_outer[best_step(metrics)], len(metrics)))
    sections.append("<h2>Hyperparameters</h2>")
    for hyper in program.hypers:
        sections.append(_hyper(hyper, program, [arrays[hyper.name] for arrays in by_outer]))
    for picture in sorted(run.glob("*.png")):
        sections.append(_figure(picture.read_bytes(), html.escape(picture.stem)))
    sections += _expectations(run, compilation, metrics)
    sections.append(f"<h2>Spec</h2><pre>{html.escape((run / f'{program.name}.drm').read_text(encoding='utf-8'))}</pre>")
    sections.append(f"<h2>Derived reverse pass</h2><pre>{html.escape(_reverse(compilation.text))}</pre>")
    title = html.escape(f"{program.name}: {run.resolve().name}")
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    icon = f'<meta http-equiv="Content-Security-Policy" content="{ALONE}"><link rel="icon" href="data:,">'
    return f"{head}{icon}</head><body><h1>{title}</h1>{''.join(sections)}</body></html>\n"


def _summary(run: Path, program: Program, metrics: list[dict[str, Any]]) -> str:
    from drmadc_runtime.run.best import best_step, judged_by
    from drmadc_runtime.run.confirm import read_confirmed, verdict

    keys = ["objective", *(report.key for report in program.reports if report.shape is None)]
    best, found = best_step(metrics), read_confirmed(run)
    rows = [
        ("outer steps", f"{len(metrics)} of {program.tune_steps}"),
        ("training steps", f"{program.steps} of {program.step.rule}"),
        ("way back", program.reverse.text),
        ("objective", program.objective.text),
        ("best outer step", f"{best}, by {judged_by(metrics[0])}"),
        *((f"{key} at the start, best, last", _three(metrics, key, best)) for key in keys),
        *(
            (f"{row.key} on fresh draws", f"{np.mean(row.start):.5g} to {np.mean(row.best):.5g}")
            for row in found.values()
        ),
        *([("verdict", verdict(found, best))] if found else []),
        ("seconds", f"{sum(row['seconds'] for row in metrics):.1f}"),
    ]
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def _three(metrics: list[dict[str, Any]], key: str, best: int) -> str:
    return ", ".join(f"{metrics[number][key]:.5g}" for number in (0, best, len(metrics) - 1))


def _figure(png: bytes, caption: str) -> str:
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
    )


def _learning_curves(compilation: Compilation, best: dict[str, Any], outer: int) -> str:
    """Training losses with the first and the best hyperparameters; trains twice."""
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.program.executor import Executor
    from drmadc_runtime.program.training_runs import learning_curve
    from drmadc_runtime.run.reporting.figures import curves

    executor = Executor(load_module(compilation.text, compilation.require().name))
    try:
        first = learning_curve(executor, executor.initial_hypers(), 0)
        final = learning_curve(executor, best, outer)
    except DataError as error:
        return f"<p>No learning curves: {html.escape(str(error))}</p>"
    lines = [np.asarray(first[1]), np.asarray(final[1])]
    png = curves(np.asarray(first[0]), lines, ["first hyperparameters", "best"], "training step", "training loss")
    return _figure(png, "Minibatch loss of one training run, with the first and the best hyperparameters.")


def _by_outer(run: Path) -> list[dict[str, Any]]:
    found = []
    for path in sorted((run / "hypers").glob("*.npz")):
        with np.load(path) as file:
            found.append({name: file[name] for name in file.files})
    return found


def _hyper(hyper: HyperParameter, program: Program, values: list[Any]) -> str:
    from drmadc_runtime.run.reporting.figures import hyperparameter

    kinds = ["bin" if axis.bins else axis.kind for axis in hyper.type.axes]
    labels: list[str] = []
    for axis in hyper.type.axes:
        if axis.kind in ("layer", "param"):
            members = [program.parameter(path) for path in program.group(axis.group).members]
            labels = list(dict.fromkeys(p.layer if axis.kind == "layer" else p.path for p in members))
    png = hyperparameter(hyper.name, kinds, hyper.domain, values, labels)
    return _figure(png, html.escape(f"{hyper.name}: {hyper.domain}{(hyper.type.axes and str(hyper.type)[4:]) or ''}"))


def _expectations(run: Path, compilation: Compilation, metrics: list[dict[str, Any]]) -> list[str]:
    """A table of what the spec expects, and what was found."""
    from drmadc_runtime.run.expectations import outcomes

    def lines(name: str) -> list[dict[str, Any]]:
        path = run / name
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    program = compilation.require()
    if not program.expectations or len(metrics) < program.tune_steps:
        return []
    arms = json.loads((run / "retrain.json").read_text(encoding="utf-8")) if (run / "retrain.json").exists() else {}
    found = outcomes(load_module(compilation.text, program.name), metrics, arms, lines("sweep.jsonl"))
    rows = "".join(
        f"<tr><td>{'yes' if outcome.holds else 'NO'}</td><td>{html.escape(outcome.text)}</td>"
        f"<td>{html.escape(str(outcome.found))}</td></tr>"
        for outcome in found
    )
    return [f"<h2>Expected</h2><table><tr><th>holds</th><th>expectation</th><th>found</th></tr>{rows}</table>"]


def _reverse(text: str) -> str:
    """The adjoint of a step in the emitted module, with its equations."""
    start = text.find("def reverse_step")
    if start < 0:
        return "not derived for this strategy"
    return text[start : text.index("\n\n\n", start)]
