"""What a source is asked for, what it gives, and how it fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from drmadc_common.parts import PARTS

Array = npt.NDArray[np.generic]
Raw = Mapping[str, Mapping[str, Array]]


class UnseenWords(UserWarning):
    """Words of new examples that training did not have; the message says which, how many, and how they are read."""


class DataError(RuntimeError):
    """Data that cannot be used; the message says what, where and what to do."""


@dataclass(frozen=True)
class Request:
    """A source's arguments.

    `files`: part (train, test) to a path, or to a path for each field. `columns`: of a table, the columns of each
    field. `fields`: the type of each field that is read: `real[4]`, `byte[28, 28]`, `class[3]`; others are left out.
    `real[] or missing`: its missing values are expected. `words`: of a column of words, those of its classes in order.
    `unseen`: the fields where other words are read as none of them, with a warning.
    """

    files: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()


def sized(raw: Raw, request: Request) -> Raw:
    """The parts that the spec names, each with as many examples as it says."""
    out: dict[str, Mapping[str, Array]] = {}
    for part in PARTS:
        wanted = request.options.get(part)
        if wanted is None:
            continue
        name = request.options.get("function") or request.options.get("name")
        if part not in raw:
            raise DataError(f"{name}: no part `{part}`; parts: {', '.join(raw)}")
        count = len(next(iter(raw[part].values())))
        if count != wanted:
            raise DataError(f"{name}: `{part}` has {count} examples, the spec declares {wanted}")
        out[part] = raw[part]
    return out
