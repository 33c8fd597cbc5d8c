"""Types of the IR: arrays with named axes, trees over parameter groups, and hyperparameter domains."""

from dataclasses import dataclass
from typing import Literal, assert_never

AxisKind = Literal[
    "size", "example", "outer", "task", "step", "class", "layer", "param", "in_unit", "out_unit", "weight"
]
GROUP_AXES: tuple[AxisKind, ...] = ("layer", "param", "in_unit", "out_unit", "weight")
AXES: tuple[AxisKind, ...] = ("step", "task", "class", "example", *GROUP_AXES)
LEADING: tuple[AxisKind, ...] = ("task", "example")

Element = Literal["real", "class", "byte"]
Domain = Literal["real", "positive", "unit"]
DOMAINS: tuple[Domain, ...] = ("real", "positive", "unit")


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis. `size` is 0 for the examples of a minibatch or split, whose number is known at run time only.

    A hyperparameter over the examples of the train split has their number, and the split's name as its group.
    """

    kind: AxisKind
    size: int
    group: str = ""
    bins: int = 0

    def __str__(self) -> str:
        match self.kind:
            case "size":
                return str(self.size)
            case "task":
                return "task"
            case "outer":
                return "outer step"
            case "example":
                return f"example of {self.group}" if self.group else "example"
            case "step":
                return f"step(bins: {self.bins})" if self.bins else "step"
            case _:
                return f"{self.kind} of {self.group}"

    @property
    def length(self) -> int:
        """Number of entries that are stored."""
        return self.bins or self.size


@dataclass(frozen=True, slots=True)
class Array:
    """An array: element kind and named axes. `classes` is the number of classes of a label."""

    element: Element
    axes: tuple[Axis, ...] = ()
    classes: int = 0

    def __str__(self) -> str:
        inner = ", ".join(str(axis) for axis in self.axes)
        head = f"class({self.classes})" if self.element == "class" else self.element
        return f"{head}[{inner}]" if self.axes else head


@dataclass(frozen=True, slots=True)
class Tree:
    """One array for each member of a parameter group, element by element."""

    group: str

    def __str__(self) -> str:
        return f"tree[{self.group}]"


Type = Array | Tree
SCALAR = Array("real")
EXAMPLE = Axis("example", 0)
SERIES = Array("real", (Axis("outer", 0),))


def leading(type_: Type) -> tuple[Axis, ...]:
    """The axes of tasks and examples, which come first."""
    return tuple(a for a in type_.axes if a.kind in LEADING) if isinstance(type_, Array) else ()


def is_scalar(type_: Type) -> bool:
    """Whether a type is a single real number."""
    match type_:
        case Array(_, axes):
            return not axes
        case Tree():
            return False
        case _ as never:
            assert_never(never)


def sizes(*shape: int) -> tuple[Axis, ...]:
    """Plain axes of the given sizes."""
    return tuple(Axis("size", n) for n in shape)


def without_step(type_: Array) -> Array:
    """The type of a hyperparameter at one training step."""
    return Array(type_.element, tuple(a for a in type_.axes if a.kind != "step"))
