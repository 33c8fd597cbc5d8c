"""From a source's name to its arrays, checked: types, lengths, finite numbers, labels inside of their classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from drmadc_runtime.data.sources import bundled, downloads, files, huggingface, synthetic
from drmadc_runtime.data.sources.registry import REGISTRY
from drmadc_runtime.data.sources.request import Array, DataError, Raw, Request

CHUNK = 64_000_000


@dataclass(frozen=True)
class _Fetched:
    """The arrays of a data set of the catalogue."""

    name: str

    def __call__(self, request: Request) -> Raw:
        return downloads.arrays(self.name)


SOURCES: Mapping[str, Callable[[Request], Raw]] = {
    "digits": lambda request: bundled.digits(),
    "mnist": lambda request: bundled.mnist(),
    **{name: _Fetched(name) for name in REGISTRY},
    "npz": files.npz,
    "npy": files.npy,
    "idx": files.idx,
    "csv": files.csv_table,
    "parquet": files.parquet_table,
    "images": files.pictures,
    "text": files.text,
    "synthetic": synthetic.synthetic,
    "python": synthetic.python,
    "huggingface": huggingface.huggingface,
}


def load(source: str, request: Request) -> Raw:
    """A source's arrays: part -> field -> [n, ...].

    Raises:
        DataError: they cannot be read, or do not hold what the spec says; with file, field and row.
    """
    raw = SOURCES[source](request)
    if not request.fields:
        return raw
    return {part: _checked(arrays, request, _place(source, request, part)) for part, arrays in raw.items()}


def _place(source: str, request: Request, part: str) -> str:
    """How messages call where the data are from."""
    match request.files.get(part):
        case str(path):
            return path
        case None:
            name = request.options.get("function") or request.options.get("name")
            return f"{source}({name})" if name else source
        case paths:
            return ", ".join(paths.values())


def _checked(arrays: Mapping[str, Array], request: Request, place: str) -> dict[str, Array]:
    """The fields that are read, as declared."""
    out: dict[str, Array] = {}
    for name, declared in request.fields.items():
        if name not in arrays:
            raise DataError(f"{place}: no field `{name}`; fields: {', '.join(arrays)}")
        out[name] = _typed(arrays[name], name, declared, place)
    lengths = {name: len(values) for name, values in out.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise DataError(f"{place}: its arrays differ in length: {counts}")
    return out


def _typed(values: Array, name: str, declared: str, place: str) -> Array:
    element, _, inner = declared.rstrip("]").partition("[")
    if element == "class":
        classes, *lengths = (int(n) for n in inner.split(", "))
        if lengths:
            return _tokens(values, classes, lengths, name, place)
        return _labels(values, classes, name, place)
    shape = tuple(int(n) for n in inner.split(", ")) if inner else ()
    if values.shape[1:] != shape:
        raise DataError(f"{place}: `{name}` has per-example shape {list(values.shape[1:])}, declared {list(shape)}")
    if element == "byte" and values.dtype != np.uint8:
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}, declared byte")
    if np.issubdtype(values.dtype, np.floating):
        step = max(1, CHUNK // max(1, values[:1].nbytes))
        for start in range(0, len(values), step):
            chunk = values[start : start + step]
            bad = ~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1)
            if bad.any():
                row = start + int(np.argmax(bad))
                raise DataError(f"{place}: `{name}` is not finite in row {row}; remove or fix it")
    elif not (np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_):
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}, expected numbers")
    return values


def _tokens(values: Array, classes: int, lengths: list[int], name: str, place: str) -> Array:
    """Token ids as int32: whole numbers below `classes`, so many to an example."""
    if list(values.shape[1:]) != lengths:
        raise DataError(f"{place}: `{name}` has per-example shape {list(values.shape[1:])}, declared {lengths}")
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}; token ids must be integers")
    numbers = values.astype(np.int64)
    bad = ((numbers < 0) | (numbers >= classes)).reshape(len(values), -1)
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        wrong = numbers[row].ravel()[int(np.argmax(bad[row]))]
        raise DataError(f"{place}: `{name}` is {wrong} in row {row}; token ids must be from 0 to {classes - 1}")
    return numbers.astype(np.int32)


def _labels(values: Array, classes: int, name: str, place: str) -> Array:
    """Labels as int32; words are numbered alphabetically. `classes` is 0 where no feature says how many."""
    if values.ndim != 1:
        raise DataError(f"{place}: `{name}` has {values.ndim} axes; labels must have one")
    if values.dtype.kind in "UO":
        words, places = np.unique(values.astype(str), return_inverse=True)
        if classes and len(words) > classes:
            more = ", ".join(f"`{word}`" for word in words[:5])
            raise DataError(f"{place}: `{name}` has {len(words)} distinct strings ({more}, ...), expected {classes}")
        return places.astype(np.int32)
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}; labels must be integers or strings")
    numbers = values.astype(np.int64)
    bad = (numbers < 0) | (numbers >= (classes or np.inf))
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{place}: `{name}` is {numbers[row]} in row {row}; classes must be from 0 to {classes - 1}")
    return numbers.astype(np.int32)
