"""Compares settings over seeds: every reported number with its interval, and its paired difference to a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc.tools.comparison.differences import Setting, labels, setting_of
from drmadc.tools.comparison.recorded import RecordedRun
from drmadc.tools.comparison.statistics import Estimate, estimate, paired


class CannotCompare(ValueError):
    """Says what is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """A number of one setting.

    Attributes:
        number: `objective` or a report's key, of the best outer step; `ARM.KEY` of the final training;
            `TUNED - ARM: KEY`, the difference of two arms in the same run.
        setting: its label.
        found: mean over seeds.
        difference: to the baseline, paired by seed; None for the baseline, and where no seed is shared.
    """

    number: str
    setting: str
    found: Estimate
    difference: Estimate | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several settings side by side.

    Attributes:
        seeds: of each setting, by its label.
        baseline: label of the setting to which differences are.
        rows: number by number, each with the settings in their order.
        notes: what was left out.
    """

    seeds: dict[str, list[int]]
    baseline: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def compare(runs: Sequence[RecordedRun], baseline: str | None = None) -> Comparison:
    """Compare finished runs, grouped by setting.

    Args:
        runs: in the order in which settings are shown; of two with the same setting and seed the later one counts.
        baseline: label of a setting; by default the first one's.

    Raises:
        CannotCompare: no run is finished, or there is no setting of the baseline's name.
    """
    by_setting: dict[Setting, dict[int, dict[str, float]]] = {}
    notes: list[str] = []
    for run in runs:
        if run.state != "done":
            notes.append(f"not counted: {run.path} ({run.state}, {run.steps} of {run.planned} outer steps)")
            continue
        seeds = by_setting.setdefault(setting_of(run), {})
        if run.seed in seeds:
            notes.append(f"{run.path} replaces an earlier run of the same setting and seed {run.seed}")
        seeds[run.seed] = numbers(run)
    if not by_setting:
        raise CannotCompare("no finished run to compare")
    named = dict(zip(labels(list(by_setting)), by_setting.values(), strict=True))
    first = next(iter(named)) if baseline is None else _named(baseline, tuple(named))
    rows: list[Row] = []
    for number in dict.fromkeys(key for seeds in named.values() for found in seeds.values() for key in found):
        columns = {
            label: {seed: found[number] for seed, found in seeds.items() if number in found}
            for label, seeds in named.items()
        }
        rows += [
            Row(
                number,
                label,
                estimate(list(column.values())),
                None if label == first else paired(column, columns[first]),
            )
            for label, column in columns.items()
            if column
        ]
    return Comparison({label: sorted(seeds) for label, seeds in named.items()}, first, tuple(rows), tuple(notes))


def numbers(run: RecordedRun) -> dict[str, float]:
    """Every number that a run reports, by the name that `Row.number` explains."""
    out = dict(run.values)
    for arm, reports in run.arms.items():
        out |= {f"{arm}.{key}": x for key, x in reports.items()}
    if run.arms:
        tuned = "tuned" if "tuned" in run.arms else list(run.arms)[-1]
        for arm, reports in run.arms.items():
            if arm != tuned:
                out |= {f"{tuned} - {arm}: {key}": run.arms[tuned][key] - x for key, x in reports.items()}
    return out


def _named(baseline: str, known: tuple[str, ...]) -> str:
    """The label that a person means: all of it, or the only one with these settings among others."""
    wanted = {part.replace(" ", "") for part in baseline.split(",")}
    meant = [label for label in known if wanted <= {part.replace(" ", "") for part in label.split(",")}]
    if baseline in known:
        return baseline
    if len(meant) == 1:
        return meant[0]
    raise CannotCompare(f"no setting `{baseline}`; {did_you_mean(baseline, known, 'setting')}")
