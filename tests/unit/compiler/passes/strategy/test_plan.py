"""Plans: the program's own strategy first, each with its cost and its reason against it, and what auto() would take."""

from drmadc.compiler.passes.strategy.cost import cost
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.compiler.passes.strategy.plan import candidates, plan
from drmadc.language.strategies.auto import Auto
from drmadc.language.strategies.base import strategy_of
from drmadc.language.strategies.registry import STRATEGIES
from tests.conftest import compiled


def test_rows_are_the_programs_own_strategy_and_every_candidate_once() -> None:
    program = compiled("schedules", "tune.reverse=drmad(knots: 5)").ir
    known, rows = facts(program), plan(program, 10**9).rows
    assert rows[0].strategy == strategy_of(program)
    assert [row.strategy for row in rows[1:]] == [s for s in candidates(known) if s != strategy_of(program)]
    for row in rows:
        assert row.cost == cost(program, row.strategy)
        assert row.gradient == row.strategy.gradient
        assert row.unsupported == row.strategy.unsupported(known)
    assert any(row.unsupported for row in rows)


def test_candidates_are_those_of_every_strategy() -> None:
    known = facts(compiled("schedules").ir)
    assert {type(s) for s in candidates(known)} == {type(c) for s in STRATEGIES for c in s.candidates(known)}


def test_what_auto_would_choose_under_the_bound() -> None:
    program = compiled("schedules").ir
    for bound in (1, 10**9):
        found = plan(program, bound).auto
        assert (found.strategy, found.reason) == Auto(bound).choose(facts(program))
        assert (found.text, found.origin) == (Auto(bound).text, "")
