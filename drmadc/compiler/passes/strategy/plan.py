"""What every reverse strategy would cost a program, and which one auto() would choose."""

from dataclasses import dataclass

from drmadc.compiler.passes.strategy.cost import Cost
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.program import Program
from drmadc.ir.reverse import Reverse
from drmadc.language.strategies.auto import Auto
from drmadc.language.strategies.base import Strategy, strategy_of
from drmadc.language.strategies.facts import Facts, Unsupported
from drmadc.language.strategies.registry import STRATEGIES


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy: its cost, what its gradient is, and why it does not support the program, if so."""

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
    known = facts(program)
    strategies = dict.fromkeys((strategy_of(program), *candidates(known)))
    auto = Auto(bound)
    chosen, reason = auto.choose(known)
    return Plan(tuple(_row(s, known) for s in strategies), Reverse(chosen, auto.text, "", reason))


def candidates(known: Facts) -> tuple[Strategy, ...]:
    """Each form of the language, with the numbers that a user would try first."""
    return tuple(candidate for strategy in STRATEGIES for candidate in strategy.candidates(known))


def _row(strategy: Strategy, known: Facts) -> Row:
    cost = Cost(strategy.memory(known.figures), strategy.work(known.figures))
    return Row(strategy, cost, strategy.gradient, strategy.unsupported(known))
