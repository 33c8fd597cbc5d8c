"""A trained model as a module that needs NumPy alone, and a file of its arrays."""

import inspect
from collections.abc import Mapping
from string import Template

import numpy as np

from drmadc.target import tree as py
from drmadc.target.printer import print_statement
from drmadc.tools.export.numpy_source import imports_of, in_numpy, read_of
from drmadc_runtime.core.archives import zipped
from drmadc_runtime.data.names import class_names
from drmadc_runtime.data.resident import Data
from drmadc_runtime.nn import in_numpy as twins
from drmadc_runtime.run.model import Model

Literal = str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]]


def numpy_model(model: Model, text: str) -> dict[str, bytes]:
    """NAME_model.py with `predict` and `outputs`, and NAME_model.npz.

    The file of arrays holds the parameters by path, `statistics/NAME` and `hypers/NAME`: what the module reads.

    Args:
        text: the emitted module of the model's program.

    Raises:
        NoTwin: the forward pass calls what NumPy has no counterpart of.
    """
    program, prediction = model.program, model.prediction
    assert isinstance(program.data, Data)
    names = class_names(program.data)
    fields = tuple(prediction.fields)
    tables: dict[str, Literal] = {
        "FIELDS": dict(prediction.fields),
        "COLUMNS": {name: program.data.columns[name] for name in fields if name in program.data.columns},
        "WORDS": {name: program.data.words[name] for name in fields if name in program.data.words},
        "UNSEEN": prediction.unseen,
        "CLASSES": names.get(prediction.label, ()),
        "KIND": prediction.kind,
    }
    constants = [print_statement(py.Assign((py.Id(name),), _literal(value))) for name, value in tables.items()]
    source = inspect.getsource(twins)
    forward = in_numpy(text, source, "predict", _RENAMED, ("MISSING", "NO_CLASS"))
    forward = forward.replace(f'DTYPE = "{program.dtype}"', 'DTYPE = "float64"')
    imports = ["from pathlib import Path", *(line for line in imports_of(source, forward) if "numpy" not in line)]
    imports.sort(key=lambda line: (line.startswith("from"), line))
    example = "{" + ", ".join(f'"{name}": ...' for name in fields) + "}"
    arrays = {
        **model.params,
        **{f"statistics/{name}": x for name, x in model.statistics.items()},
        **{f"hypers/{name}": np.asarray(model.hypers[name]) for name in read_of(text, "predict", "hypers")},
    }
    module = _MODULE.substitute(
        name=program.name,
        step=model.step,
        example=example,
        tables="\n".join(constants),
        imports="\n".join(imports),
        forward=forward,
        dtype=program.dtype,
    )
    return {f"{program.name}_model.py": module.encode(), f"{program.name}_model.npz": zipped(arrays)}


def _literal(value: Literal) -> py.Expr:
    """A text, or texts in tuples and dictionaries, as Python."""
    match value:
        case str():
            return py.Literal(value)
        case tuple():
            return py.Tuple(tuple(map(_literal, value)))
        case _:
            return py.Dict(tuple((py.Literal(name), _literal(entry)) for name, entry in value.items()))


_RENAMED = {"predict": "_forward", "predict_inputs": "_inputs"}
_MODULE = Template('''"""The model of $name, outer step $step: needs NumPy, neither JAX nor drmadc.

    from ${name}_model import predict
    predict($example)

Fields are arrays with a row for each example. Written by `drmadc export`; ${name}_model.npz lies beside this file. It
computes in float64 and agrees with `drmadc predict` up to rounding.
"""

$imports

import numpy as np

$tables


def predict(fields):
    """What `drmadc predict` writes for each example.

    Args:
        fields: by name, [n, ...]; words as texts. A field of a table may also be given by its columns.

    Returns:
        For classes `label`, `class` where classes have names, and `p` [n, classes]; for one probability `p`; else
        `prediction`.
    """
    output = outputs(fields)
    if KIND == "values":
        return {"prediction": output}
    if KIND == "probability":
        return {"p": 0.5 * (1 + np.tanh(output / 2))}
    powers = np.exp(output - output.max(axis=1, keepdims=True))
    labels = output.argmax(axis=1)
    named = {"class": np.array(CLASSES)[labels]} if CLASSES else {}
    return {"label": labels, **named, "p": powers / powers.sum(axis=1, keepdims=True)}


def outputs(fields):
    """The model's output: logits, or values."""
    raw = {name: _typed(_given(fields, name), name) for name in FIELDS}
    return _forward(PARAMS, HYPERS, raw, STATISTICS)


def _given(fields, name):
    """A field, or the columns of a table that it is made of."""
    columns = COLUMNS.get(name, name)
    if name in fields:
        return np.asarray(fields[name])
    try:
        if isinstance(columns, str):
            return np.asarray(fields[columns])
        return np.stack([np.asarray(fields[column], float) for column in columns], axis=1)
    except KeyError as error:
        raise ValueError(f"no field or column {error}") from None


def _typed(values, name):
    """A field as numbers; what is missing as the model expects it.

    Raises:
        ValueError: its type or shape is another, a value is missing, or a word is not one of the model's
            (of the fields in UNSEEN it is read as if it were missing, or as none of them).
    """
    declared = FIELDS[name].removesuffix(" or missing")
    optional = declared != FIELDS[name]
    element, _, inner = declared.rstrip("]").partition("[")
    sizes = [int(size) for size in inner.split(", ")] if inner else []
    if element == "class":
        classes, *shape = sizes
        if name in WORDS:
            texts = ["" if text in ("None", "nan") else text for text in map(str, values.tolist())]
            unknown = sorted(set(texts) - {*WORDS[name], ""})
            if unknown and name not in UNSEEN:
                raise ValueError(f"{name}: {unknown[0]!r} is none of {', '.join(WORDS[name])}")
            values = np.array([WORDS[name].index(word) if word in WORDS[name] else NO_CLASS for word in texts])
            lost = np.array([not word for word in texts])
        elif values.dtype.kind not in "iub":
            raise ValueError(f"{name}: expected integers from 0 to {classes - 1}")
        else:
            lost = values == NO_CLASS
        if np.any((values < 0) & (values != NO_CLASS)) or np.any(values >= classes):
            raise ValueError(f"{name}: classes must be from 0 to {classes - 1}")
    else:
        shape = sizes
        values = np.asarray(values, float)
        lost = np.isnan(values)
        values = np.where(lost, MISSING, values.astype("$dtype"))  # the precision of training
    if list(values.shape[1:]) != shape:
        raise ValueError(f"{name}: each example has shape {list(values.shape[1:])}, expected {shape}")
    if np.any(lost) and not optional:
        raise ValueError(f"{name}: {np.sum(lost)} missing values")
    return values


$forward


def _arrays():
    """Parameters, hyperparameters and statistics of the file beside this one."""
    parts = {"": {}, "hypers": {}, "statistics": {}}
    with np.load(Path(__file__).with_suffix(".npz"), allow_pickle=False) as file:
        for key in file.files:
            head, _, name = key.rpartition("/")
            parts[head][name] = file[key].astype(float)
    return parts[""], parts["hypers"], parts["statistics"]


PARAMS, HYPERS, STATISTICS = _arrays()
''')
