"""The parts that a data source may come in, and the splits that a program may make of them."""

from typing import Literal

SourcePart = Literal["train", "valid", "test"]
PARTS: tuple[SourcePart, ...] = ("train", "valid", "test")

SplitName = Literal["train", "valid", "test", "guard"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test", "guard")
HELD_OUT: tuple[SplitName, ...] = ("test", "guard")
"""Splits that no hyperparameter is differentiated through; they are drawn once for a run."""
