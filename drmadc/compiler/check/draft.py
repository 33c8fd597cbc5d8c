"""The `train` and `tune` blocks as far as they are read: what is missing or wrong is None."""

from dataclasses import dataclass
from typing import Literal

from drmadc.compiler.check.settings import Settings
from drmadc.ir.program import Function, Init, Sampling, Stage, Step
from drmadc.ir.reverse import Reverse


@dataclass
class Train:
    """A `train` block; `steps` is None where it is missing or wrong."""

    settings: Settings
    steps: int | None
    seed: int = 0
    precision: Literal["float32", "float64"] = "float32"
    batch: int = 0
    sampling: Sampling = "with_replacement"
    parts: int = 1
    init: tuple[Init, ...] | None = None
    redraw: bool = True
    loss: Function | None = None
    step: Step | None = None


@dataclass
class Tune:
    """The `tune` blocks together; `settings` are those of the first."""

    settings: Settings
    objective: Function | None = None
    reverse: Reverse | None = None
    seeds: int = 1
    stop: int = 0
    patience: int = 0
    confirm: int = 3
    stages: tuple[Stage, ...] | None = None
