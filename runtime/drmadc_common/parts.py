"""The parts that a data source may come in, in order."""

from typing import Literal

SourcePart = Literal["train", "valid", "test"]
PARTS: tuple[SourcePart, ...] = ("train", "valid", "test")
