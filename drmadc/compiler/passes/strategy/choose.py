"""Lets the strategy fill in what the spec leaves open: its numbers, or another strategy under a memory bound."""

from dataclasses import replace

from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of


def choose(program: Program) -> Program:
    """Replace exact(), exact(checkpoint), exact(tree) and auto() by strategies with all their numbers."""
    strategy, reason = strategy_of(program).choose(facts(program))
    chosen = replace(program.reverse, strategy=strategy, reason=reason or program.reverse.reason)
    return replace(program, reverse=chosen)
