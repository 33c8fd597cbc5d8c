"""What emitted modules import: trees, axes, draws, losses, paths, and the outer loop.

Nothing here depends on a spec; what does is in the emitted module. This package never imports the compiler.
"""

from drmadc_runtime.adjoints.base import Hypergradient, forward_pass, growth, reverse_pass
from drmadc_runtime.adjoints.curvature import gauss_newton, slope
from drmadc_runtime.adjoints.fixed_point import FixedPoint, residual
from drmadc_runtime.adjoints.flow import FlowKnots, flow_reverse_pass
from drmadc_runtime.adjoints.forward_mode import forward_gradient, forward_mode_pass
from drmadc_runtime.adjoints.knots import Knots, Published, guarded_reverse_pass
from drmadc_runtime.adjoints.krylov import implicit
from drmadc_runtime.adjoints.naive import Naive, naive_forward_pass
from drmadc_runtime.adjoints.online import online
from drmadc_runtime.adjoints.recompute import Checkpoint, Recursion
from drmadc_runtime.adjoints.reversible import Reversible, reversible_forward_pass, round_decay
from drmadc_runtime.adjoints.store import Store
from drmadc_runtime.core.axes import At, Layout, broadcast, part, unbroadcast
from drmadc_runtime.core.domains import constrain, positive, real, reverse_constrain, unconstrain, unit
from drmadc_runtime.core.initialisers import orthogonal, variance_scaled
from drmadc_runtime.core.random import draw_rows, noise_key, normal, truncated_normal, uniform
from drmadc_runtime.core.ties import tied, tied_all, tied_steps
from drmadc_runtime.core.trees import (
    Tree,
    join,
    reduce,
    replaced,
    select,
    tree_broadcast,
    tree_full,
    tree_map,
    tree_sum,
    zeros_like,
)
from drmadc_runtime.core.versions import require
from drmadc_runtime.data.resident import Data, count, take
from drmadc_runtime.data.sampling import cyclic_rows, shuffled_rows
from drmadc_runtime.data.streaming import Feed
from drmadc_runtime.data.tasks import Tasks, all_tasks, mix_tasks
from drmadc_runtime.data.transforms.augmentation import add_noise, jitter, mixup, rotate
from drmadc_runtime.data.transforms.features import concat, global_contrast, one_hot, rescale, standardise, whiten
from drmadc_runtime.data.transforms.geometric import augmentation_key, geometric
from drmadc_runtime.data.transforms.missing import fill_missing, is_missing
from drmadc_runtime.execution.microbatch import accumulate, chunked_mean
from drmadc_runtime.nn.functions import (
    binary_cross_entropy,
    by_class,
    cross_entropy,
    error,
    expm,
    flatten,
    gaussian_dropout,
    gelu,
    huber,
    identity,
    inverse,
    inverse_cdf,
    labels,
    linspace,
    neighbours,
    noise,
    sqrt,
    squared_error,
    unit_step,
)
from drmadc_runtime.nn.metrics import (
    accuracy,
    auc,
    average_precision,
    balanced_accuracy,
    brier,
    calibration_error,
    f1,
    log_loss,
    mae,
    perplexity,
    r2,
    rmse,
)
from drmadc_runtime.program.contract import Evaluation, Expectation, Origins, Prediction, Program, Retraining, Stage
from drmadc_runtime.run.main import main

__all__ = [
    "At",
    "Checkpoint",
    "Data",
    "Evaluation",
    "Expectation",
    "Feed",
    "FixedPoint",
    "FlowKnots",
    "Hypergradient",
    "Knots",
    "Layout",
    "Naive",
    "Origins",
    "Prediction",
    "Program",
    "Published",
    "Recursion",
    "Retraining",
    "Reversible",
    "Stage",
    "Store",
    "Tasks",
    "Tree",
    "accumulate",
    "accuracy",
    "add_noise",
    "all_tasks",
    "auc",
    "augmentation_key",
    "average_precision",
    "balanced_accuracy",
    "binary_cross_entropy",
    "brier",
    "broadcast",
    "by_class",
    "calibration_error",
    "chunked_mean",
    "concat",
    "constrain",
    "count",
    "cross_entropy",
    "cyclic_rows",
    "draw_rows",
    "error",
    "expm",
    "f1",
    "fill_missing",
    "flatten",
    "flow_reverse_pass",
    "forward_gradient",
    "forward_mode_pass",
    "forward_pass",
    "gauss_newton",
    "gaussian_dropout",
    "gelu",
    "geometric",
    "global_contrast",
    "growth",
    "guarded_reverse_pass",
    "huber",
    "identity",
    "implicit",
    "inverse",
    "inverse_cdf",
    "is_missing",
    "jitter",
    "join",
    "labels",
    "linspace",
    "log_loss",
    "mae",
    "main",
    "mix_tasks",
    "mixup",
    "naive_forward_pass",
    "neighbours",
    "noise",
    "noise_key",
    "normal",
    "one_hot",
    "online",
    "orthogonal",
    "part",
    "perplexity",
    "positive",
    "r2",
    "real",
    "reduce",
    "replaced",
    "require",
    "rescale",
    "residual",
    "reverse_constrain",
    "reverse_pass",
    "reversible_forward_pass",
    "rmse",
    "rotate",
    "round_decay",
    "select",
    "shuffled_rows",
    "slope",
    "sqrt",
    "squared_error",
    "standardise",
    "take",
    "tied",
    "tied_all",
    "tied_steps",
    "tree_broadcast",
    "tree_full",
    "tree_map",
    "tree_sum",
    "truncated_normal",
    "unbroadcast",
    "unconstrain",
    "uniform",
    "unit",
    "unit_step",
    "variance_scaled",
    "whiten",
    "zeros_like",
]
