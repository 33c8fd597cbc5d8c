"""What compiling takes: remembered on this machine, predicted in proportion to lines; memory in XLA's account."""

import json
import logging
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from drmadc.compiler.passes.strategy.cost import cost
from drmadc_runtime.program import compiling
from drmadc_runtime.program.compiling import FILE, LOADING, Compiled, Size, compile_lowered, remember, seconds_of
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.run.reporting.costs import costs
from drmadc_runtime.run.reporting.forecast import Cost, forecast
from tests.conftest import compiled

LOOP = Compiled(Size("loop", 100), 2.0, None)
NEW = Size("new", 250)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which nobody has compiled into."""
    monkeypatch.setattr(compiling, "compilation_cache", lambda: tmp_path)
    monkeypatch.setattr(compiling, "caching", lambda: True)
    return tmp_path


def test_a_program_that_is_new_takes_its_lines_share_of_what_another_took() -> None:
    assert seconds_of(NEW, LOOP) == pytest.approx(5.0)


def test_where_the_other_was_only_loaded_its_compilation_is_remembered() -> None:
    remember(LOOP.size, 2.0)
    assert seconds_of(NEW, Compiled(LOOP.size, 0.01, None)) == pytest.approx(5.0)


def test_a_program_that_was_compiled_here_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(NEW, 8.0)
    assert seconds_of(NEW, LOOP) == pytest.approx(8.0 * LOADING)
    remember(NEW, 0.3)  # loaded, and that is measured
    assert seconds_of(NEW, LOOP) == 0.3
    remember(NEW, 0.2)
    assert seconds_of(NEW, LOOP) == 0.2
    monkeypatch.setattr(compiling, "caching", lambda: False)
    assert seconds_of(NEW, LOOP) == 8.0


def test_what_is_compiled_in_no_time_is_not_kept_by_jax() -> None:
    remember(NEW, 0.4)
    assert seconds_of(NEW, LOOP) == 0.4


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"new": []}'])
def test_a_damaged_memory_is_none(cache: Path, text: str) -> None:
    (cache / FILE).write_text(text)
    assert seconds_of(NEW, LOOP) == pytest.approx(5.0)
    remember(NEW, 8.0)
    assert json.loads((cache / FILE).read_text()) == {"new": [8.0]}


def test_the_oldest_are_forgotten(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "MOST", 2)
    for name in ("a", "b", "c"):
        remember(Size(name, 1), 1.0)
    assert list(json.loads((cache / FILE).read_text())) == ["b", "c"]


def test_a_cache_that_cannot_be_written_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compiling, "compilation_cache", lambda: tmp_path / "nowhere")
    remember(NEW, 8.0)
    assert seconds_of(NEW, LOOP) == pytest.approx(5.0)


def test_memory_is_temporaries_results_and_the_buffer() -> None:
    def run(buffer: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        return buffer.at[0].set(x.sum()), x * 2

    function = jax.jit(run, donate_argnums=0)
    buffer, x = jnp.zeros(1000, jnp.float32), jnp.ones(300, jnp.float32)
    found = compile_lowered(function.lower(buffer, x), buffer.nbytes)[1]
    assert found.memory is not None
    assert 4000 + 1200 <= found.memory <= 4000 + 1200 + 1024  # neither x, an argument, nor the buffer a second time


def test_the_hypergradient_is_compiled_once_and_measured_in_the_account_of_the_prediction(
    caplog: pytest.LogCaptureFixture,
) -> None:
    program = compiled("reverse_exact")
    executor = Executor(program.emitted)
    assert executor.compiled is None
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        executor.lowered(program.hypers, 0)
        executor.evaluate(program.hypers, 0)
        executor.evaluate(program.hypers, 1)
    found = [r for r in caplog.messages if r.startswith("Finished XLA compilation of jit(_evaluate_traced)")]
    assert len(found) == 1
    assert executor.compiled is not None
    assert executor.compiled.memory == pytest.approx(cost(program.ir).memory, rel=0.3)


def test_a_forecast_says_what_compiling_will_take_and_costs_set_it_beside_what_it_took() -> None:
    program = compiled("l2_by_input")
    executor = Executor(program.emitted)
    predicted = cost(program.ir)
    found = forecast(executor, program.hypers, Cost(predicted.memory, predicted.work, "exact"), timed=True)
    assert found.compiling is not None
    assert found.running is not None
    assert found.evaluations == program.ir.tune_steps
    executor.evaluate(program.hypers, 0)
    told = costs(found, executor.compiled, [9.0, 0.2, 0.1, 0.3])
    assert told["outer_step"] == {"predicted": found.seconds, "measured": 0.2}
    assert told["memory"]["predicted"] == predicted.memory
    assert told["memory"]["measured"] == executor.compiled.memory  # type: ignore[union-attr]
    assert told["compilation"] == {"predicted": found.compiling, "measured": executor.compiled.seconds}  # type: ignore[union-attr]
    assert costs(found, None, [9.0])["outer_step"]["measured"] is None
