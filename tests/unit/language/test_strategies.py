"""Reverse strategies as a table: what each file must give, and that nothing else knows which strategy there is."""

import ast as python
import re
from dataclasses import fields

import pytest

import drmadc
from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import SourceFile
from drmadc.compiler.check.strategy.setting import check_reverse
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.language.strategies.base import Strategy
from drmadc.language.strategies.registry import DEFAULT, EXAMPLES, STRATEGIES
from drmadc.language.strategies.settings import Limits
from drmadc.syntax import ast
from drmadc.syntax.parse import parse
from tests.conftest import ROOT, compiled

LIMITS = Limits(steps=4000, examples=10_000)


def parsed(text: str, limits: Limits = LIMITS) -> Strategy:
    """The strategy that a spec's `reverse` setting names."""
    bag = Bag()
    spec = parse(SourceFile("x.drm", f"tune {{\n  reverse = {text}\n}}\n"), bag)
    (tune,) = spec.decls
    assert isinstance(tune, ast.TuneDecl)
    reverse = check_reverse(tune.settings[0].value, limits, bag)
    assert reverse is not None, [str(d) for d in bag.sorted()]
    assert isinstance(reverse.strategy, Strategy)
    return reverse.strategy


def test_every_kind_is_found_once_and_in_order() -> None:
    orders = [kind.order for kind in STRATEGIES]
    assert orders == sorted(set(orders))
    files = {path.stem for path in (ROOT / "drmadc/language/strategies").glob("*/*.py") if path.stem != "__init__"}
    assert files <= {kind.__module__.rpartition(".")[2] for kind in STRATEGIES}
    assert parsed("exact()") == DEFAULT


@pytest.mark.parametrize("kind", STRATEGIES, ids=lambda kind: kind.__name__)
def test_examples_are_read_as_their_kind_and_written_back(kind: type[Strategy]) -> None:
    for example in re.findall(r"\w+\([^)]*\)", kind.example):
        strategy = parsed(example)
        assert type(strategy) is kind
        assert parsed(strategy.text) == strategy
    assert {setting.field for setting in kind.settings} <= {field.name for field in fields(kind)}
    assert {setting.name: setting.about for setting in kind.settings}.keys() == {
        s.name for s in kind.settings if s.about
    }


@pytest.mark.parametrize(
    "text",
    [
        "drmad(knots: 5, curvature: gauss_newton, progress: on, steps: 400)",
        "flow(knots: 3, segments: 2, products: 7, batch: all)",
        "flow(knots: 3, segments: 2, products: 7, batch: 6000)",
        "auto(memory: 1.2345 GB)",
        "exact(memory: 0.5 KB)",
        "implicit(cg: 7)",
    ],
)
def test_a_strategy_is_written_as_it_is_read(text: str) -> None:
    assert parsed(text).text == text


def test_defaults_keep_to_their_bounds() -> None:
    assert (
        parsed("flow()", Limits(steps=5, examples=None)).text == "flow(knots: 6, segments: 5, products: 60, batch: all)"
    )
    assert parsed("drmad(steps: T / 10)").text == "drmad(knots: 2, steps: 400)"
    assert parsed("drmad(steps: T / 10)", Limits(steps=None, examples=None)).text == "drmad(knots: 2, steps: 1)"


@pytest.mark.parametrize("case", ["mnist_l2", "surface", "tasks"])
def test_candidates_are_written_and_read(case: str) -> None:
    known = facts(compiled(case).ir)
    limits = Limits(steps=known.program.steps, examples=known.program.examples)
    for kind in STRATEGIES:
        for candidate in kind.candidates(known):
            assert parsed(candidate.text, limits).choose(known)[0].text == candidate.text


def test_a_choice_predicts_nothing_before_it_is_made() -> None:
    with pytest.raises(ValueError, match="chosen"):
        DEFAULT.memory(facts(compiled("surface").ir).figures)


def test_nothing_else_asks_which_strategy_a_program_has() -> None:
    """No isinstance and no match of a strategy outside the package: the strategy is asked instead."""
    names = {kind.__name__ for kind in STRATEGIES} | {"Implicit"}
    ours = ROOT / "drmadc/language/strategies"
    found = []
    for path in sorted((ROOT / "drmadc").rglob("*.py")):
        tree = python.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.asname or alias.name
            for node in python.walk(tree)
            if isinstance(node, python.ImportFrom) and (node.module or "").startswith("drmadc.language.strategies")
            for alias in node.names
        }
        for node in python.walk(tree):
            asked: list[python.expr] = []
            if isinstance(node, python.MatchClass):
                asked = [node.cls]
            elif isinstance(node, python.Call) and isinstance(node.func, python.Name) and node.func.id == "isinstance":
                asked = [node.args[1]]
            words = {n.id for expr in asked for n in python.walk(expr) if isinstance(n, python.Name)}
            if words & names & imported:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno if hasattr(node, 'lineno') else 0}")
    assert ours.is_dir()
    assert not found


def test_every_word_is_in_the_reference() -> None:
    page = (ROOT / "grammar/README.md").read_text(encoding="utf-8")
    assert [word for word in EXAMPLES if f"`{word}(" not in page and f"{word}(" not in page] == []


def test_an_unknown_strategy_names_the_nearest() -> None:
    text = (ROOT / "specs/drmad/l2.drm").read_text(encoding="utf-8").replace("drmad(knots: 8)", "drmat(knots: 8)")
    with pytest.raises(drmadc.SpecError, match="drmad"):
        drmadc.compile_text(text)
