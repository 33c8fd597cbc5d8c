"""What the emission of a strategy is offered, and what it gives: the parts of the emitted `hypergradient`.

compiler/lower/reversal/hypergradient.py implements `Emission` and puts the parts together:

    <forward>                                          training, keeping what the policy says
    value, d_w = jax.value_and_grad(objective)(...)    and the adjoint that the reverse pass starts from
    <reverse>
    return rt.Hypergradient(value, <gradient>, <growth>, state["w"], trajectory, <stats>)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from drmadc.ir import nodes as ir
from drmadc.ir.program import Let, Program
from drmadc.language.strategies.facts import Facts
from drmadc.target import tree as py
from drmadc.target.build import call, item

GROWTH = call("rt.growth", item("adjoint", "w"), py.Id("d_w"))


@dataclass(frozen=True, slots=True)
class Passes:
    """The parts of `hypergradient` that are a strategy's own.

    Attributes:
        forward: statements that set `state` (and what the reverse pass reads).
        reverse: statements that take `adjoint` from the last state to the first.
        gradient: the hyperparameters' gradient; None for that of the adjoint.
        growth: how much longer the adjoint has become on the way back.
        keeps_trajectory: whether the result holds `trajectory`.
        seeds_adjoint: whether the reverse pass starts from the `adjoint` of the objective.
    """

    forward: list[py.Statement]
    reverse: list[py.Statement]
    gradient: py.Expr | None = None
    growth: py.Expr = GROWTH
    keeps_trajectory: bool = True
    seeds_adjoint: bool = True
    stats: Mapping[str, py.Expr] = field(default_factory=dict)


class Emission(Protocol):
    """The compiler's help in emitting a strategy for one program."""

    @property
    def program(self) -> Program:
        """The program."""

    @property
    def facts(self) -> Facts:
        """What is known about it."""

    def inputs(self) -> tuple[str, ...]:
        """hypers, outer, and data where there is a source: what the emitted functions of a whole run take."""

    def minibatch(self) -> tuple[py.Expr, ...]:
        """minibatch(data, outer, t), where the loss reads one."""

    def start(self, forward_step: str = "forward_step") -> py.Statement:
        """start, forward_step = training(hypers, outer, data)"""

    def forward_pass(self, *, keep: bool) -> list[py.Statement]:
        """state, trajectory = rt.forward_pass(...), after `start`; keeping what `policy` says, or nothing."""

    def reverse_pass(self) -> list[py.Statement]:
        """adjoint = rt.reverse_pass(...), after the function `reverse_step_at` of one step."""

    def reverse_step_at(self, name: str, function: str) -> py.Function:
        """def name(before, after, adjoint, t): the adjoint of step t by `function`, on the minibatch of step t."""

    def along_stream(self, function: str) -> py.Expr:
        """A function of step t; where minibatches are streamed, with the stream that they come from."""

    def objective(self, state: str) -> list[py.Statement]:
        """value and `adjoint` of the objective at a state."""

    def curvature_functions(self, batch: int) -> list[py.Statement]:
        """curvature(w, hypers, batch), and large_minibatch(data, outer, i) of `batch` examples; of all for 0."""

    def curvature(self, w: py.Expr, i: py.Expr) -> py.Expr:
        """curvature(w, hypers, large_minibatch(data, outer, i))"""

    def step_function(
        self,
        name: str,
        doc: str,
        values: tuple[ir.Expr, ...],
        result: Callable[[Callable[[ir.Expr], py.Expr]], py.Expr],
        *,
        first: tuple[str, ...] = (),
        local: tuple[Let, ...] = (),
        loss: bool = False,
    ) -> py.Function:
        """def name(*first, hypers, t): `local` equations of the update rule, then the `result` of its `values`.

        With `loss`, it takes the minibatch, and reads the gradient of the loss where the values do.
        """
