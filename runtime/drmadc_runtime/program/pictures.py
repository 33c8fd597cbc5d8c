"""Hyperparameters as pictures."""

import numpy as np

from drmadc_runtime.core.types import Arrays, Values
from drmadc_runtime.program.executor import Executor


def pictures(executor: Executor, hypers: Values) -> Arrays:
    """Pictures [height, width] or [n, height, width] by title; none where the spec asks for none."""
    if executor.program.images is None:
        return {}
    with executor.precision():
        images = executor.program.images(executor.cast(hypers))
        return {title: np.asarray(image) for title, image in images.items()}
