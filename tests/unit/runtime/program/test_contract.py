"""The contract between emitted code and the runtime: what a module gives, and how far a step is from a run."""

import dataclasses
import traceback
from pathlib import Path

import pytest

import drmadc
from drmadc.compiler.load import execute
from drmadc_runtime.core.types import State
from drmadc_runtime.program.contract import Program
from drmadc_runtime.run.run import run
from tests.conftest import CASES, compiled


class Reached(Exception):
    """The emitted step is called."""


def test_every_field_is_documented() -> None:
    documented = Program.__doc__ or ""
    for field in dataclasses.fields(Program):
        assert f"        {field.name}: " in documented, field.name


@pytest.mark.parametrize("path", sorted((CASES / "ok").glob("*.drm")), ids=lambda path: path.stem)
def test_a_program_names_what_its_module_defines(path: Path) -> None:
    """Each function is the module's of that name; a stage's may carry the stage's name."""
    program = drmadc.compile_file(path)
    names = execute(program.python, program.name)
    emitted = names["PROGRAM"]
    assert isinstance(emitted, Program)
    for field in dataclasses.fields(emitted):
        value = getattr(emitted, field.name)
        if callable(value):
            assert value is names[field.name]
    assert emitted.outer_steps == program.ir.tune_steps
    assert (emitted.feed is not None) == program.ir.streamed
    for stage in emitted.stages:
        assert (stage.step is None) == bool(stage.optimizer)


def test_a_step_is_ten_calls_below_a_run(tmp_path: Path) -> None:
    calls: list[str] = []

    def step(*arguments: State) -> State:
        calls.extend(frame.name for frame in traceback.extract_stack() if "drmadc_runtime" in frame.filename)
        raise Reached

    program = compiled("own_rule", "tune.reverse=exact(store)")
    names = execute(program.python, program.name)
    names["step"] = step
    emitted = names["PROGRAM"]
    assert isinstance(emitted, Program)
    with pytest.raises(Reached):
        run(emitted, {}, str(tmp_path / "run"))
    assert calls[0] == "run"
    assert len(calls) <= 10
