"""What a function or layer may ask of the compiler: of the checker for its type, of the emitter for its code."""

from typing import Literal, Protocol

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.ir import nodes as ir
from drmadc.ir.program import Parameter
from drmadc.ir.types import Array, Axis, AxisKind, Tree
from drmadc.syntax import ast
from drmadc.target import tree as py

Place = Literal["data", "model", "minibatch", "update", "init", "outer", "constant", "initial"]


class Reporter(Protocol):
    """Where mistakes go."""

    def report(self, mistake: Diagnostic) -> None:
        """Keep a mistake."""


class TypingContext(Reporter, Protocol):
    """The place of a call while its type is found.

    `data`: over a source's fields; `model`: inside a model; `minibatch`: in the training loss; `update`: an argument or
    equation of a rule; `init`: an initial value; `outer`: objective or report; `constant`: no names; `initial`: the
    initial value of a hyperparameter.
    """

    @property
    def place(self) -> Place:
        """The kind of the place."""

    @property
    def hyper(self) -> tuple[str, Array] | None:
        """Name and type of the hyperparameter whose initial value this is."""

    @property
    def group(self) -> Tree | None:
        """The parameters whose initial value this is."""

    @property
    def layer(self) -> str:
        """The path that a layer gets here, as `mlp.h1`; "" where no layer may stand."""

    @property
    def steps(self) -> int | None:
        """Number of training steps, where it is known."""

    @property
    def tasks(self) -> int:
        """Number of tasks that a layer has parameters for; 0 without."""

    def infer(self, expr: ast.Expr) -> ir.Expr | None:
        """The typed form of an argument, or None when it is wrong (and reported)."""

    def infer_with_missing(self, expr: ast.Expr) -> ir.Expr | None:
        """The typed form of an argument whose fields may have missing values."""

    def next_draw(self) -> int:
        """The number of a random draw, from 0."""

    def next_noise(self) -> int:
        """The number of a noise of the training loss, from 0."""

    def members(self, group: str) -> tuple[Parameter, ...]:
        """The parameters of a group."""

    def broadcast(self, x: ir.Expr, group: str, span: Span) -> ir.Expr | None:
        """A value with one group axis, broadcast along the arrays of a group; None when it does not cover them."""

    def axis(self, kind: AxisKind, group: str, span: Span) -> Axis | None:
        """An axis over a group; None when it does not cover all of its arrays."""

    def statistic(self, kind: str, x: ir.Expr, type_: Array, span: Span, epsilon: float | None = None) -> ir.Expr:
        """A statistic of the train split; the same one is computed once."""

    def balanced(self, label: ir.Expr) -> ir.Expr | None:
        """The weight of each example that balances the classes of a label; None where they are not counted."""

    def may_be_classes(self, x: ir.Expr) -> bool:
        """Whether an expression is a field of whole numbers that may be labels or token ids."""

    def classes_of(self, x: ir.Expr) -> int:
        """The number of classes of a field of words or whole numbers; 0 where it is another or not known."""

    def declared(self, path: str) -> bool:
        """Whether a layer of this path is there already."""

    def declare(self, parameter: Parameter) -> None:
        """Add a parameter of a layer."""


class EmissionContext(Protocol):
    """How names are written in the function that is emitted."""

    @property
    def noise(self) -> py.Expr | None:
        """The key of the training loss's noise; None where there is none."""

    @property
    def draw(self) -> py.Expr | None:
        """The key of a minibatch's augmentation; None where there is none."""

    @property
    def padded(self) -> bool:
        """Whether tasks are padded to one number of examples, by labels of -1."""

    def parameter(self, path: str) -> py.Expr:
        """A parameter array, as `params["h1.weight"]`."""

    def layout(self, axis: Axis, group: str) -> py.Expr:
        """The table that says where each array of a group has its entries on an axis."""
