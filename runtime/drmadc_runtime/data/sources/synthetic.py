"""Arrays that a function makes: synthetic data, or a function of the user's own."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from drmadc_common.parts import PARTS
from drmadc_runtime.data.sources.request import DataError, Raw, Request, sized


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
        raise DataError(f"python({target}) returned {type(result).__name__}; expected a dictionary of arrays")
    parts = result if set(result) <= set(PARTS) else {"train": result}
    return sized({part: {k: np.asarray(v) for k, v in fields.items()} for part, fields in parts.items()}, request)
