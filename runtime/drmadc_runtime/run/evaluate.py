"""The metrics of a trained model on labelled examples, with bootstrap intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from drmadc_runtime.core.types import Hypers, Params
from drmadc_runtime.data.sources.request import Array
from drmadc_runtime.data.statistics import Fields
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.run.model import Model

LEVEL = 0.95
AT_ONCE = 64_000_000  # bytes of the outputs of resamples that are measured together


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric with the percentile interval of its resamples (Efron 1979).

    Attributes:
        value: of the examples themselves.
        low: the 2.5 % quantile over resamples; NaN where all of them are undefined.
        high: the 97.5 % quantile.
        undefined: resamples that have no value and are left out, such as those without a class for `auc`.
    """

    value: float
    low: float
    high: float
    undefined: int = 0


def measure(model: Model, fields: Mapping[str, Array], resamples: int = 1000, seed: int = 0) -> dict[str, Estimate]:
    """The objective and what is reported, by name, with 95 % intervals.

    Each resample draws as many examples as there are, with replacement, and every metric is computed on it anew; the
    model's outputs are computed once. The intervals hold for other examples of the kind, not for another training.

    Args:
        fields: labelled examples [n, ...], as `Model.read` gives them.
        resamples: at least 1.
        seed: of the draws.
    """
    outputs = model.measured(fields)
    count = len(next(iter(outputs.values())))
    together = max(1, AT_ONCE // max(1, sum(x.nbytes for x in outputs.values())))
    keys: list[str] = []

    @jax.jit
    def all_metrics(params: Params, hypers: Hypers, outputs: Fields, key: jax.Array) -> tuple[list[jax.Array], ...]:
        def metrics(outputs: Fields) -> list[jax.Array]:
            values = model.evaluation.metrics(outputs, params, hypers)
            keys[:] = values  # jit would return a dictionary sorted by key, not in the spec's order
            return list(values.values())

        def resample(i: jax.Array) -> list[jax.Array]:
            rows = jax.random.randint(jax.random.fold_in(key, i), (count,), 0, count, jnp.int32)
            return metrics({name: x[rows] for name, x in outputs.items()})

        return metrics(outputs), lax.map(resample, jnp.arange(resamples), batch_size=min(together, resamples))

    with Executor(model.program).precision():
        arrays = {name: jnp.asarray(x) for name, x in outputs.items()}
        values, resampled = jax.device_get(all_metrics(model.tree(), model.hypers, arrays, jax.random.key(seed)))
    return {key: _estimate(float(value), again) for key, value, again in zip(keys, values, resampled, strict=True)}


def _estimate(value: float, resampled: npt.NDArray[np.floating]) -> Estimate:
    there = resampled[np.isfinite(resampled)].astype(np.float64)
    low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if there.size else (np.nan, np.nan)
    return Estimate(value, float(low), float(high), len(resampled) - len(there))
