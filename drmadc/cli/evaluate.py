"""`evaluate`: the metrics of the model of a run on labelled examples."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drmadc.cli import console
from drmadc.cli.parameters import RunPath
from drmadc.cli.predict import examples, model_at
from drmadc.cli.runs import step_option
from drmadc_common.amounts import count_text

if TYPE_CHECKING:
    from drmadc_runtime.run.evaluate import Estimate


@click.command(short_help="Measure the model of a run on labelled examples.")
@click.argument("run", type=RunPath())
@click.option(
    "--data",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="As for predict, with labels; pictures in a folder for each class. Default: the test split.",
)
@click.option(
    "--resamples",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Bootstrap resamples of the examples.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Seed of the resamples.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@step_option
def evaluate(run: Path, data: Path | None, resamples: int, seed: int, as_json: bool, step: str) -> None:
    """Measure the model of a run: its objective and every reported metric, with 95 % bootstrap intervals.

    The examples are resampled with replacement, and each metric is computed anew on every resample; an interval is from
    the 2.5 % to the 97.5 % quantile of these values. It holds for other examples, not for another training.

    \b
    Examples:
      drmadc evaluate runs/churn/latest --data new.csv
      drmadc evaluate runs/mnist_l2/latest --json
    """
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.run.evaluate import LEVEL, measure
    from drmadc_runtime.run.model import NoPrediction

    model = model_at(run, step)
    try:
        fields, _ = examples(model, data, labelled=True)
    except (NoPrediction, DataError) as error:
        console.fail(console.FAILED, str(error))
    count = len(next(iter(fields.values())))
    found = measure(model, fields, resamples, seed)
    if as_json:
        about = {"run": str(run), "step": model.step, "data": str(data or "test"), "examples": count}
        method = {"method": "percentile bootstrap", "level": LEVEL, "resamples": resamples, "seed": seed}
        metrics = {key: {name: _finite(x) for name, x in asdict(row).items()} for key, row in found.items()}
        click.echo(json.dumps({**about, **method, "metrics": metrics}))
        return
    click.echo(f"{run}: model of outer step {model.step} on {data or 'its test split'}, {count_text(count, 'example')}")
    for line in _table(found):
        click.echo(line)
    click.echo(f"percentile bootstrap, {count_text(resamples, 'resample')}, seed {seed}")


def _finite(value: float) -> float | None:
    """A number that JSON can hold."""
    return None if value != value or abs(value) == float("inf") else value


def _table(found: "dict[str, Estimate]") -> list[str]:
    width = max(len("metric"), *map(len, found))
    lines = [f"\n{'metric':<{width}} {'value':>12} {'2.5 %':>12} {'97.5 %':>12}"]
    for key, row in found.items():
        line = f"{key:<{width}} {row.value:>12.5g} {row.low:>12.5g} {row.high:>12.5g}"
        lines.append(f"{line}   undefined in {count_text(row.undefined, 'resample')}" if row.undefined else line)
    return [*lines, ""]
