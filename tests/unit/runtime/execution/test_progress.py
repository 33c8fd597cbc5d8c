"""Reports: when they come, with which value, and never where nobody watches."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from drmadc_runtime.execution import progress
from drmadc_runtime.execution.progress import PERIOD, Watcher, interval, report, watched


def heard(way: str, carry: Any, **more: Any) -> list[tuple[str, int, float]]:
    reports: list[tuple[str, int, float]] = []

    def loss(w: Any, t: jax.Array) -> jax.Array:
        return jnp.sum(w) * t

    with watched(Watcher(7, lambda *args: reports.append(args)), loss):
        jax.jit(lambda: report(way, jnp.int32(5), carry, **more))()
    jax.effects_barrier()
    return reports


def test_a_report_has_the_loss_or_the_adjoints_length() -> None:
    state = {"w": jnp.array([3.0, 4.0])}
    assert heard("forward", state) == [("forward", 5, 35.0)]
    assert heard("reverse", ((state, 1), 2)) == [("reverse", 5, 5.0)]
    assert heard("forward", state, when=False) == []


def test_a_state_in_fixed_point_has_no_loss() -> None:
    ((way, t, value),) = heard("forward", {"w": jnp.array([3, 4])})
    assert (way, t) == ("forward", 5)
    assert np.isnan(value)


def test_nobody_hears_where_nobody_watches() -> None:
    assert progress.every() is None
    with watched(Watcher(7, lambda *_: None), lambda w, t: t):
        assert progress.every() == 7
        with watched(None, lambda w, t: t):
            assert progress.every() is None
            assert "callback" not in str(jax.make_jaxpr(lambda: report("forward", jnp.int32(0), {"w": 1.0}))())
        assert progress.every() == 7
    assert progress.every() is None


@pytest.mark.parametrize(("pace", "steps"), [(PERIOD, 1), (PERIOD / 8, 8), (10 * PERIOD, 1), (PERIOD / 3.4, 3)])
def test_reports_are_half_a_second_apart(pace: float, steps: int) -> None:
    assert interval(pace) == steps
    assert PERIOD == 0.5
