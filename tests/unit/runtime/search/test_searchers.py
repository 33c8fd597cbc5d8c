"""The interface of searchers: one of ten lines, written here, runs through the loop, its stages and its checkpoint."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drmadc
from drmadc_runtime.core.types import Arrays
from drmadc_runtime.search.base import Measurement, Proposal, Searcher, SearchState, Trial
from drmadc_runtime.search.checkpoint import Checkpoint, packed, read_checkpoint
from drmadc_runtime.search.gradient import Gradient
from drmadc_runtime.search.outer_loop import search
from drmadc_runtime.search.searchers import searcher_of
from drmadc_runtime.search.stages import Planned, Stages

TEXT = """
params w: real[2] = [1, -0.5]
hyper h: positive[2] = [0.4, 0.7]
hyper r: positive = 0.1
train { loss = sum(h * w ^ 2) + sum(w ^ 4)  update = sgd(rate: r)  steps = 5  precision = float64 }
tune { minimize = sum((w - 0.3) ^ 2)  update = adam(rate: 0.05)  steps = 4 }
report { size = sum(w ^ 2) }
"""
STAGED = (
    TEXT.replace("tune {", "tune one {")
    + """
tune two after one { update = bfgs()  steps = 5  freeze = [r] }
tune three after two { update = sgd(rate: 0.01)  steps = 2 }
sweep { over = { h: [0.1, 0.3], r: [0.05, 0.1] }  points = 2 }
"""
)


class Random:
    """Random search: the best of so many points around the start; no gradient is asked for."""

    def __init__(self, hypers: Arrays, trials: int, seed: int = 0) -> None:
        self.hypers, self._trials = hypers, trials
        self._generator = np.random.default_rng(seed)
        self._number, self._best = 0, float("inf")

    @property
    def done(self) -> bool:
        return self._number >= self._trials

    def ask(self) -> Proposal:
        factors = {name: np.exp(self._generator.normal(size=x.shape)) for name, x in self.hypers.items()}
        return Proposal({name: x * factors[name] for name, x in self.hypers.items()}, 0, gradient=False, finite=False)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        m, point, number = measurement, measurement.proposal.hypers, self._number
        if m.objective < self._best:
            self.hypers, self._best = point, m.objective
        self._number += 1
        return (Trial(number, m.objective, m.seconds, m.growth, m.gradient_norm, m.reports, point, self.hypers),)

    def state(self) -> SearchState:
        generator = self._generator.bit_generator.state
        return SearchState(self.hypers, {"number": self._number, "best": self._best, "generator": generator})

    def restore(self, state: SearchState) -> None:
        self.hypers = dict(state.arrays)  # type: ignore[arg-type]
        self._number, self._best = state.data["number"], state.data["best"]
        self._generator.bit_generator.state = state.data["generator"]


@pytest.fixture(scope="module")
def program() -> drmadc.Program:
    return drmadc.compile_text(TEXT)


@pytest.fixture(scope="module")
def staged() -> drmadc.Program:
    return drmadc.compile_text(STAGED)


def random_then_gradient(program: drmadc.Program) -> Searcher:
    plan = [
        Planned(lambda hypers, first: Random(hypers, 6)),
        Planned(lambda hypers, first: Gradient(program.executor, program.executor.program.stages[0], hypers, first)),
    ]
    return Stages(plan, program.hypers)


def as_asked(program: drmadc.Program) -> Searcher:
    return searcher_of(program.executor, program.hypers)


def collected(program: drmadc.Program, searcher: Searcher, path: Path, evaluations: int) -> list[Trial]:
    """The trials of at most so many evaluations, the last of them saved."""
    trials: list[Trial] = []

    def save(new: tuple[Trial, ...], state: SearchState) -> None:
        nonlocal evaluations
        evaluations -= 1
        trials.extend(new)
        path.write_bytes(packed(Checkpoint(state, len(trials))))
        if not evaluations:
            raise InterruptedError

    with suppress(InterruptedError):
        for _ in search(program.executor, searcher, save):
            pass
    return trials


def bits(trials: list[Trial]) -> list[Any]:
    """All of a trial but its seconds."""

    def arrays(values: Arrays) -> Iterator[tuple[str, bytes]]:
        return ((name, values[name].tobytes()) for name in sorted(values))

    return [
        ({**trial.record(), "seconds": 0.0}, dict(trial.stats), *arrays(trial.hypers), *arrays(trial.following))
        for trial in trials
    ]


def test_random_search_then_a_gradient_rule_is_a_search(program: drmadc.Program, tmp_path: Path) -> None:
    searcher = random_then_gradient(program)
    trials = collected(program, searcher, tmp_path / "c", 100)
    assert [trial.number for trial in trials] == list(range(10))
    tried, tuned = trials[:6], trials[6:]
    for trial in tried:
        assert trial.objective == pytest.approx(program.objective(trial.hypers, 0), rel=1e-12)
        assert trial.gradient_norm == 0
    best = min(tried, key=lambda trial: trial.objective)
    np.testing.assert_allclose(tuned[0].hypers["h"], best.hypers["h"], rtol=1e-12)
    assert tuned[0].objective == pytest.approx(best.objective, rel=1e-12)
    assert searcher.done
    np.testing.assert_array_equal(searcher.hypers["h"], tuned[-1].following["h"])


@pytest.mark.parametrize("cut", [1, 5, 6, 8])
def test_a_search_goes_on_from_its_checkpoint(cut: int, program: drmadc.Program, tmp_path: Path) -> None:
    whole = collected(program, random_then_gradient(program), tmp_path / "whole", 100)
    before = collected(program, random_then_gradient(program), tmp_path / "cut", cut)
    again = random_then_gradient(program)
    again.restore(read_checkpoint(tmp_path / "cut").state)
    assert bits(before + collected(program, again, tmp_path / "cut", 100)) == bits(whole)


def test_every_searcher_goes_on_after_every_evaluation(staged: drmadc.Program, tmp_path: Path) -> None:
    """A sweep, a gradient rule, BFGS inside of a line search, another rule; nothing is evaluated twice."""
    whole = collected(staged, as_asked(staged), tmp_path / "whole", 100)
    assert [trial.stage for trial in whole] == [""] * 4 + ["one"] * 4 + ["two"] * 5 + ["three"] * 2
    searcher, trials, evaluations = as_asked(staged), [], 0
    while not searcher.done:
        trials += collected(staged, searcher, tmp_path / "cut", 1)
        evaluations += 1
        searcher = as_asked(staged)
        searcher.restore(read_checkpoint(tmp_path / "cut").state)
    assert bits(trials) == bits(whole)
    assert evaluations == count_evaluations(staged)
    for name, values in whole[-1].following.items():
        np.testing.assert_array_equal(searcher.hypers[name], values)


def count_evaluations(program: drmadc.Program) -> int:
    count = 0

    def save(trials: tuple[Trial, ...], state: SearchState) -> None:
        nonlocal count
        count += 1

    list(search(program.executor, as_asked(program), save))
    return count


def test_a_sweep_along_the_hypergradient_goes_on(tmp_path: Path) -> None:
    program = drmadc.compile_text(TEXT + "sweep { along = linspace(0, 0.2)  points = 3 }")
    whole = collected(program, as_asked(program), tmp_path / "whole", 100)
    for cut in (1, 2, 4):
        before = collected(program, as_asked(program), tmp_path / "cut", cut)
        again = as_asked(program)
        again.restore(read_checkpoint(tmp_path / "cut").state)
        assert bits(before + collected(program, again, tmp_path / "cut", 100)) == bits(whole)
    assert [trial.at["along"] for trial in whole[:3]] == pytest.approx([0, 0.1, 0.2])
