"""What emitted modules import: trees, axes, draws, losses, paths, and the outer loop.

Nothing here depends on a spec; what does is in the emitted module. This package never imports the compiler.
"""

from drmadc_runtime.adjoints.base import Hypergradient, growth, sweep, sweep_back
from drmadc_runtime.adjoints.curvature import gauss_newton, slope
from drmadc_runtime.adjoints.fixed_point import Steady, unsettled
from drmadc_runtime.adjoints.flow import flow_back
from drmadc_runtime.adjoints.forward_mode import forward_gradient, forward_sweep
from drmadc_runtime.adjoints.knots import Knots, Published, guarded_sweep_back
from drmadc_runtime.adjoints.krylov import implicit
from drmadc_runtime.adjoints.naive import Naive, naive_sweep
from drmadc_runtime.adjoints.online import online
from drmadc_runtime.adjoints.recompute import Checkpoint, Recursion
from drmadc_runtime.adjoints.reversible import Reversible, reversible_sweep
from drmadc_runtime.adjoints.store import Store
from drmadc_runtime.core.axes import collect, part, spread
from drmadc_runtime.core.random import draw_rows, noise_key, normal, uniform
from drmadc_runtime.core.ties import tied, tied_all, tied_steps
from drmadc_runtime.core.trees import Tree, each, fill, join, laid, reduce, replaced, select, total, zeros_like
from drmadc_runtime.core.versions import require
from drmadc_runtime.data.resident import Data, count, take
from drmadc_runtime.data.sampling import cyclic_rows, shuffled_rows
from drmadc_runtime.data.streaming import Feed
from drmadc_runtime.data.tasks import Tasks, all_tasks, mix_tasks
from drmadc_runtime.data.transforms.augmentation import add_noise, jitter, mixup, rotate
from drmadc_runtime.data.transforms.features import global_contrast, one_hot, rescale, standardise, whiten
from drmadc_runtime.data.transforms.geometric import augmentation_key, move
from drmadc_runtime.execution.microbatch import accumulate, in_pieces
from drmadc_runtime.nn.functions import (
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
from drmadc_runtime.run.expectations import Expectation
from drmadc_runtime.run.main import main

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
