"""A first spec for somebody's data: a page with comments that runs as it is, to be changed from there."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

from drmadc.common.diagnostics.suggest import nearest
from drmadc.common.headers import numpy_files, pictures, tables
from drmadc.common.headers.header import BadFile
from drmadc.common.headers.words import count_words
from drmadc.tools.scaffold.columns import NoLabel, plan_of, shown
from drmadc_common.datasets import DATASETS
from drmadc_common.tables.compressed import without_ending
from drmadc_common.words import words

MODELS = ("linear", "mlp")
TUNED = ("penalty", "penalties", "rates", "both")
PIXELS = "flatten(image) / 255 - mean(flatten(image) / 255)"


class CannotStart(ValueError):
    """Data that no spec can be written for; says why and what to do."""


@dataclass(frozen=True)
class Start:
    """What a spec says of its data: source, features x (so many numbers) and y (so many classes, or 0 and numbers).

    `split` is what the source's parts allow; `became` says of a table what each column became; `also` are more metrics.
    """

    source: str
    x: str
    inputs: int
    y: str
    classes: int
    examples: int
    outputs: int = 1
    split: str = "{ train: 0.6, valid: 0.15, guard: 0.1, test: 0.15 }"
    became: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def look(data: str, label: str | None) -> Start:
    """What is known of data: a name of DATASETS, a .csv, .parquet, .npz or .txt file, or a folder of pictures by class.

    Args:
        label: the column or array to predict; by default the last column, or the array called label, y or target.

    Raises:
        CannotStart: with what to do.
    """
    path = Path(data)
    if data in DATASETS:
        return _named(data)
    if path.is_dir():
        try:
            shape = pictures.pictures(path, (32, 32))["image"].shape[1:]
            there = pictures.classes_of(path)
            classes, examples = len(there), sum(map(len, there.values()))
        except BadFile as error:
            raise CannotStart(f"{data}: {error}") from error
        became = (
            f"to predict: label ({shown(tuple(there))}), by the folders' names",
            "pictures: cut and scaled to 32 by 32",
        )
        source = f'images("{path.as_posix()}", size: 32)'
        return Start(source, PIXELS, prod(shape), "label", classes, examples, became=became)
    readers = {".csv": _csv, ".tsv": _csv, ".parquet": _parquet, ".npz": _npz, ".txt": _text}
    reader = readers.get(Path(without_ending(path.name)).suffix)
    if reader is None:
        known = ", ".join(DATASETS)
        raise CannotStart(
            f"cannot read `{data}`: expected a .csv, .parquet, .npz or .txt file, a folder of images, or one of {known}"
        )
    try:
        return reader(path, label)
    except BadFile as error:
        raise CannotStart(f"{data}: {error}") from error


def _named(name: str) -> Start:
    known = DATASETS[name]
    sizes = prod(known.shape), "label", known.classes, known.counts["train"]
    if name == "digits":  # pixels from 0 to 16, and no test part
        return Start("digits()", "flatten(image) / 16 - mean(flatten(image) / 16)", *sizes)
    return Start(f"{name}()", PIXELS, *sizes, split="{ train: 15000, valid: 5000, test: 10000 }")


def _csv(path: Path, label: str | None) -> Start:
    return _table(path, "csv", tables.csv_table(path, whole=True), label)


def _parquet(path: Path, label: str | None) -> Start:
    return _table(path, "parquet", tables.parquet_table(path), label)


def _table(path: Path, kind: str, table: tables.Table, label: str | None) -> Start:
    target = label or list(table)[-1]
    if target not in table:
        raise CannotStart(
            f"{path} has no column `{target}`; its columns are {shown(tuple(table))}{_meant(target, table)}"
        )
    if not table[target].shape[0]:
        raise CannotStart(f"{path} has no rows")
    try:
        plan = plan_of(table, target)
    except NoLabel as error:
        raise CannotStart(f"{path}: {error}") from error
    if not plan.inputs:
        raise CannotStart(f"{path} has no column besides `{target}` that a model could use: {plan.lines()[-1]}")
    return Start(
        f'{kind}("{path.as_posix()}", {", ".join(plan.fields())})',
        plan.feature(),
        plan.inputs,
        "target" if plan.label.classes else "standardise(target)",
        plan.label.classes,
        table[target].shape[0],
        became=tuple(plan.lines()),
        also=("balanced_accuracy",) if plan.label.classes else ("r2",),
    )


def _meant(column: str, columns: Iterable[str]) -> str:
    """The column that a wrong name is close to, as a question."""
    near = nearest(column, columns)
    return f"; did you mean `{near}`?" if near else ""


def _npz(path: Path, label: str | None) -> Start:
    import numpy as np

    headers = numpy_files.npz(path)
    whole = [n for n, h in headers.items() if len(h.shape) == 1 and h.kind[0] in "iuU"]
    target = label or next((n for n in ("label", "labels", "y", "target", *whole) if n in headers), None)
    if target is None or target not in headers:
        what = f"no array `{target}`" if target else "no array of labels"
        raise CannotStart(f"{path} has {what}; its arrays are {', '.join(headers)}; choose one with --label")
    size = headers[target].shape[0]
    found = next((n for n, h in headers.items() if n != target and len(h.shape) > 1 and h.shape[0] == size), None)
    if found is None:
        raise CannotStart(f"{path} has no array of {size} examples and features besides `{target}`")
    shape = headers[found].shape[1:]
    flat = found if len(shape) == 1 else f"flatten({found})"
    inputs = prod(shape)
    x = f"{flat} / 255 - mean({flat} / 255)" if headers[found].kind == "u1" else f"standardise({flat})"
    source = f'npz("{path.as_posix()}")'
    if headers[target].kind[0] == "f":
        if len(headers[target].shape) != 2:
            raise CannotStart(f"`{target}` must have shape [examples, targets], not {headers[target].shape}")
        return Start(source, x, inputs, f"standardise({target})", 0, size, headers[target].shape[1])
    with np.load(path, allow_pickle=False) as file:
        labels = file[target]
    classes = len(np.unique(labels)) if labels.dtype.kind == "U" else int(labels.max()) + 1
    return Start(source, x, inputs, target, classes, size)


WINDOW, MOST_WORDS = 4, 300


def _text(path: Path, label: str | None) -> Start:
    if label is not None:
        raise CannotStart(f"{path} is a text: what is predicted is the next word; leave --label out")
    count = count_words(path)
    if count < 50 * WINDOW:
        raise CannotStart(f"{path} has {count:,} words; {50 * WINDOW} are the fewest that a model can be trained on")
    known = min(MOST_WORDS, len(set(words(path))) + 1)
    became = (
        f"to predict: the word after each {WINDOW} words, one of {known - 1:,}, the most frequent; the rarer are one",
        f"words, one-hot: {WINDOW} of {known:,}",
    )
    return Start(
        f'text("{path.as_posix()}", window: {WINDOW}, words: {known})',
        "flatten(one_hot(words))",
        WINDOW * known,
        "next",
        known,
        (count - 1) // WINDOW,
        became=became,
    )


def spec_text(name: str, start: Start, model: str, tuned: str, steps: int) -> str:
    """The spec: `model` of MODELS, `tuned` of TUNED, so many training steps."""
    label = f"class[{start.classes}]" if start.classes else f"real[{start.outputs}]"
    outputs = start.classes or start.outputs
    loss = "cross_entropy(net(x), y)" if start.classes else "squared_error(net(x), y)"
    penalties = tuned in ("penalty", "penalties", "both")
    rates = tuned in ("rates", "both")
    hypers = {
        "penalty": ["hyper l2: positive = 0.001  # one penalty on all weights"],
        "penalties": ["hyper l2: positive[in_unit of net.weights] = 0.001  # one for each input of each layer"],
        "rates": ["hyper rate: positive[step(bins: 10)] = 0.1  # ten learning rates, one after another"],
        "both": [
            "hyper l2: positive[in_unit of net.weights] = 0.001  # one for each input of each layer",
            "hyper rate: positive[step(bins: 10)] = 0.1         # ten learning rates, one after another",
        ],
    }[tuned]
    hidden = ["  h = tanh(dense(x, 50))", f"  return dense(h, {outputs})"]
    layers = hidden if model == "mlp" else [f"  return dense(x, {outputs})"]
    init = "{ weights: normal(0.1), biases: 0 }"
    penalty = " + sum(l2 * net.weights ^ 2)" if penalties else ""
    arms = {
        "rates": "{ untuned: initial }",
        "both": "{ none: { l2: 0, rate: 0.1 }, untuned: initial }",
    }.get(tuned, "{ none: { l2: 0 }, untuned: initial }")
    report = ["  error(net(x), y) on test"] if start.classes else ["  squared_error(net(x), y) on test"]
    report += [f"  {metric}(net(x), y) on test" for metric in start.also]
    lines = [
        f"# {name}: what is tuned moves downhill on the valid split, through whole training runs.",
        *(f"# {line}" for line in start.became),
        "data d {",
        f"  source   = {start.source}",
        f"  x: real[{start.inputs}] = {start.x}  # statistics such as the mean are those of the train split",
        f"  y: {label} = {start.y}",
        f"  split    = {start.split}",
        "  resample = each outer  # new splits for every outer step, so that nothing fits one valid split",
        "}",
        "",
        f"model net(x: real[{start.inputs}]) -> real[{outputs}] {{",
        *layers,
        "}",
        "",
        *hypers,
        "",
        "train {",
        f"  init   = {init}",
        f"  loss   = {loss}{penalty}",
        f"  update = momentum(rate: {'rate' if rates else '0.1'}, momentum: 0.9)",
        f"  batch  = {'all' if start.examples < 100 else 50}",
        f"  steps  = {steps}",
        "}",
        "",
        "tune {",
        f"  minimize = {loss} on valid",
        "  reverse  = exact()  # cheaper in memory: drmad(knots: 16); see drmadc plan",
        "  update   = adam(rate: 0.1)  # on the logarithm of what is positive",
        "  steps    = 15",
        "}",
        "",
        "retrain {",
        f"  arms = {arms}  # trained at the end too, to compare with what was tuned",
        "}",
        "",
        "report {",
        *report,
        "}",
    ]
    return "\n".join(lines) + "\n"
