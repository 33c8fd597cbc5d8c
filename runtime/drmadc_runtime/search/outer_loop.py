"""The outer loop: ask, evaluate, tell, save."""

from collections.abc import Callable, Iterator

from drmadc_runtime.program.executor import Executor
from drmadc_runtime.search.averaging import measure
from drmadc_runtime.search.base import Searcher, SearchState, Trial

Save = Callable[[tuple[Trial, ...], SearchState], None]


def search(executor: Executor, searcher: Searcher, save: Save) -> Iterator[Trial]:
    """Run a searcher until it is done; one item for each trial, after it is saved.

    Args:
        executor: evaluates what the searcher asks.
        searcher: new, or restored from a checkpoint.
        save: takes the trials that a measurement completed, often none, and what the searcher knows after it. It is
            called after every evaluation, so that none is ever repeated.

    Raises:
        NotFinite: a value, a gradient or a hyperparameter is NaN or infinite.
    """
    while not searcher.done:
        trials = searcher.tell(measure(executor, searcher.ask()))
        save(trials, searcher.state())
        yield from trials
