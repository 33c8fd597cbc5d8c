"""one_step(every): the adjoint of one step only; the outer update every so many steps of one run."""

from dataclasses import dataclass

from drmadc.language.strategies.approximate.truncated import only_initial
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.emission import Emission
from drmadc.language.strategies.facts import Facts, Figures, Unsupported
from drmadc.language.strategies.settings import Count
from drmadc.target import tree as py
from drmadc.target.build import call, item


@dataclass(frozen=True, slots=True)
class OneStep(Strategy):
    """one_step(every): hyperparameters move while training runs, by what they do to the next step."""

    word = "one_step"
    order = 130
    example = "one_step(every: 10)"
    settings = (
        Count(
            "every",
            "training steps from one outer update to the next",
            default=1,
            high="steps",
        ),
    )
    online = True
    every: int
    gradient = "one step ahead"

    @classmethod
    def candidates(cls, facts: Facts) -> tuple[Strategy, ...]:
        return (cls(min(10, facts.figures.steps)),)

    def memory(self, figures: Figures) -> float:
        return figures.inside + figures.state

    def work(self, figures: Figures) -> float:
        return 1 + (figures.start + figures.reverse) / (figures.train * self.every)

    def advice(self, facts: Facts, exact: str) -> str:
        return f"{exact}: one step ahead is a different problem"

    def unsupported(self, facts: Facts) -> Unsupported | None:
        return only_initial(facts, "looks at one step only")

    def reaches_start(self, steps: int) -> bool:
        return False

    def policy(self, facts: Facts) -> py.Call:
        return call("rt.Store", last=py.Literal(1))

    def functions_after(self, emit: Emission) -> list[py.Statement]:
        """hypergradient_of_step(state, hypers, outer, data, t) and online(tune_state, outer, data)"""
        inputs = emit.inputs()
        batch = emit.minibatch()
        names = ("state", "after", "adjoint", "hypers", *(("batch",) if batch else ()), "t")
        step: list[py.Statement] = [
            py.Assign((py.Id("_"), py.Id("forward_step")), call("training", *map(py.Id, inputs))),
            py.Assign((py.Id("after"),), call("forward_step", py.Id("state"), py.Id("t"))),
            *emit.objective("after"),
            *(py.Assign((py.Id("batch"),), b) for b in batch),
            py.Assign((py.Id("adjoint"),), call("reverse_step", *map(py.Id, names))),
            py.Return(py.Tuple((py.Id("after"), py.Id("value"), item("adjoint", "hypers")))),
        ]
        doc = "The state after step t, the objective there, and its gradient through that step alone."
        one = py.Function("hypergradient_of_step", _params("state", *inputs, "t"), doc, tuple(step))
        if not emit.program.stages:
            return [one]
        given = ("DOMAINS", "training", "hypergradient_of_step", "tune_step", "tune_state", *inputs[1:])
        run = call("rt.online", *map(py.Id, given), every=py.Literal(self.every), steps=py.Id("STEPS"))
        doc = f"A whole training run in which the hyperparameters move every {self.every} steps."
        origin = emit.program.reverse.origin
        return [one, py.Function("online", _params("tune_state", *inputs[1:]), doc, (py.Return(run),), origin)]


def _params(*names: str) -> tuple[tuple[str, py.Expr | None], ...]:
    return tuple((name, None) for name in names)
