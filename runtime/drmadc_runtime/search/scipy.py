"""Outer optimisers of a library: SciPy's BFGS over the unconstrained hyperparameters."""

from collections.abc import Callable, Generator
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Value = Callable[[Vector], tuple[float, Vector]]


class Stop(Exception):
    """The consumer wants no more."""


def bfgs(value: Value, start: Vector, steps: int) -> Generator[Vector]:
    """Points that SciPy's BFGS accepts, the start first; at most `steps` of them.

    SciPy runs in a thread of its own, so that each point can be recorded when it is reached; closing the generator ends
    the thread, at latest after the evaluation under way.

    Args:
        value: objective and gradient at a point, called in the thread alone: as often as the line search asks, and
            again for each accepted point, so it should remember.
        start: the first point.
    """
    from scipy.optimize import minimize

    points: Queue[Vector | BaseException | None] = Queue(maxsize=1)
    wanted = [True]

    def watched(point: Vector) -> tuple[float, Vector]:
        if not wanted[0]:
            raise Stop
        return value(point)

    def accepted(point: Vector) -> None:
        watched(point)
        points.put(np.array(point))

    def run() -> None:
        try:
            accepted(start)
            if steps > 1:
                minimize(watched, start, jac=True, method="BFGS", callback=accepted, options={"maxiter": steps - 1})
            points.put(None)
        except Stop:
            return
        except BaseException as error:
            points.put(error)

    worker = Thread(target=run, daemon=True)
    worker.start()
    try:
        while (point := points.get()) is not None:
            if isinstance(point, BaseException):
                raise point
            yield point
    finally:
        wanted[0] = False
        while worker.is_alive():
            with suppress(Empty):
                points.get(timeout=0.05)


def unflatten(vector: Vector, like: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The inverse of `audit.flat` for the named arrays; other entries stay as in `like`."""
    out = dict(like)
    start = 0
    for name in sorted(names):
        size = int(np.size(like[name]))
        out[name] = vector[start : start + size].reshape(np.shape(like[name]))
        start += size
    return out
