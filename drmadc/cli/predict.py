"""`predict`: what the model of a run says of new examples."""

import csv
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drmadc.cli import console
from drmadc.cli.parameters import RunPath
from drmadc.cli.runs import compiled_again, hypers_at, step_number, step_option
from drmadc_common.atomic import write_whole
from drmadc_common.run_folder import RunFiles

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from drmadc_runtime.run.model import Model, Output

    Column = npt.NDArray[np.generic]


@click.command(short_help="Predict new examples with the model of a run.")
@click.argument("run", type=RunPath())
@click.option(
    "--data",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A .csv, .parquet, .npz, .npy or .txt file or a folder of pictures; needs no labels. Default: the test split.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Output file, .csv or .npz; default predictions.csv in the run folder.",
)
@step_option
def predict(run: Path, data: Path | None, out: Path | None, step: str) -> None:
    """Predict new examples, a row for each in their order.

    The model is trained once more with the hyperparameters of the step and kept in the run folder, so this takes long
    only the first time. Classes come with their probabilities.

    \b
    Examples:
      drmadc predict runs/churn/latest --data new.csv -o predictions.csv
      drmadc predict runs/mnist_l2/latest --step last
    """
    import numpy as np

    from drmadc_runtime.core.archives import zipped
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.run.model import NoPrediction

    target = run / "predictions.csv" if out is None else out
    if target.suffix not in (".csv", ".npz"):
        raise click.UsageError(f"{target} is neither .csv nor .npz")
    model = model_at(run, step)
    try:
        fields, files = examples(model, data)
        columns = _columns(model, model.output(fields))
    except (NoPrediction, DataError) as error:
        console.fail(console.FAILED, str(error))
    count = len(next(iter(columns.values())))
    first: dict[str, Column] = {"row": np.arange(count)}
    columns = first | ({"file": np.array(files)} if files else {}) | columns
    try:
        write_whole(target, zipped(columns) if target.suffix == ".npz" else _csv(columns, model.words))
    except OSError as error:
        console.fail(console.FAILED, f"{target} is not writable: {error.strerror}")
    click.echo(f"{target}: {count:,} prediction{'' if count == 1 else 's'} by the model of outer step {model.step}")


def examples(
    model: "Model", data: Path | None, *, labelled: bool = False
) -> "tuple[dict[str, Column], tuple[str, ...]]":
    """Examples of a file, as `Model.read`; what they hold that training did not have is said on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = model.read(data, labelled=labelled)
    for warning in caught:
        click.echo(f"warning: {warning.message}", err=True)
    return found


def model_at(run: Path, step: str) -> "Model":
    """The model of an outer step of a run; ends the process where it has none."""
    from drmadc.compiler.load import load_module
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.run.model import NoPrediction, trained_model

    compilation = compiled_again(run)
    files, name = RunFiles(run), compilation.require().name
    if compilation.text != files.text(f"{name}.py"):
        console.fail(console.FAILED, f"{run / name}.py is not what its spec compiles to; run the spec again")
    number = step_number(run, files.steps(), step)
    hypers = hypers_at(run, number, compilation.ir)
    program = load_module(compilation.text, name)
    try:
        return console.running(lambda: trained_model(program, run, number, hypers), compilation)
    except (NoPrediction, DataError) as error:
        console.fail(console.FAILED, str(error))


def _columns(model: "Model", output: "Output") -> "dict[str, Column]":
    """What is written, by name: a class and probabilities [n, classes]; or a probability or value [n, ...]."""
    import numpy as np

    logits = output.astype(np.float64)
    match model.prediction.kind:
        case "classes":
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            labels = logits.argmax(axis=1)
            named = {"class": np.array(model.words)[labels]} if model.words else {}
            return {"label": labels, **named, "p": powers / powers.sum(axis=1, keepdims=True)}
        case "probability":
            return {"p": 0.5 * (1 + np.tanh(logits / 2))}
        case "values":
            return {"prediction": output}


def _csv(columns: "dict[str, Column]", words: tuple[str, ...]) -> str:
    """A line for each row; what has several entries takes a column for each: p_0, p_1, or p_WORD of named classes."""
    flat: dict[str, list[str]] = {}
    for name, values in columns.items():
        parts = values.reshape(len(values), -1)
        ends = words if name == "p" and len(words) == parts.shape[1] else range(parts.shape[1])
        for i, end in enumerate(ends):
            text = "{:.9g}" if values.dtype.kind == "f" else "{}"
            several = values.ndim > 1 and (name == "p" or parts.shape[1] > 1)
            flat[f"{name}_{end}" if several else name] = [text.format(x) for x in parts[:, i]]
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(flat)
    table.writerows(zip(*flat.values(), strict=True))
    return file.getvalue()
