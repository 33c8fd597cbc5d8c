"""What every reverse strategy would cost a program, and which one auto() would choose."""

from dataclasses import dataclass

from drmadc.compiler.passes.strategy.choose import chosen
from drmadc.compiler.passes.strategy.cost import Cost, checkpoint_length, cost
from drmadc.compiler.passes.strategy.support import Unsupported, unsupported
from drmadc.ir.program import Program
from drmadc.ir.reverse import (
    Auto,
    Drmad,
    Exact,
    Flow,
    Forward,
    Implicit,
    Naive,
    OneStep,
    Published,
    Reverse,
    Strategy,
    Truncated,
    strategy_text,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy: its cost, what its gradient is, and why it cannot serve the program, if so."""

    strategy: Strategy
    cost: Cost
    gradient: str
    unsupported: Unsupported | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows, the spec's own strategy first, and what auto() would choose under a bound."""

    rows: tuple[Row, ...]
    auto: Reverse


def plan(program: Program, bound: int) -> Plan:
    """Costs of all strategies for a program whose adjoint has been derived; `bound` is in bytes."""
    own = program.reverse.strategy
    strategies = dict.fromkeys((own, *candidates(program)))
    rows = tuple(Row(s, cost(program, s), gradient_text(s), unsupported(program, s)) for s in strategies)
    return Plan(rows, chosen(program, Reverse(Auto(bound), strategy_text(Auto(bound)), "")))


def candidates(program: Program) -> tuple[Strategy, ...]:
    """Each form of the language, with the numbers that a user would try first."""
    steps = program.steps
    knots = min(16, steps + 1)
    train = program.examples if program.batched else 0
    segments = min(20, steps)
    return (
        Exact("store"),
        Exact("checkpoint", length=checkpoint_length(program)),
        Exact("tree", arity=4),
        Exact("reversible"),
        Drmad(2),
        Drmad(knots),
        Drmad(knots, "gauss_newton"),
        Drmad(knots, "auto"),
        Published(),
        Flow(knots, segments, 12 * segments, min(2000, train)),
        Truncated(max(1, steps // 10)),
        Implicit("neumann", 20),
        Implicit("cg", 20),
        Forward(),
        OneStep(min(10, steps)),
    )


def gradient_text(strategy: Strategy) -> str:
    """What the strategy's gradient is."""
    match strategy:
        case Exact("reversible"):
            return "exact, decays rounded to n/65536"
        case Exact() | Forward():
            return "exact"
        case Drmad(_, "gauss_newton"):
            return "approximate path, biased curvature"
        case Drmad(_, "auto"):
            return "approximate path, guarded; up to two reverse passes"
        case Drmad(_, _, _, steps) if steps:
            return "approximate path, few steps"
        case Drmad():
            return "approximate path"
        case Published():
            return "as published: first tenth, unscaled"
        case Naive():
            return "none: a demonstration of rounding"
        case Flow():
            return "continuous limit"
        case Truncated():
            return "exact for the last steps"
        case Implicit():
            return "right at rest"
        case OneStep():
            return "one step ahead"
        case Auto():
            return "chosen"
