"""What strategies ask of a program: figures for their cost, and facts that decide whether they support it.

Both are computed once for a program by compiler/passes/strategy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from drmadc.ir import nodes as ir
from drmadc.ir.program import Let, Program

Role = Literal["loss", "rule", "parameters", "state", "objective"]


class Network(Protocol):
    """The price of a function of examples."""

    def product(self, examples: int) -> float:
        """Floating-point operations of a Hessian-vector product."""

    def product_bytes(self, examples: int, item: int) -> float:
        """Memory of a Hessian-vector product, where a number takes `item` bytes."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Quantities of one program from which memory (in bytes) and work (in training runs) are predicted.

    Attributes:
        steps: training steps.
        state: bytes of parameters and optimiser state.
        row: bytes that a recorded step takes.
        weights: bytes of the parameters.
        item: bytes of a number.
        parameters: trained arrays.
        hypers: hyperparameters, each entry counted.
        objective: bytes of the objective's gradient.
        step: bytes of one reverse step.
        train: operations of a training step.
        reverse: operations of a reverse step, with the Hessian.
        gauss_newton: operations of a reverse step with the Gauss-Newton matrix.
        start: operations of the objective's gradient.
        touch: operations of a pass over the parameters, in which each is read and written.
        loss: the price of the training loss.
        split: examples of the train split, of each task where there are tasks.
        tasks: tasks that share a minibatch; 1 where there are none.
        before: states before a step that its adjoint reads.
        after: states after a step that its adjoint reads.
    """

    steps: int
    state: float
    row: float
    weights: float
    item: int
    parameters: int
    hypers: int
    objective: float
    step: float
    train: float
    reverse: float
    gauss_newton: float
    start: float
    touch: float
    loss: Network
    split: int
    tasks: int
    before: frozenset[str]
    after: frozenset[str]

    @property
    def carried(self) -> float:
        """Bytes that every reverse pass carries: the state's adjoint, and three copies of the hyperparameters."""
        return self.state + 3 * (self.hypers * self.item)

    @property
    def inside(self) -> float:
        """Bytes at the peak of a reverse pass that records nothing."""
        return max(self.objective, self.step) + self.carried

    @property
    def share(self) -> float:
        """A reverse pass over all steps, in training runs."""
        return self.reverse / self.train

    @property
    def once(self) -> float:
        """Training and the objective, in training runs."""
        return 1 + self.start / (self.train * self.steps)

    @property
    def recording(self) -> float:
        """Writing a row at each step, in training runs."""
        return self.touch / self.train

    def examples(self, batch: int) -> int:
        """Examples of a minibatch of all tasks; of the whole train split for 0."""
        return (batch or self.split) * self.tasks

    def product(self, batch: int) -> float:
        """Operations of a product with the loss's Hessian over `batch` examples; over all for 0."""
        return self.loss.product(self.examples(batch))

    def product_bytes(self, batch: int) -> float:
        """Bytes of a product with the loss's Hessian over `batch` examples; over all for 0."""
        return self.loss.product_bytes(self.examples(batch), self.item)


@dataclass(frozen=True, slots=True)
class KickDrift:
    """An update rule as s' = decay * s + kick(w, grad, t), then w' = w + drift(new states, t).

    For each state its decay and its kick, and the drift of the parameters; `locals` are other equations.
    """

    decays: tuple[Let, ...]
    kicks: tuple[Let, ...]
    drift: ir.Expr
    kick_locals: tuple[Let, ...]
    drift_locals: tuple[Let, ...]


@dataclass(frozen=True, slots=True)
class GradientFlow:
    """An update rule as v' = momentum v - kick grad, w' = w + rate v'; coefficients in hyperparameters and t."""

    rate: ir.Expr
    momentum: ir.Expr
    kick: ir.Expr

    @property
    def rate_hypers(self) -> frozenset[str]:
        """Hyperparameters in the learning rate."""
        return frozenset(ir.hypers_in(self.rate))


@dataclass(frozen=True, slots=True)
class Facts:
    """A program whose adjoint has been derived, and what strategies ask about it.

    Attributes:
        program: the program.
        figures: from which costs are predicted.
        roles: where each hyperparameter acts, in declared order; `parameters` and `state` are initial values.
        over_steps: hyperparameters with a step axis, binned or not.
        each_step: hyperparameters with one entry for every single training step.
        calls_model: whether the loss calls a model, whose outputs make the Gauss-Newton matrix.
        kick_drift: the form in which the rule can be run backwards, or why it has none.
        gradient_flow: the rule as a discretised gradient flow, where it is one.
    """

    program: Program
    figures: Figures
    roles: Mapping[str, frozenset[Role]]
    over_steps: frozenset[str]
    each_step: frozenset[str]
    calls_model: bool
    kick_drift: KickDrift | str
    gradient_flow: GradientFlow | None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Why a strategy cannot be used; `hyper` is the hyperparameter that it does not support, or empty."""

    hyper: str
    reason: str
    advice: str
