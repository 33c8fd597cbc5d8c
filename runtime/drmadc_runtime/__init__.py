"""What emitted modules import: trees, axes, draws, losses, paths, and the outer loop.

Nothing here depends on a spec; what does is in the emitted module. This package never imports the compiler.
"""

from drmadc_runtime.accumulation import accumulate, in_pieces
from drmadc_runtime.augmentation import add_noise, jitter, mixup, rotate
from drmadc_runtime.axes import collect, part, spread
from drmadc_runtime.curvature import gauss_newton, slope
from drmadc_runtime.data import Data, count, take
from drmadc_runtime.draws import draw_rows, noise_key, normal, uniform
from drmadc_runtime.expectations import Expectation
from drmadc_runtime.feed import Feed
from drmadc_runtime.flow import flow_back
from drmadc_runtime.functions import (
    binary_cross_entropy,
    cross_entropy,
    error,
    expm,
    flatten,
    gaussian_dropout,
    gelu,
    huber,
    identity,
    inverse_cdf,
    labels,
    linspace,
    neighbours,
    noise,
    squared_error,
    unit_step,
)
from drmadc_runtime.knots import Knots, Published, guarded_sweep_back
from drmadc_runtime.krylov import implicit
from drmadc_runtime.main import main
from drmadc_runtime.moves import augmentation_key, move
from drmadc_runtime.naive import Naive, naive_sweep
from drmadc_runtime.online import online
from drmadc_runtime.paths import Hypergradient, growth, sweep, sweep_back
from drmadc_runtime.recompute import Checkpoint, Recursion
from drmadc_runtime.reversible import Reversible, reversible_sweep
from drmadc_runtime.sampling import cyclic_rows, shuffled_rows
from drmadc_runtime.steady import Steady, unsettled
from drmadc_runtime.store import Store
from drmadc_runtime.tangents import forward_gradient, forward_sweep
from drmadc_runtime.tasks import Tasks, all_tasks, mix_tasks
from drmadc_runtime.ties import tied, tied_all, tied_steps
from drmadc_runtime.transforms import global_contrast, one_hot, rescale, standardise, whiten
from drmadc_runtime.trees import Tree, each, fill, join, laid, reduce, replaced, select, total, zeros_like
from drmadc_runtime.versions import require

__all__ = [
    "Checkpoint",
    "Data",
    "Expectation",
    "Feed",
    "Hypergradient",
    "Knots",
    "Naive",
    "Published",
    "Recursion",
    "Reversible",
    "Steady",
    "Store",
    "Tasks",
    "Tree",
    "accumulate",
    "add_noise",
    "all_tasks",
    "augmentation_key",
    "binary_cross_entropy",
    "collect",
    "count",
    "cross_entropy",
    "cyclic_rows",
    "draw_rows",
    "each",
    "error",
    "expm",
    "fill",
    "flatten",
    "flow_back",
    "forward_gradient",
    "forward_sweep",
    "gauss_newton",
    "gaussian_dropout",
    "gelu",
    "global_contrast",
    "growth",
    "guarded_sweep_back",
    "huber",
    "identity",
    "implicit",
    "in_pieces",
    "inverse_cdf",
    "jitter",
    "join",
    "labels",
    "laid",
    "linspace",
    "main",
    "mix_tasks",
    "mixup",
    "move",
    "naive_sweep",
    "neighbours",
    "noise",
    "noise_key",
    "normal",
    "one_hot",
    "online",
    "part",
    "reduce",
    "replaced",
    "require",
    "rescale",
    "reversible_sweep",
    "rotate",
    "select",
    "shuffled_rows",
    "slope",
    "spread",
    "squared_error",
    "standardise",
    "sweep",
    "sweep_back",
    "take",
    "tied",
    "tied_all",
    "tied_steps",
    "total",
    "uniform",
    "unit_step",
    "unsettled",
    "whiten",
    "zeros_like",
]
