"""What limits how hyperparameters move: ties between their entries, and projections after an outer step."""

from dataclasses import dataclass
from typing import Literal

Grain = Literal["network", "layer", "param", "in_unit", "out_unit", "step"]
GRAINS: tuple[Grain, ...] = ("network", "layer", "param", "in_unit", "out_unit", "step")
Projector = Literal["sort", "symmetric", "clip"]

# Which classes of entries an axis can be tied into; `network` is the whole axis.
COARSER: dict[str, tuple[Grain, ...]] = {
    "weight": ("in_unit", "out_unit", "param", "layer", "network"),
    "in_unit": ("param", "layer", "network"),
    "out_unit": ("layer", "network"),
    "param": ("layer", "network"),
    "layer": ("network",),
    "step": ("step",),
    "size": ("network",),
    "class": ("network",),
    "example": ("network",),
    "task": ("network",),
}


@dataclass(frozen=True, slots=True)
class Tie:
    """Entries of a hyperparameter that move as one: their gradients are summed, or averaged where `mean` is set.

    `bins` is the number of classes of a step axis.
    """

    hyper: str
    grain: Grain
    mean: bool = False
    bins: int = 1


@dataclass(frozen=True, slots=True)
class Projection:
    """What is done to a hyperparameter after each outer step; bounds are in its unconstrained form."""

    hyper: str
    kind: Projector
    low: float | None = None
    high: float | None = None
