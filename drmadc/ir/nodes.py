"""Expressions of the IR. Every node carries its type; trees of nodes are values, compared by content."""

from dataclasses import dataclass
from typing import Literal, assert_never

from drmadc.ir.types import SCALAR, Array, Type

Random = Literal["", "noise", "augmentation"]
Setting = int | float | str


@dataclass(frozen=True, slots=True)
class Const:
    """A real number."""

    value: float
    type: Type = SCALAR


@dataclass(frozen=True, slots=True)
class Name:
    """A variable in scope: feature, local, state, adjoint, `t`, parameter array or group."""

    id: str
    type: Type


@dataclass(frozen=True, slots=True)
class Hyper:
    """A hyperparameter; where it has a step axis and `at_step` is set, its value at the current step."""

    id: str
    type: Type
    at_step: bool = False


@dataclass(frozen=True, slots=True)
class Unary:
    """An elementwise function of one argument; `neg` is minus."""

    op: str
    x: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Binary:
    """An elementwise operator: + - * / ^."""

    op: str
    left: "Expr"
    right: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """A function that is not elementwise (reductions, losses, metrics, flatten); `option` is its reduction or axis.

    `random`: it draws numbers anew at each step, as noise of the loss or as augmentation of the data.
    """

    function: str
    args: tuple["Expr", ...]
    type: Type
    option: str = ""
    random: Random = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a kind (`dense`) applied to inputs; its parameters are those below `path` (`mlp.h1`)."""

    kind: str
    args: tuple["Expr", ...]
    path: str
    type: Type
    settings: tuple[tuple[str, Setting], ...] = ()
    random: Random = ""


@dataclass(frozen=True, slots=True)
class Apply:
    """A call of a model; `replaced` are groups or arrays of parameters that have other values in this call."""

    model: str
    args: tuple["Expr", ...]
    type: Type
    replaced: tuple[tuple[str, "Expr"], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """x[i, j]"""

    x: "Expr"
    index: tuple[int, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Stack:
    """[a, b, c]"""

    items: tuple["Expr", ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A hyperparameter's axes laid along a parameter group, member by member."""

    x: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Unbroadcast:
    """The transpose of Spread: a tree (or array) summed into the axes of `type`."""

    x: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Rows:
    """A hyperparameter over the examples of the train split: its entries for the minibatch."""

    x: "Expr"
    type: Type


@dataclass(frozen=True, slots=True)
class Part:
    """The entries of a group-shaped hyperparameter that belong to one layer or array: `l2 of mlp.h1`."""

    x: "Expr"
    start: int
    type: Type


@dataclass(frozen=True, slots=True)
class OnSplit:
    """An expression evaluated over a whole split; its features are named `split.feature`."""

    x: "Expr"
    split: str
    type: Type


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers of initial parameters, or of the hyperparameter `name`: standard normal, or uniform (-1, 1)."""

    kind: str
    index: int
    type: Type
    name: str = ""


@dataclass(frozen=True, slots=True)
class ByHyper:
    """A constant of the outer update that differs between hyperparameters."""

    values: tuple[tuple[str, float], ...]
    type: Type


Expr = (
    Const
    | Name
    | Hyper
    | Unary
    | Binary
    | Call
    | Layer
    | Apply
    | Item
    | Stack
    | Broadcast
    | Unbroadcast
    | Part
    | Rows
    | OnSplit
    | Draw
    | ByHyper
)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions of a node."""
    match expr:
        case Const() | Name() | Hyper() | Draw() | ByHyper():
            return ()
        case Binary(_, left, right):
            return (left, right)
        case Call(_, args) | Layer(_, args):
            return args
        case Apply(_, args, _, replaced):
            return (*args, *(value for _, value in replaced))
        case Stack(items):
            return items
        case Unary() | Item() | Broadcast() | Unbroadcast() | Part() | Rows() | OnSplit():
            return (expr.x,)
        case _ as never:
            assert_never(never)


def walk(expr: Expr) -> list[Expr]:
    """A node and all nodes below it, in reading order."""
    out = [expr]
    for child in children(expr):
        out.extend(walk(child))
    return out


def names_in(expr: Expr) -> tuple[str, ...]:
    """Ids of the variables in an expression, in order of first use."""
    return tuple(dict.fromkeys(node.id for node in walk(expr) if isinstance(node, Name)))


def hypers_in(expr: Expr) -> tuple[str, ...]:
    """Ids of the hyperparameters in an expression, in order of first use."""
    return tuple(dict.fromkeys(node.id for node in walk(expr) if isinstance(node, Hyper)))


def scalar(type_: Type) -> bool:
    """Whether a type is a real number."""
    return isinstance(type_, Array) and not type_.axes
