"""From a source's name to its arrays, checked: types, lengths, finite numbers, labels inside of their classes."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.missing import MISSING, NO_CLASS
from drmadc_runtime.data.sources import bundled, downloads, files, huggingface, synthetic, tables
from drmadc_runtime.data.sources.registry import REGISTRY
from drmadc_runtime.data.sources.request import Array, DataError, Raw, Request, UnseenWords

CHUNK = 64_000_000
INT32 = np.iinfo(np.int32)
OR_MISSING = " or missing"


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
    "csv": tables.csv_table,
    "parquet": tables.parquet_table,
    "images": files.pictures,
    "text": files.text,
    "synthetic": synthetic.synthetic,
    "python": synthetic.python,
    "huggingface": huggingface.huggingface,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source's arrays, part -> field -> [n, ...]; and the words of its classes by field, in order."""

    raw: Raw
    words: Mapping[str, tuple[str, ...]]


def load(source: str, request: Request) -> Loaded:
    """What a source holds.

    Raises:
        DataError: its arrays cannot be read, or do not hold what the spec says; with file, field and row.
    """
    raw = SOURCES[source](request)
    if not request.fields:
        return Loaded(raw, request.words)
    request = replace(request, words={**_strings(raw["train"], request), **request.words})
    parts = {part: checked(arrays, request, _place(source, request, part)) for part, arrays in raw.items()}
    return Loaded(parts, request.words)


def _strings(arrays: Mapping[str, Array], request: Request) -> dict[str, tuple[str, ...]]:
    """The words of labels that a source gives as strings: those of the train part, for all parts alike."""
    out: dict[str, tuple[str, ...]] = {}
    for name, declared in request.fields.items():
        values = arrays.get(name)
        if declared.startswith("class") and values is not None and values.ndim == 1 and values.dtype.kind in "UO":
            words = tuple(np.unique(values.astype(np.str_)).tolist())
            classes = int(declared.removesuffix(OR_MISSING)[6:-1].partition(",")[0])
            if not classes or len(words) <= classes:
                out[name] = words
    return out


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


def checked(arrays: Mapping[str, Array], request: Request, place: str) -> dict[str, Array]:
    """The fields that are read, as declared."""
    out: dict[str, Array] = {}
    for name, declared in request.fields.items():
        if name not in arrays:
            raise DataError(f"{place}: no field `{name}`; fields: {', '.join(arrays)}")
        values, words = arrays[name], request.words.get(name, ())
        if name in request.unseen and words:
            known = _known(values, words, declared.endswith(OR_MISSING), name, place)
            out[name] = _words(np.where(known, values, words[0]), words, declared.endswith(OR_MISSING), name, place)
            out[name][~known] = NO_CLASS
        else:
            out[name] = _typed(values, name, declared, place, words)
    lengths = {name: len(values) for name, values in out.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise DataError(f"{place}: its arrays differ in length: {counts}")
    return out


def _typed(values: Array, name: str, declared: str, place: str, words: tuple[str, ...] = ()) -> Array:
    """A field as it is declared; what is missing, where that is expected, as core/missing.py says."""
    type_ = declared.removesuffix(OR_MISSING)
    expected = type_ != declared
    element, _, inner = type_.rstrip("]").partition("[")
    if element == "class":
        classes, *lengths = (int(n) for n in inner.split(", "))
        if lengths:
            return _tokens(values, classes, lengths, name, place)
        return _words(values, words, expected, name, place) if words else _labels(values, classes, name, place)
    shape = tuple(int(n) for n in inner.split(", ")) if inner else ()
    if values.shape[1:] != shape:
        raise DataError(f"{place}: `{name}` has per-example shape {list(values.shape[1:])}, declared {list(shape)}")
    if element == "byte" and values.dtype != np.uint8:
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}, declared byte")
    if np.issubdtype(values.dtype, np.floating):
        step = max(1, CHUNK // max(1, values[:1].nbytes))
        missing = 0
        for start in range(0, len(values), step):
            chunk = values[start : start + step]
            bad = np.isinf(chunk.reshape(len(chunk), -1)).any(axis=1)
            if bad.any():
                row = start + int(np.argmax(bad))
                raise DataError(f"{place}: `{name}` is not finite in row {row}; remove or fix it")
            missing += int(np.isnan(chunk).sum())
        if missing and not expected:
            raise DataError(_missing(place, name, missing, "median"))
        if missing:
            values = np.where(np.isnan(values), MISSING, values.astype(np.result_type(values.dtype, np.float32)))
    elif not (np.issubdtype(values.dtype, np.integer) or values.dtype == np.bool_):
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}, expected numbers")
    return _as_reals(values) if element == "real" else values


def _as_reals(values: Array) -> Array:
    """Integers that a device holds as they are; those beyond 32 bits, which it would wrap around, as float64."""
    if values.dtype.itemsize < 8:
        return values
    step = max(1, CHUNK // max(1, values[:1].nbytes))
    chunks = (values[start : start + step] for start in range(0, len(values), step))
    fits = all(chunk.min() >= INT32.min and chunk.max() <= INT32.max for chunk in chunks if chunk.size)
    return values if fits else values.astype(np.float64)


def _missing(place: str, name: str, count: int, value: str) -> str:
    values = f"{count:,} missing value{'' if count == 1 else 's'}"
    return f"{place}: `{name}` has {values}; fill them: missing({name}, {value}), or remove these rows"


def _known(values: Array, words: tuple[str, ...], optional: bool, name: str, place: str) -> npt.NDArray[np.bool_]:
    """Where a word is one of those of training, or missing; warns of the others."""
    texts = values.astype(np.str_)
    known: npt.NDArray[np.bool_] = np.isin(texts, [*words, ""])
    if not known.all():
        row, other = int(np.argmin(known)), np.unique(texts[~known])
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        read = "as if it were missing" if optional else f"as none of its {len(words)} words"
        warnings.warn(
            f"{place}: `{name}` has words that training did not have, `{texts[row]}`{more}, in {(~known).sum():,} of "
            f"{len(texts):,} rows, first in row {row}; read {read}",
            UnseenWords,
            stacklevel=2,
        )
    return known


def _words(values: Array, words: tuple[str, ...], expected: bool, name: str, place: str) -> Array:
    """Words as int32: their places among the classes, or NO_CLASS where one is missing."""
    texts = values.astype(np.str_)
    missing = int((texts == "").sum())
    if missing and not expected:
        raise DataError(_missing(place, name, missing, "most_frequent"))
    known = np.array(words, dtype=np.str_)
    places = np.minimum(np.searchsorted(known, texts), len(known) - 1)
    unseen = (known[places] != texts) & (texts != "")
    if unseen.any():
        row = int(np.argmax(unseen))
        shown = ", ".join(f"`{word}`" for word in words[:8]) + (", ..." if len(words) > 8 else "")
        raise DataError(f"{place}: `{name}` is `{texts[row]}` in row {row}, none of its {len(words)} words ({shown})")
    return np.where(texts == "", NO_CLASS, places).astype(np.int32)


def _tokens(values: Array, classes: int, lengths: list[int], name: str, place: str) -> Array:
    """Token ids as int32: whole numbers below `classes`, so many to an example."""
    if list(values.shape[1:]) != lengths:
        raise DataError(f"{place}: `{name}` has per-example shape {list(values.shape[1:])}, declared {lengths}")
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{place}: `{name}` has dtype {values.dtype}; token ids must be integers")
    bad = (np.less(values, 0) | np.greater_equal(values, classes)).reshape(len(values), -1)
    if bad.any():
        row = int(np.argmax(bad.any(axis=1)))
        wrong = values[row].ravel()[int(np.argmax(bad[row]))]
        raise DataError(f"{place}: `{name}` is {wrong} in row {row}; token ids must be from 0 to {classes - 1}")
    return values.astype(np.int32, copy=False)


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
