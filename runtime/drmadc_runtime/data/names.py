"""What numbers stand for: the classes of a field, and the examples of a split."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc_common.datasets import DATASETS
from drmadc_common.image_folder import images_by_class
from drmadc_common.words import words
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources import huggingface
from drmadc_runtime.data.sources.files import vocabulary

Columns: TypeAlias = dict[str, npt.NDArray[np.generic]]
"""A table by column, [n] each."""

ClassNames: TypeAlias = Mapping[str, tuple[str, ...]]
"""The names of classes in their order, by field; a field whose classes are numbers is left out."""

BYTES = tuple(chr(byte) if chr(byte).isprintable() and byte < 128 else f"0x{byte:02x}" for byte in range(256))
RESERVED = frozenset({"row", "file", "label", "class", "value"})


def class_names(data: Data) -> ClassNames:
    """The names of the classes of a source's fields: words of a column, folders of pictures, a vocabulary.

    Raises:
        DataError: the source cannot be read.
    """
    if data.source in DATASETS:
        names = DATASETS[data.source].names
        return {"label": names} if names else {}
    match data.source:
        case "images":
            return {"label": tuple(images_by_class(Path(data.files["train"])))}
        case "text" if "words" in data.options:
            found = vocabulary(words(Path(data.files["train"])), int(data.options["words"]))
            return {"words": found, "next": found}
        case "text":
            return {"bytes": BYTES, "next": BYTES}
        case "huggingface":
            classes = tuple(name for name, text in data.fields.items() if text.startswith("class"))
            own = huggingface.class_names(data.options["name"], data.options.get("configuration"), classes)
            return {**data.loaded.words, **own}
        case "python":
            return dict(data.loaded.words)
        case _:
            return dict(data.words)


def examples(data: Data, label: str = "", split: str = "train") -> Columns:
    """The examples of a split of the first outer step, in its order.

    Args:
        label: the field that is predicted; "" for the first one that has classes.

    Returns:
        `row`, counted from 0 in the source's part; `file` of a picture, below its folder; `label` and, where classes
        have names, `class`; then every other field with classes by its own name.

    Raises:
        DataError: the source cannot be read.
    """
    part, rows = data.rows(0)[split]
    out: Columns = {"row": np.asarray(rows)}
    if data.source == "images":
        folder = Path(data.files[part])
        paths = [path.relative_to(folder).as_posix() for found in images_by_class(folder).values() for path in found]
        out["file"] = np.array(paths)[rows]
    fields = {name: x for name, x in data.raw[part].items() if x.dtype == np.int32 and x.ndim == 1}
    label = label if label in fields else next(iter(fields), "")
    names = class_names(data)
    if label:
        out["label"] = fields[label][rows]
        if label in names:
            out["class"] = named(out["label"], names[label])
    for name, values in fields.items():
        if name != label:
            key = f"{name}_" if name in RESERVED else name
            out[key] = named(values[rows], names[name]) if name in names else values[rows]
    return out


def named(numbers: npt.NDArray[np.generic], names: tuple[str, ...]) -> npt.NDArray[np.str_]:
    """The names of classes; "" for one that is missing."""
    return np.array((*names, ""))[numbers.astype(np.int64)]
