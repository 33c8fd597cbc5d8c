"""New examples for a trained model: the fields that it reads, labels where they are asked for, in the file's order."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drmadc_common.image_folder import SUFFIXES, images_by_class
from drmadc_common.tables.compressed import without_ending
from drmadc_runtime.data.names import class_names
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.files import native, pixels
from drmadc_runtime.data.sources.read import SOURCES, checked
from drmadc_runtime.data.sources.request import Array, DataError, Request

ENDINGS: Mapping[str, str] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".npz": "npz"}
TABLES = ("csv", "parquet")
Fields = Mapping[str, Array]


def read_new(
    data: Data, fields: Mapping[str, str], path: Path, unseen: tuple[str, ...] = ()
) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The fields of the examples in a file, and the paths of pictures in a folder ("" elsewhere: no names).

    Args:
        data: as the program was trained; says which columns of a table a field is made of, and its words.
        fields: the types of the fields that are read.
        unseen: those where a word that training did not have is read as none of its words, with an `UnseenWords`.
        path: .csv, .parquet, .npz, .npy (of one field), a text as the source is, or a folder of pictures, which may lie
            in folders; where labels are read, in a folder for each class.

    Raises:
        DataError: it cannot be read, lacks a field or column, or holds what the model cannot take.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.is_dir():
        return _pictures(data, fields, path)
    ending = Path(without_ending(path.name)).suffix.lower()
    if ending == ".npy":
        if len(fields) != 1:
            raise DataError(f"{path}: the model reads {_listed(fields)}; give an .npz file with these arrays")
        try:
            if not path.is_file():
                raise ValueError("it is not a regular file")
            arrays: Fields = {name: native(np.load(path, allow_pickle=False)) for name in fields}
        except (OSError, ValueError, EOFError, MemoryError) as error:
            raise DataError(f"cannot read {path}: {error}") from error
    else:
        source = ENDINGS.get(ending, data.source if data.source in (*TABLES, "text") else "")
        if not source:
            raise DataError(f"{path} is not a .csv, .parquet, .npz or .npy file or a folder of pictures")
        options = data.options if source == data.source else {}
        columns = data.columns if source in TABLES else {}
        files = {"test": str(path)}
        if source == "text" and "words" in options:  # numbered by the train part
            files = {"train": str(data.files["train"]), **files}
        request = Request(files, columns, options, fields, words=data.words)
        arrays = SOURCES[source](request)["test"]
    return typed(data, fields, arrays, str(path), unseen), ()


def typed(
    data: Data,
    fields: Mapping[str, str],
    arrays: Mapping[str, npt.ArrayLike],
    place: str,
    unseen: tuple[str, ...] = (),
) -> dict[str, Array]:
    """Fields as they are declared: words become numbers, missing values what stands for them.

    Raises:
        DataError: a field is absent or has another type or shape; `place` is how the message calls where it is from.
    """
    words = {name: words for name, words in data.words.items() if name in fields}
    request = Request(fields=fields, words=words, unseen=unseen)
    given = {name: np.asarray(x) for name, x in arrays.items()}
    for name, declared in fields.items():
        if declared.startswith("class") and name not in data.words and name in given and given[name].dtype.kind in "UO":
            raise DataError(f"{place}: `{name}` has words, but the spec knows its classes by number; give numbers")
    found = checked(given, request, place)
    if not len(next(iter(found.values()))):
        raise DataError(f"{place} has no rows")
    return found


def _pictures(data: Data, fields: Mapping[str, str], folder: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The pictures below a folder, in the order of their paths; with labels, those of the folders that they lie in."""
    if set(fields) == {"image", "label"}:
        return _labelled(data, fields, folder)
    if tuple(fields) != ("image",):
        raise DataError(f"{folder} is a folder of pictures, but the model reads {_listed(fields)}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder} has no pictures ({', '.join(SUFFIXES)})")
    return {"image": _images(data, fields, paths)}, tuple(path.relative_to(folder).as_posix() for path in paths)


def _images(data: Data, fields: Mapping[str, str], paths: Sequence[Path]) -> Array:
    shape = tuple(int(n) for n in fields["image"][5:-1].split(", "))
    return np.stack([pixels(path, shape, "size" in data.options) for path in paths])


def _labelled(data: Data, fields: Mapping[str, str], folder: Path) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The same, with the number of each picture's class."""
    count = int(fields["label"][6:-1])
    classes = class_names(data).get("label", tuple(map(str, range(count))))
    found = images_by_class(folder)
    unknown = next((name for name in found if name not in classes), None)
    if unknown is not None or not any(found.values()):
        what = f"`{unknown}` is no class" if unknown is not None else "it has no pictures in folders of classes"
        raise DataError(f"{folder}: {what}; the classes are {', '.join(classes[:8])}{', ...' if classes[8:] else ''}")
    paths = [path for pictures in found.values() for path in pictures]
    labels = [classes.index(name) for name, pictures in found.items() for _ in pictures]
    names = tuple(path.relative_to(folder).as_posix() for path in paths)
    return {"image": _images(data, fields, paths), "label": np.array(labels, np.int32)}, names


def _listed(fields: Mapping[str, str]) -> str:
    return ", ".join(f"`{name}`" for name in fields)
