"""SciPy's BFGS over the unconstrained hyperparameters: the outer steps of one stage are the points that it accepts."""

import weakref
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.types import Arrays
from drmadc_runtime.program.audit.agreement import flat
from drmadc_runtime.program.contract import Stage
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.search.base import Data, Measurement, Proposal, SearchState, Trial

Vector: TypeAlias = npt.NDArray[np.float64]
Answer: TypeAlias = tuple[float, Vector]


class Scipy:
    """A stage in which BFGS minimises the objective on the draws of the stage's first outer step.

    BFGS asks for an answer where we are asked for a question, so it runs in a thread of its own and waits there. It is
    deterministic: started anew and given the answers that it had, it comes to where it stood, so that these answers are
    the state.

    Args:
        stage: what BFGS leaves as it is, and at most how many points it accepts.
        hypers: where it starts; the first point that it accepts.
        first: the number of its first outer step.
    """

    def __init__(self, executor: Executor, stage: Stage, hypers: Arrays, first: int) -> None:
        self._executor = executor
        self._stage = stage
        self._free = {name: np.asarray(x, np.float64) for name, x in executor.unconstrain(hypers).items()}
        self._names = tuple(sorted(name for name in self._free if name not in self._stage.frozen))
        self._first = first
        self._hypers = hypers
        self._answers: dict[bytes, Answer] = {}
        self._measured: dict[bytes, Data] = {}
        self._bfgs: _Bfgs | None = None
        self._asked: Vector | None = None
        self._accepted: list[Vector] = []
        self._recorded = 0

    @property
    def hypers(self) -> Arrays:
        """Those of the last accepted point."""
        return self._hypers

    @property
    def done(self) -> bool:
        """Whether BFGS has returned."""
        return self._bfgs is not None and self._asked is None

    def ask(self) -> Proposal:
        """The point whose objective and gradient BFGS waits for."""
        if self._bfgs is None:
            self._run()
        assert self._asked is not None
        return Proposal(self._at(self._asked), self._first)

    def tell(self, measurement: Measurement) -> tuple[Trial, ...]:
        """Answer BFGS. A point is recorded when the next one is accepted, with which the search then goes on."""
        assert self._bfgs is not None
        assert self._asked is not None
        key = self._asked.tobytes()
        gradient = flat({name: measurement.gradient[name] for name in self._names})
        self._answers[key] = measurement.objective, gradient
        self._measured[key] = {
            "seconds": measurement.seconds,
            "growth": measurement.growth,
            "gradient_norm": measurement.gradient_norm,
            "reports": dict(measurement.reports),
            "stats": dict(measurement.stats),
        }
        self._bfgs.answers.put(self._answers[key])
        self._advance()
        return self._complete()

    def _run(self) -> None:
        """Start BFGS, and let it come to the first point that has no answer yet."""
        self._bfgs = _Bfgs(flat({name: self._free[name] for name in self._names}), self._stage.steps)
        weakref.finalize(self, self._bfgs.answers.put, None)
        self._advance()

    def _advance(self) -> None:
        """Follow BFGS up to the next point that has no answer, or to its end."""
        assert self._bfgs is not None
        while (event := self._bfgs.events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            accepted, point = event
            if accepted:
                self._accepted.append(point)
                self._hypers = self._at(point)
            elif point.tobytes() in self._answers:
                self._bfgs.answers.put(self._answers[point.tobytes()])
            else:
                self._asked = point
                return
        self._asked = None

    def _complete(self) -> tuple[Trial, ...]:
        """Outer steps that are not recorded yet: accepted points whose next one is known, at the end the last too."""
        count = len(self._accepted) - (not self.done)
        trials = tuple(self._trial(number) for number in range(self._recorded, count))
        self._recorded = max(self._recorded, count)
        return trials

    def _trial(self, number: int) -> Trial:
        point = self._accepted[number]
        following = self._accepted[min(number + 1, len(self._accepted) - 1)]
        return Trial(
            number=self._first + number,
            objective=self._answers[point.tobytes()][0],
            hypers=self._at(point),
            following=self._at(following),
            stage=self._stage.name,
            **self._measured[point.tobytes()],
        )

    def _at(self, point: Vector) -> Arrays:
        """The hyperparameters of a point, in their own domains; those that are frozen as they were."""
        hypers = self._executor.constrain(unflatten(point, self._free, self._names))
        return {name: np.asarray(value) for name, value in self._executor.cast(hypers).items()}

    def state(self) -> SearchState:
        """Every point that was measured, [n, entries], with its objective [n] and gradient [n, entries]."""
        size = sum(self._free[name].size for name in self._names)
        answers = self._answers.values()
        arrays = {
            "points": np.array([np.frombuffer(point) for point in self._answers]).reshape(-1, size),
            "objectives": np.array([objective for objective, _ in answers], np.float64),
            "gradients": np.array([gradient for _, gradient in answers], np.float64).reshape(-1, size),
        }
        return SearchState(arrays, {"measured": list(self._measured.values()), "recorded": self._recorded})

    def restore(self, state: SearchState) -> None:
        """Give BFGS the answers that it had."""
        arrays = state.arrays
        keys = [point.tobytes() for point in arrays["points"]]
        objectives, gradients = (np.asarray(arrays[name], np.float64) for name in ("objectives", "gradients"))
        answers = zip(map(float, objectives), gradients, strict=True)
        self._answers = dict(zip(keys, answers, strict=True))
        self._measured = dict(zip(keys, state.data["measured"], strict=True))
        self._recorded = state.data["recorded"]
        if keys:
            self._run()


class _Bfgs:
    """BFGS in a thread, which ends when it is answered None.

    Attributes:
        events: (False, point) where it waits for an answer, (True, point) when it accepts one; at its end None, or
            what was raised.
        answers: objective and gradient at the point asked for.
    """

    def __init__(self, start: Vector, steps: int) -> None:
        self.events: SimpleQueue[tuple[bool, Vector] | BaseException | None] = SimpleQueue()
        self.answers: SimpleQueue[Answer | None] = SimpleQueue()
        Thread(target=_minimize, args=(start, steps, self.events, self.answers), daemon=True).start()


class _Abandoned(Exception):
    """Nobody will answer any more."""


def _minimize(
    start: Vector,
    steps: int,
    events: "SimpleQueue[tuple[bool, Vector] | BaseException | None]",
    answers: "SimpleQueue[Answer | None]",
) -> None:
    """Run BFGS for at most `steps` accepted points, the start among them."""
    from scipy.optimize import minimize

    def value(point: Vector) -> Answer:
        events.put((False, np.array(point)))
        answer = answers.get()
        if answer is None:
            raise _Abandoned
        return answer

    def accepted(point: Vector) -> None:
        value(point)
        events.put((True, np.array(point)))

    try:
        accepted(start)
        if steps > 1:
            minimize(value, start, jac=True, method="BFGS", callback=accepted, options={"maxiter": steps - 1})
        events.put(None)
    except _Abandoned:
        return
    except BaseException as error:
        events.put(error)


def unflatten(vector: Vector, like: Mapping[str, Vector], names: tuple[str, ...]) -> dict[str, Vector]:
    """The inverse of `agreement.flat` for the named arrays, which are sorted; other entries stay as in `like`."""
    out = dict(like)
    start = 0
    for name in names:
        size = like[name].size
        out[name] = vector[start : start + size].reshape(like[name].shape)
        start += size
    return out
