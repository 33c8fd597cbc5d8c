"""The tables of the language: functions and layers by name, in the order of the reference.

A function of a family is a line in its file; a new family or layer is a file and its name here.
"""

from drmadc.language.functions import (
    arrays,
    augmentations,
    class_weights,
    elementwise,
    initial,
    labels,
    losses,
    metrics,
    missing,
    noise,
    reductions,
    schedules,
    transforms,
)
from drmadc.language.functions.elementwise import Elementwise
from drmadc.language.functions.schedules import Schedule
from drmadc.language.layers import dense
from drmadc.language.layers.layer import Layer
from drmadc.language.op import Function, Op

ELEMENTWISE: dict[str, Elementwise] = {op.name: op for op in elementwise.OPS}
"""What an `ir.Unary` may be, beside `neg`."""

CALLS: dict[str, Function] = {
    op.name: op
    for family in (
        reductions,
        losses,
        class_weights,
        metrics,
        arrays,
        noise,
        transforms,
        missing,
        augmentations,
        initial,
        labels,
    )
    for op in family.OPS
}
"""What an `ir.Call` may be, beside statistics of data and of recorded series."""

INITIALISERS = tuple(op.name for op in initial.OPS if isinstance(op, initial.Initialiser | initial.Zeros))
"""Initial values by name: `init = { weights: he }`."""

SCHEDULES: dict[str, Schedule] = {op.name: op for op in schedules.OPS}
"""What becomes an expression in the step `t`."""

LAYERS: dict[str, Layer] = {module.LAYER.name: module.LAYER for module in (dense,)}
"""What an `ir.Layer` may be."""

FUNCTIONS: dict[str, Op] = {
    op.name: op for op in (*ELEMENTWISE.values(), *CALLS.values(), *SCHEDULES.values(), *LAYERS.values()) if op.public
}
"""What a spec may call."""
