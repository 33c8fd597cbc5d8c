"""What a spec calls by name: how it is written and explained, and which type a call has."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.ir import nodes as ir
from drmadc.ir.types import Axis, Type
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc.target import tree as py
from drmadc.target.build import call

Family = Literal[
    "elementwise",
    "reduction",
    "loss",
    "metric",
    "array",
    "noise",
    "initial value",
    "schedule",
    "transform",
    "augmentation",
    "labels",
    "layer",
]
InRules = Literal["derived", "traced", "no"]


@dataclass(frozen=True, slots=True)
class Op(ABC):
    """A function or layer of the language: all that the compiler and the editor know of it.

    `signature` is its call as help shows it, `about` a line on what it gives. It takes `arity` unnamed arguments, and
    those named in `options`. What is not `public` is made by the compiler only.
    """

    name: str
    signature: str
    about: str
    arity: int = 1
    options: tuple[str, ...] = ()
    public: bool = True
    family: ClassVar[Family]
    variadic: ClassVar[bool] = False
    """Whether it takes any number of arguments from `arity`."""
    takes: ClassVar[str] = ""
    """What its arguments are, for a message; "" where each mistake has one of its own."""
    allowed_in: ClassVar[str] = ""
    """The only places for it, for a message; "" where it may stand in every expression."""
    example: ClassVar[str] = ""
    """How it is written where it may stand, for the help of a message."""
    surrogate: str = field(default="", kw_only=True)
    """What has a slope and is minimised instead, where the derivative is 0 almost everywhere; "" where it is not."""
    each: ClassVar[bool] = False
    """Whether the result for an example depends on that example only, so that a split may be cut into chunks."""

    @abstractmethod
    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        """The typed form of a call with unnamed arguments `args`, or None when it is wrong (and reported)."""


@dataclass(frozen=True, slots=True)
class Function(Op):
    """An op that becomes an `ir.Call`."""

    in_rules: ClassVar[InRules] = "no"
    """Its derivative in update rules and initial values: derived by `pullback`, or traced by JAX in initial values."""

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        """The Python expression of a call, given those of its arguments."""
        del node, ctx
        return call(f"rt.{self.name}", *args)

    def pullback(self, node: ir.Call, seed: ir.Expr) -> tuple[ir.Expr, ...]:
        """What `seed`, the adjoint of a call, contributes to the adjoint of each argument."""
        del seed
        raise AssertionError(f"not an expression of an update rule: {node}")

    def averages(self, node: ir.Call) -> bool:
        """Whether a call is the mean over examples of a value of each, so that it is the mean of its chunks."""
        del node
        return False

    def layouts(self, node: ir.Call) -> tuple[tuple[Axis, str], ...]:
        """The axes and groups whose tables the emitted call names."""
        del node
        return ()


class WrongCall(Diagnostic):
    """A call that does not fit its function; a subclass says why in `problem`."""

    code: ClassVar[str] = "E0303"
    op: Op

    def problem(self) -> str:
        """What does not fit, after the function's name."""
        return ""

    def message(self) -> str:
        return f"`{self.op.name}` {self.problem()}"

    def label(self) -> str:
        return "in this call"

    def help(self) -> str:
        return f"usage: {self.op.signature}"


class WrongArgument(WrongCall):
    """An argument that is not what the function takes."""

    found: Type

    def problem(self) -> str:
        return f"takes {self.op.takes}"

    def label(self) -> str:
        return f"found {describe(self.found)}"


class WrongLiteral(WrongCall):
    """A setting of a call that must be written as a number or word, and is not."""

    setting: str
    expected: str
    found: ast.Expr

    def problem(self) -> str:
        return f"takes {self.expected} as its {self.setting}"

    def label(self) -> str:
        return f"found `{format_expr(self.found)}`"


class Misplaced(WrongCall):
    """A function where it has no meaning."""

    code: ClassVar[str] = "E0302"

    def problem(self) -> str:
        return f"is only allowed in {self.op.allowed_in}"

    def label(self) -> str:
        return "not allowed here"

    def help(self) -> str:
        return self.op.example
