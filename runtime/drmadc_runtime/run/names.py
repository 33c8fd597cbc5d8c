"""What a run keeps of names: those of classes, and which example each entry of a hyperparameter belongs to."""

import json
from pathlib import Path

from drmadc_common.run_folder import RunFiles, texts_by_name
from drmadc_runtime.core.archives import read_arrays, zipped
from drmadc_runtime.data.names import ClassNames, Columns, class_names, examples
from drmadc_runtime.data.resident import Data
from drmadc_runtime.program.contract import Program
from drmadc_runtime.run.folder import RunFolder

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
        DamagedRun: the file is damaged.
    """
    return RunFiles(path).parsed(CLASSES, texts_by_name) if (path / CLASSES).exists() else {}


def read_examples(path: Path) -> Columns:
    """The examples of the train split in its order, as `drmadc_runtime.data.names.examples` gives them; or none.

    Raises:
        DamagedRun: the file is damaged.
    """
    return read_arrays(path / EXAMPLES) if (path / EXAMPLES).exists() else {}
