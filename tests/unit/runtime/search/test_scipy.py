"""SciPy's BFGS as a searcher: the points are those of SciPy alone, and an abandoned search leaves no thread behind."""

import threading
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import drmadc
from drmadc_runtime.program.audit.agreement import flat
from drmadc_runtime.search.averaging import measure
from drmadc_runtime.search.scipy import Scipy

TEXT = """
params w: real[2] = [1, -0.5]
hyper h: positive[2] = [0.4, 0.7]
hyper r: positive = 0.1
train { loss = sum(h * w ^ 2) + sum(w ^ 4)  update = sgd(rate: r)  steps = 5  precision = float64 }
tune { minimize = sum((w - 0.3) ^ 2)  update = bfgs()  steps = 4  freeze = [r] }
"""


@pytest.fixture(scope="module")
def program() -> drmadc.Program:
    return drmadc.compile_text(TEXT)


def test_outer_steps_are_the_points_that_scipy_accepts(program: drmadc.Program) -> None:
    searcher = Scipy(program.executor, program.executor.program.stages[0], program.hypers, 5)
    trials = []
    while not searcher.done:
        trials += searcher.tell(measure(program.executor, searcher.ask()))

    def value(point: np.ndarray) -> tuple[float, np.ndarray]:
        found = program.hypergradient({"h": np.exp(point), "r": program.hypers["r"]}, 5)
        return found.value, found.unconstrained["h"]

    start = np.log(program.hypers["h"])
    accepted = [start]
    minimize(value, start, jac=True, method="BFGS", callback=accepted.append, options={"maxiter": 3})
    assert [trial.number for trial in trials] == [5, 6, 7, 8]
    np.testing.assert_allclose([trial.hypers["h"] for trial in trials], np.exp(accepted), rtol=1e-12)
    following = [trial.following["h"] for trial in trials]
    np.testing.assert_allclose(following, np.exp([*accepted[1:], accepted[-1]]), rtol=1e-12)
    for trial in trials:
        gradient = program.hypergradient(trial.hypers, 5).unconstrained
        assert trial.gradient_norm == pytest.approx(np.linalg.norm(flat(gradient)), rel=1e-12)
        assert trial.hypers["r"] == pytest.approx(0.1, rel=1e-14)


def test_a_run_descends_and_leaves_what_is_frozen(program: drmadc.Program, tmp_path: Path) -> None:
    run = program.run(out=tmp_path / "run", quiet=True)
    values = [record["objective"] for record in run.metrics]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]
    assert [record["outer"] for record in run.metrics] == list(range(len(values)))
    assert run.hypers["r"] == pytest.approx(0.1, rel=1e-14)
    assert program.objective(run.hypers, 0) == pytest.approx(values[-1], rel=1e-12)


def test_an_abandoned_search_ends_its_thread(program: drmadc.Program) -> None:
    before = set(threading.enumerate())
    searcher = Scipy(program.executor, program.executor.program.stages[0], program.hypers, 0)
    searcher.ask()
    (thread,) = set(threading.enumerate()) - before
    gone = weakref.ref(searcher)
    del searcher
    assert gone() is None
    until = time.monotonic() + 30
    while thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    assert not thread.is_alive()
