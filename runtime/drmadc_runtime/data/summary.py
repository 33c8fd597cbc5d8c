"""What a spec's data are, in words: splits, fields, classes."""

import numpy as np

from drmadc_common.amounts import bytes_text
from drmadc_runtime.core.missing import MISSING
from drmadc_runtime.data.names import class_names
from drmadc_runtime.data.resident import Data, Rows
from drmadc_runtime.data.tasks import Tasks


def describe(data: Data | Tasks) -> list[str]:
    """Lines of text: for each split of the first outer step its examples, and each field's range or classes.

    Raises:
        DataError: the data cannot be read.
    """
    name = data.source if isinstance(data, Data) else f"omniglot({data.alphabets})"
    classes = class_names(data) if isinstance(data, Data) else {}
    out = [name]
    for split, fields in data.splits(0).items():
        first = next(iter(fields.values()))
        tasks = isinstance(data, Tasks) and not data.sampled
        count = f"{first.shape[0]} tasks of {first.shape[1]:,}" if tasks else f"{len(first):,}"
        out.append(f"  {split}: {count} examples, {bytes_text(sum(values.nbytes for values in fields.values()))}")
        for field, values in fields.items():
            words = classes.get(field, ())
            out.append(f"    {field:<12} {_field(values, 2 if tasks else 1, words)}")
    return out


def _field(values: Rows, lead: int, words: tuple[str, ...]) -> str:
    """A field's classes, by name where they are words, or range; and how much of it is missing."""
    shape = f"{list(values.shape[lead:])}" if values.ndim > lead else ""
    if values.dtype == np.int32 and not shape:
        known = np.asarray(values, np.int32)
        labels, counts = np.unique(known[known >= 0], return_counts=True)
        absent = f", missing: {np.sum(known < 0):,}" if words and (known < 0).any() else ""
        if len(labels) > 20:
            return f"{len(labels)} classes of {counts.min():,} to {counts.max():,} examples{absent}"
        names = [words[label] for label in labels] if words else labels
        return "classes " + ", ".join(f"{n}: {c:,}" for n, c in zip(names, counts, strict=True)) + absent
    numbers = values.astype(np.float64)
    missing = numbers == MISSING
    if missing.all():
        return f"{values.dtype}{shape}  all missing"
    there = numbers[~missing]
    spread = f"from {there.min():.4g} to {there.max():.4g}, mean {there.mean():.4g}, sd {there.std():.4g}"
    return f"{values.dtype}{shape}  {spread}{f', missing: {missing.sum():,}' if missing.any() else ''}"
