"""Arrays that a function makes: synthetic data, a function of the user's own, a data set of the Hugging Face hub."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from drmadc_runtime.request import PARTS, Array, DataError, Raw, Request


def synthetic(request: Request) -> Raw:
    """Draws of a known distribution, a function of the seed.

    blobs: classes around centres on a sphere of radius 2; regression: y a linear function of x; teacher: labels from a
    random network with one hidden layer. `noise` is the standard deviation of what is added, to x (blobs), to y, or to
    the teacher's logits.
    """
    options = request.options
    draws = np.random.default_rng((request.seed, 7))
    n, d, noise = int(options["examples"]), int(options["features"]), float(options["noise"])
    if options["kind"] == "blobs":
        classes = int(options["classes"])
        centres = draws.normal(size=(classes, d))
        centres *= 2 / np.linalg.norm(centres, axis=1, keepdims=True)
        label = draws.integers(0, classes, n).astype(np.int32)
        return {"train": {"x": centres[label] + noise * draws.normal(size=(n, d)), "label": label}}
    x = draws.normal(size=(n, d))
    if options["kind"] == "regression":
        weights = draws.normal(size=(d, 1)) / np.sqrt(d)
        return {"train": {"x": x, "y": x @ weights + noise * draws.normal(size=(n, 1))}}
    units, classes = int(options["units"]), int(options["classes"])
    hidden = np.tanh(x @ draws.normal(size=(d, units)) * (2 / np.sqrt(d)))
    logits = hidden @ draws.normal(size=(units, classes)) + noise * draws.normal(size=(n, classes))
    return {"train": {"x": x, "label": logits.argmax(axis=1).astype(np.int32)}}


def python(request: Request) -> Raw:
    """What `module:function()` gives: {"train": {field: [n, ...]}, "test": ...}, or the fields of one part.

    The module is looked for in the folder of the run first. Sizes are compared with the spec's.
    """
    target = str(request.options["function"])
    name, _, attribute = target.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise DataError(f"python({target}): {error}") from error
    try:
        result = found()
    except Exception as error:
        raise DataError(f"python({target}) failed: {type(error).__name__}: {error}") from error
    if not isinstance(result, Mapping) or not result:
        raise DataError(f"python({target}) gave {type(result).__name__}; it must give arrays by name")
    parts = result if set(result) <= set(PARTS) else {"train": result}
    return _sized({part: {k: np.asarray(v) for k, v in fields.items()} for part, fields in parts.items()}, request)


def huggingface(request: Request) -> Raw:
    """A data set by its name on the hub, or a folder; through the `datasets` package and its cache.

    Pictures become bytes, grey or in colours as declared. HF_HUB_OFFLINE and HF_DATASETS_OFFLINE are honoured.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError('huggingface(...) needs datasets: pip install "drmadc[huggingface]"') from error
    name = str(request.options["name"])
    raw: dict[str, dict[str, Array]] = {}
    for part in PARTS:
        if part not in request.options:
            continue
        try:
            rows = datasets.load_dataset(name, split=part)
        except Exception as error:  # the package raises what its transports raise
            raise DataError(f"huggingface({name}): {type(error).__name__}: {str(error).splitlines()[0]}") from error
        missing = [field for field in request.fields if field not in rows.column_names]
        if missing:
            there = ", ".join(rows.column_names)
            raise DataError(f"huggingface({name}): there is no column `{missing[0]}`; there are {there}")
        raw[part] = {field: _column(rows[field], request.fields[field]) for field in request.fields}
    return _sized(raw, request)


def _column(values: Any, declared: str) -> Array:
    if declared.startswith("byte["):
        mode = "L" if declared.count(",") == 1 else "RGB"
        values = [value.convert(mode) if hasattr(value, "convert") else value for value in values]
        return np.stack([np.asarray(value, np.uint8) for value in values])
    return np.asarray(list(values))


def _sized(raw: Raw, request: Request) -> Raw:
    """The parts that the spec names, each with as many examples as it says."""
    out: dict[str, Mapping[str, Array]] = {}
    for part in PARTS:
        wanted = request.options.get(part)
        if wanted is None:
            continue
        name = request.options.get("function") or request.options.get("name")
        if part not in raw:
            raise DataError(f"{name}: there is no part `{part}`; there are {', '.join(raw)}")
        count = len(next(iter(raw[part].values())))
        if count != wanted:
            raise DataError(f"{name}: `{part}` has {count} examples, the spec says {wanted}")
        out[part] = raw[part]
    return out
