"""What emitted modules import: trees, axes, draws, losses, paths, and the outer loop.

Nothing here depends on a spec; what does is in the emitted module. This package never imports the compiler.
"""

from drmadc_runtime.axes import collect, part, spread
from drmadc_runtime.data import Data, take
from drmadc_runtime.draws import draw_rows, normal, uniform
from drmadc_runtime.functions import (
    binary_cross_entropy,
    cross_entropy,
    error,
    flatten,
    gelu,
    huber,
    squared_error,
    unit_step,
)
from drmadc_runtime.main import main
from drmadc_runtime.paths import Hypergradient, Knots, Store, growth, sweep, sweep_back
from drmadc_runtime.trees import Tree, each, fill, join, reduce, select, total, zeros_like
from drmadc_runtime.versions import require

__all__ = [
    "Data",
    "Hypergradient",
    "Knots",
    "Store",
    "Tree",
    "binary_cross_entropy",
    "collect",
    "cross_entropy",
    "draw_rows",
    "each",
    "error",
    "fill",
    "flatten",
    "gelu",
    "growth",
    "huber",
    "join",
    "main",
    "normal",
    "part",
    "reduce",
    "require",
    "select",
    "spread",
    "squared_error",
    "sweep",
    "sweep_back",
    "take",
    "total",
    "uniform",
    "unit_step",
    "zeros_like",
]
