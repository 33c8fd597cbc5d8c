"""Means over seeds with their t intervals, alone and paired by seed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its confidence interval; without one for a single value.

    Attributes:
        count: values that it is the mean of.
        low: lower end, None for a single value.
        high: upper end, None for a single value.
    """

    count: int
    mean: float
    low: float | None
    high: float | None


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of independent values and the interval of Student's t for it, at 95 %.

    Args:
        values: at least one.
    """
    import numpy as np
    from scipy import stats

    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(len(values), mean, None, None)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Estimate(len(values), mean, mean - reach, mean + reach)


def paired(values: Mapping[int, float], baseline: Mapping[int, float]) -> Estimate | None:
    """The mean of `values - baseline` over the seeds that both have, with its interval; None where they share none."""
    seeds = [seed for seed in values if seed in baseline]
    return estimate([values[seed] - baseline[seed] for seed in seeds]) if seeds else None
