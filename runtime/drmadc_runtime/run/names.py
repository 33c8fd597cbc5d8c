"""What a run keeps of names: those of classes, and which example each entry of a hyperparameter belongs to."""

import json
from pathlib import Path

import numpy as np

from drmadc_runtime.data.names import ClassNames, Columns, class_names, examples
from drmadc_runtime.data.resident import Data
from drmadc_runtime.program.contract import Program
from drmadc_runtime.run.folder import RunFolder, zipped

CLASSES = "classes.json"
EXAMPLES = "examples.npz"


def keep_names(program: Program, folder: RunFolder) -> None:
    """Write what can only be told of the data as they are now; a file that changes later changes no name.

    Raises:
        DataError: the data cannot be read.
    """
    if not isinstance(program.data, Data):
        return
    classes = class_names(program.data)
    if classes:
        folder.write(CLASSES, json.dumps(classes, ensure_ascii=False) + "\n")
    if program.per_example:
        label = program.predict.label if program.predict is not None else ""
        folder.write(EXAMPLES, zipped(examples(program.data, label)))


def read_classes(path: Path) -> ClassNames:
    """The names of classes by field, of a run folder; none where it keeps none.

    Raises:
        ValueError: the file is damaged.
    """
    file = path / CLASSES
    if not file.exists():
        return {}
    return {field: tuple(map(str, names)) for field, names in json.loads(file.read_text(encoding="utf-8")).items()}


def read_examples(path: Path) -> Columns:
    """The examples of the train split in its order, as `drmadc_runtime.data.names.examples` gives them; or none.

    Raises:
        ValueError: the file is damaged.
    """
    file = path / EXAMPLES
    if not file.exists():
        return {}
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
