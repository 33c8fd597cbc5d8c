"""The compiler fills in what a spec leaves open, and keeps the reason for its choice."""

from dataclasses import replace

from drmadc.compiler.passes.strategy.choose import choose
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.language.strategies.auto import Auto, Exact
from drmadc.language.strategies.exact.store import Store
from tests.conftest import compiled


def test_a_choice_replaces_the_strategy_and_says_why() -> None:
    program = compiled("schedules").ir
    for open_ in (Exact(10**9), Auto(1)):
        found = choose(replace(program, reverse=replace(program.reverse, strategy=open_, text="as written"))).reverse
        assert (found.strategy, found.reason) == open_.choose(facts(program))
        assert found.reason
        assert (found.text, found.origin) == ("as written", program.reverse.origin)


def test_a_strategy_with_all_its_numbers_stays_with_the_reason_it_has() -> None:
    program = compiled("schedules").ir
    settled = replace(program, reverse=replace(program.reverse, strategy=Store(), reason="chosen before"))
    assert choose(settled) == settled
