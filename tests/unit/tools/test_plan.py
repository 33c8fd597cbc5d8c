"""Plans: predicted memory against XLA's own analysis, choices under a bound, and what the commands print."""

import re
import time
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from click.testing import CliRunner

import drmadc
import drmadc_runtime as rt
from drmadc.cli.main import cli
from drmadc.compiler.passes.strategy.choose import choose
from drmadc.compiler.passes.strategy.cost import cost
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.compiler.passes.strategy.plan import candidates, plan
from drmadc.language.strategies.auto import exact_forms
from drmadc.tools.plan import fitting, out_of_memory_text
from tests.conftest import ROOT, compiled

L2 = ROOT / "specs" / "drmad" / "l2.drm"


def with_strategy(strategy: str, *more: str) -> drmadc.Program:
    return drmadc.compile_file(L2, [f"tune.reverse={strategy}", *more])


def measured_memory(program: drmadc.Program) -> int:
    """Temporary and output bytes of the compiled hypergradient: what XLA will allocate beyond the arguments."""
    executor = program.executor
    policy = executor.program.policy

    def whole(*args: Any) -> Any:
        result = executor.program.hypergradient(*args, policy=policy)
        return result if isinstance(policy, rt.Store) else result._replace(trajectory=None)

    with executor.precision():
        args = (executor.cast(program.hypers), jnp.int32(0), *executor.data(0))
        analysis = jax.jit(whole).lower(*args).compile().memory_analysis()
    return int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)


@pytest.mark.parametrize(
    "strategy", ["exact(store)", pytest.param("exact(checkpoint)", marks=pytest.mark.long), "drmad(knots: 40)"]
)
def test_predicted_memory_is_what_xla_allocates(strategy: str) -> None:
    program = with_strategy(strategy)
    predicted = cost(program.ir).memory
    assert predicted == pytest.approx(measured_memory(program), rel=0.15)


def test_memory_of_drmad_does_not_grow_with_the_number_of_steps() -> None:
    """Batch 1 without replacement, as the longest run of the seed systems (T = 50,000)."""
    text = (ROOT / "tests" / "cases" / "ok" / "reverse_guarded.drm").read_text()
    overrides = ["tune.reverse=drmad(knots: 4)", "train.batch=1", "train.sampling=without_replacement"]
    programs = [drmadc.compile_text(text, overrides=[*overrides, f"train.steps={steps}"]) for steps in (500, 50_000)]
    few, many = (measured_memory(program) for program in programs)
    assert few == many


@pytest.mark.long
@pytest.mark.parametrize(
    "strategy",
    [
        "exact(tree)",
        "drmad(knots: 2)",
        "drmad(knots: 16, curvature: gauss_newton)",
        "drmad(knots: 16, curvature: auto)",
        "drmad(paper)",
        "flow(knots: 33)",
        "truncated(steps: 200)",
        "implicit(neumann: 20)",
        "implicit(cg: 20)",
    ],
)
def test_predicted_memory_of_every_strategy(strategy: str) -> None:
    program = with_strategy(strategy)
    predicted = cost(program.ir).memory
    assert predicted == pytest.approx(measured_memory(program), rel=0.15)


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["exact(store)", "exact(checkpoint)", "drmad(knots: 16)", "flow(batch: 500)"])
def test_predicted_work_is_the_measured_ratio(strategy: str) -> None:
    """A ratio of two times of one process, the best of a few: within 25 % of the prediction."""
    program = with_strategy(strategy, "train.steps=1000")
    executor = program.executor
    module, policy = executor.program, executor.program.policy

    def plain(hypers: Any, outer: Any, *data: Any) -> Any:
        start, forward_step = module.training(hypers, outer, *data)
        return rt.forward_pass(forward_step, start, module.steps, None)[0]

    with executor.precision():
        hypers = executor.cast(program.hypers)
        args = (hypers, jnp.int32(0), *executor.data(0))
        train = jax.jit(plain)
        times: dict[str, list[float]] = {"train": [], "whole": []}
        for _ in range(5):
            begin = time.perf_counter()
            jax.block_until_ready(train(*args))
            middle = time.perf_counter()
            jax.block_until_ready(executor.evaluate(hypers, 0, policy).gradient)
            times["train"].append(middle - begin)
            times["whole"].append(time.perf_counter() - middle)
    ratio = min(times["whole"][1:]) / min(times["train"][1:])
    assert cost(program.ir).work == pytest.approx(ratio, rel=0.25)


def test_exact_forms_need_less_and_less_memory_and_more_work() -> None:
    program = with_strategy("exact(store)").ir
    costs = [cost(program, form) for form in exact_forms(facts(program))]
    needs, works = [c.memory for c in costs], [c.work for c in costs]
    assert needs == sorted(needs, reverse=True)
    assert works == sorted(works)


@pytest.mark.parametrize(("bound", "form"), [("2 GB", "store"), ("100 MB", "checkpoint"), ("20 MB", "tree")])
def test_exact_chooses_the_fastest_form_that_fits(bound: str, form: str) -> None:
    reverse = with_strategy(f"exact(memory: {bound})").ir.reverse
    assert reverse.strategy.text == f"exact({form})"
    assert reverse.reason


def test_auto_prefers_exact_and_falls_back_to_guarded_knots() -> None:
    assert with_strategy("auto(memory: 1 GB)").ir.reverse.strategy.text == "exact(store)"
    program = with_strategy("auto(memory: 12 MB)").ir
    assert re.fullmatch(r"drmad\(knots: \d+, curvature: auto\)", program.reverse.strategy.text)
    assert cost(program).memory <= 12e6


def test_a_choice_is_kept_when_it_is_already_made() -> None:
    program = with_strategy("drmad(knots: 8)").ir
    assert choose(program) == program
    again = with_strategy("auto(memory: 100 MB)").ir
    assert choose(again) == again


@pytest.mark.parametrize("case", ["mnist_l2", "schedules", "adam_all", "surface", "norm_clipping", "own_rule", "units"])
def test_every_strategy_has_a_cost_or_a_reason(case: str) -> None:
    program = compiled(case).ir
    rows = plan(program, 2_000_000_000).rows
    assert {row.strategy for row in rows} >= set(candidates(facts(program)))
    for row in rows:
        assert row.cost.memory > 0
        assert row.cost.work >= 1
        assert row.unsupported is None or (row.unsupported.reason and row.unsupported.advice)


def test_plan_command_prints_costs_refusals_and_the_choice() -> None:
    done = CliRunner().invoke(cli, ["plan", str(L2), "--memory", "100MB"])
    assert done.exit_code == 0
    assert "> drmad(knots: 8)" in done.output
    assert "not supported by this program:" in done.output
    assert "auto(memory: 100 MB) would choose exact(checkpoint): needs " in done.output


def test_out_of_memory_says_what_would_fit() -> None:
    program = with_strategy("exact(store)", "train.steps=100000").ir
    text = out_of_memory_text(program, 500_000_000, ["RESOURCE_EXHAUSTED: Out of memory"])
    assert "needed: 17.9 GB beyond the data" in text
    assert "there:  500 MB" in text
    assert "try: reverse = exact(checkpoint)" in text
    assert fitting(program, 1000) is None


def test_what_cannot_serve_is_refused_with_the_hyperparameter() -> None:
    program = compiled("schedules").ir
    known = facts(program)
    reasons = {s.text: s.unsupported(known) for s in candidates(known)}
    assert reasons["exact(store)"] is None
    implicit = reasons["implicit(cg: 20)"]
    assert implicit is not None
    assert implicit.hyper == "rate"
