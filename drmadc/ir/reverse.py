"""Reverse strategies: how the states of the training run are obtained on the way back, and with which curvature."""

from dataclasses import dataclass
from typing import Literal

from drmadc_common.amounts import bytes_text

Curvature = Literal["exact", "gauss_newton", "auto"]


@dataclass(frozen=True, slots=True)
class Exact:
    """exact(form); `any` is chosen under the bound of `memory` bytes.

    `length` is the segment length of checkpoint, `arity` the number of branches of tree; 0 until chosen.
    """

    form: Literal["any", "store", "checkpoint", "tree", "reversible"]
    memory: int = 0
    length: int = 0
    arity: int = 0


@dataclass(frozen=True, slots=True)
class Drmad:
    """drmad(knots, curvature, progress, steps): straight lines between snapshots; `steps` 0 is all of them."""

    knots: int = 2
    curvature: Curvature = "exact"
    progress: bool = False
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """drmad(paper): the published procedure as it was."""


@dataclass(frozen=True, slots=True)
class Naive:
    """naive(): steps run backwards in floating point, with nothing to make up for what rounding loses."""


@dataclass(frozen=True, slots=True)
class Flow:
    """flow(knots, segments, products, batch): the continuous adjoint by Krylov exponentials; batch 0 is all."""

    knots: int
    segments: int
    products: int
    batch: int


@dataclass(frozen=True, slots=True)
class Truncated:
    """truncated(steps): the last steps only, exactly."""

    steps: int


@dataclass(frozen=True, slots=True)
class Implicit:
    """implicit(neumann: n) or implicit(cg: n): the implicit function theorem at the last state."""

    solver: Literal["neumann", "cg"]
    count: int


@dataclass(frozen=True, slots=True)
class Forward:
    """forward(): tangents carried along with training, one for each hyperparameter."""


@dataclass(frozen=True, slots=True)
class OneStep:
    """one_step(every): the adjoint of one step only; the outer update every so many steps of one run."""

    every: int


@dataclass(frozen=True, slots=True)
class Auto:
    """auto(memory): chosen by the compiler under a bound in bytes."""

    memory: int


Strategy = Exact | Drmad | Published | Naive | Flow | Truncated | Implicit | Forward | OneStep | Auto


@dataclass(frozen=True, slots=True)
class Reverse:
    """A strategy as the spec gives it; `reason` says why, where the compiler chose."""

    strategy: Strategy
    text: str
    origin: str
    reason: str = ""


def strategy_text(strategy: Strategy) -> str:
    """The strategy as a spec writes it."""
    match strategy:
        case Exact("any"):
            return "exact()"
        case Exact(form):
            return f"exact({form})"
        case Drmad(knots, curvature, progress, steps):
            more = "" if curvature == "exact" else f", curvature: {curvature}"
            more += ", progress: on" if progress else ""
            more += f", steps: {steps}" if steps else ""
            return f"drmad(knots: {knots}{more})"
        case Published():
            return "drmad(paper)"
        case Naive():
            return "naive()"
        case Flow(knots, segments, products, batch):
            size = f"{batch}" if batch else "all"
            return f"flow(knots: {knots}, segments: {segments}, products: {products}, batch: {size})"
        case Truncated(steps):
            return f"truncated(steps: {steps})"
        case Implicit(solver, count):
            return f"implicit({solver}: {count})"
        case Forward():
            return "forward()"
        case OneStep(every):
            return f"one_step(every: {every})"
        case Auto(memory):
            return f"auto(memory: {bytes_text(memory)})"
