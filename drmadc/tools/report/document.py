"""The page: what was found, warnings, figures, how it was run, and the spec."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from drmadc.common.diagnostics.render import render
from drmadc.compiler.load import load_module
from drmadc.naming.listing import listed
from drmadc.tools.report.html import code, facts, figures, heading, page, paragraph, table
from drmadc.tools.report.plots import hyperparameters, learning_curves, pictures, recorded
from drmadc.tools.report.records import Group, RunRecord, grouped, read_run
from drmadc_common.amounts import bytes_text, count_text, duration_text


def report_page(paths: Sequence[Path]) -> str:
    """The page about the runs in these folders. Runs of one spec that differ in their seed are one line and a band.

    Raises:
        DamagedRun: a file of a folder is missing or damaged.
        NoPage: no outer step is finished in a folder.
    """
    groups = grouped([read_run(path) for path in paths])
    names = dict.fromkeys(group.compilation.require().name for group in groups)
    runs = [run for group in groups for run in group.runs]
    title = f"{', '.join(names)}: {runs[0].path.resolve().name if len(runs) == 1 else count_text(len(runs), 'run')}"
    return page(title, _sections(groups))


def _sections(groups: tuple[Group, ...]) -> Iterator[str]:
    runs = [run for group in groups for run in group.runs]
    single = len(runs) == 1
    for group in groups:
        for run in group.runs:
            yield from _said(run, "" if single else f"{run.path.name}: ")
        if group.compilation.diagnostics:
            yield code(render(group.compilation.diagnostics))
    yield _values(runs[0]) if single else _by_run(groups)
    yield heading("By outer step")
    yield figures([*recorded(groups), *(learning_curves(group) for group in groups[:1])])
    for group in groups:
        yield heading(f"Hyperparameters {group.name}".rstrip())
        yield _hypers(group)
        yield figures(hyperparameters(group))
        yield from _entries(group)
    for group in groups:
        drawn = list(pictures(group))
        if drawn:
            yield heading(f"Pictures {group.name}".rstrip())
            yield figures(drawn)
        yield from _expectations(group)
    for group in groups:
        yield heading(f"How it was run {group.name}".rstrip())
        yield facts(_how(group))
    first = groups[0]
    name = first.compilation.require().name
    yield heading("Spec")
    yield code(first.first.files.text(f"{name}.drm"))
    yield heading("Derived reverse pass")
    yield code(_reverse(first.compilation.text))


def _said(run: RunRecord, who: str) -> Iterator[str]:
    """What the run has come to, and what it warned of."""
    from drmadc_runtime.run.confirm import read_confirmed, verdict

    text = verdict(read_confirmed(run.path), run.best)
    if text and not text.startswith("warning: "):
        yield paragraph(f"{who}{text}", "said")
    for warning in dict.fromkeys([*([text] if text.startswith("warning: ") else []), *run.warnings]):
        yield paragraph(f"{who}{warning}", "warning")


def _values(run: RunRecord) -> str:
    """What was recorded at the start, at the best and at the last step, and on fresh draws."""
    from drmadc_runtime.run.best import judged_by
    from drmadc_runtime.run.confirm import read_confirmed

    skipped = {"outer", "stage", "seconds", "growth", "hypergradient"}
    keys = [key for key, value in run.metrics[0].items() if isinstance(value, float) and key not in skipped]
    fresh = read_confirmed(run.path)
    head = ["", "start", f"best, step {run.best}", f"last, step {len(run.metrics) - 1}"]
    head += ["start, fresh draws", "best, fresh draws", "difference"] if fresh else []
    rows = []
    for key in keys:
        cells = [
            key,
            *(f"{run.metrics[number].get(key, np.nan):.5g}" for number in (0, run.best, len(run.metrics) - 1)),
        ]
        if key in fresh:
            found = fresh[key]
            cells += [f"{np.mean(found.start):.5g}", f"{np.mean(found.best):.5g}"]
            cells.append(f"{found.difference:+.3g} ± {found.spread:.2g}")
        rows.append(cells)
    arms = run.arms
    text = table(head, rows) + paragraph(f"Best by {judged_by(run.metrics[0])}.")
    if arms:
        reported = list(next(iter(arms.values())))
        text += heading("Final training")
        text += table(
            ["arm", *reported], [[arm, *(f"{arms[arm].get(key, np.nan):.5g}" for key in reported)] for arm in arms]
        )
    return text


def _by_run(groups: tuple[Group, ...]) -> str:
    """A row for each run: its best step, and what was measured there."""
    from drmadc_runtime.run.best import judged_by

    metrics = groups[0].first.metrics[0]
    skipped = {"outer", "stage", "seconds", "growth", "hypergradient"}
    keys = [key for key, value in metrics.items() if isinstance(value, float) and key not in skipped]
    rows = []
    for group in groups:
        for run in group.runs:
            at = run.metrics[run.best]
            told = " ".join(run.overrides)
            values = (f"{at[key]:.5g}" if key in at else "" for key in keys)
            rows.append([run.path.name, told, f"{run.best} of {len(run.metrics)}", *values])
    return table(["run", "settings", "best step", *keys], rows) + paragraph(f"Best by {judged_by(metrics)}.")


def _hypers(group: Group) -> str:
    """Each hyperparameter at the start and at the best step: its value, or the range of its entries."""
    rows = []
    for hyper in group.compilation.require().hypers:
        first = np.stack([steps[0][hyper.name] for steps in group.hypers])
        best = np.stack([steps[run.best][hyper.name] for steps, run in zip(group.hypers, group.runs, strict=True)])
        kind = hyper.text.partition("=")[0].strip()
        rows.append([hyper.name, f"{first[0].size:,}", _range(first), _range(best), kind])
    return table(["", "entries", "start", "best", "type"], rows)


def _entries(group: Group) -> Iterator[str]:
    """What has named entries, by value at the best step of the first run."""
    run = group.first
    whose = f"of {run.path.name} " if len(group.runs) > 1 else ""
    for name, (head, *rows) in listed(group.entries, group.hypers[0][run.best]).items():
        yield paragraph(f"{name} {whose}at the best step, by value.")
        yield table(head, rows)


def _range(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _how(group: Group) -> Iterator[tuple[str, str]]:
    """Command, sizes, costs, versions, device."""
    run, program = group.first, group.compilation.require()
    made = run.environment
    yield "command", run.command
    if len(group.runs) > 1:
        yield "runs", ", ".join(run.path.name for run in group.runs)
    yield "outer steps", f"{len(run.metrics)} of {program.tune_steps}"
    yield "training steps", f"{program.steps:,} of {program.step.rule}"
    yield "way back", program.reverse.text
    yield "objective", program.objective.text
    yield "device", ", ".join(dict.fromkeys([*made.devices, made.backend]))
    yield "versions", ", ".join([f"Python {made.python}", *(f"{k} {v}" for k, v in made.packages.items())])
    yield "machine", made.platform
    if "commit" in made.git:
        count = made.git.get("changed")
        changed = f", {count_text(count, 'file')} changed" if isinstance(count, int) and count else ""
        yield "git", f"{made.git['commit']}{changed}"
    yield "outer loop", duration_text(sum(float(row["seconds"]) for row in run.metrics))
    yield from _costs(run.files.costs())


def _costs(costs: dict[str, dict[str, float | None]]) -> Iterator[tuple[str, str]]:
    """Time and memory, each as predicted and as measured."""
    for what, text in (("compilation", duration_text), ("outer step", duration_text), ("memory", bytes_text)):
        both = costs.get(what.replace(" ", "_"), {})
        told = [f"{text(x)} {word}" for word in ("measured", "predicted") if (x := both.get(word)) is not None]
        if told:
            beyond = " (of the compiled program, beyond data and hyperparameters)" if what == "memory" else ""
            yield what, ", ".join(told) + beyond
    process = costs.get("process", {}).get("measured")
    if process is not None:
        yield "process", f"{bytes_text(process)} at most, with Python, JAX and data"


def _expectations(group: Group) -> Iterator[str]:
    """A table of what the spec expects, and what the first run found."""
    from drmadc_runtime.run.expectations import outcomes

    run, program = group.first, group.compilation.require()
    if not program.expectations or len(run.metrics) < program.tune_steps:
        return
    found = outcomes(load_module(group.compilation.text, program.name), run.metrics, run.arms, run.points)
    rows = [["yes" if outcome.holds else "NO", outcome.text, str(outcome.found)] for outcome in found]
    yield heading("Expected")
    yield table(["holds", "expectation", "found"], rows)


def _reverse(text: str) -> str:
    """The adjoint of a step in the emitted module, with its equations."""
    start = text.find("def reverse_step")
    if start < 0:
        return "not derived for this strategy"
    return text[start : text.index("\n\n\n", start)]
