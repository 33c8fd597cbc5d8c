"""Every diagnostic has a code, an explanation and a case; JSON is stable; overrides are remembered."""

import importlib
import pkgutil

import drmadc
from drmadc.common.diagnostics.codes import EXPLANATIONS
from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.diagnostics.render import as_json
from drmadc.common.source import SourceFile
from drmadc.compiler.driver import compile_source
from tests.conftest import CASES


def all_diagnostics() -> set[type[Diagnostic]]:
    for module in pkgutil.walk_packages(drmadc.__path__, "drmadc."):
        if module.name != "drmadc.__main__":
            importlib.import_module(module.name)
    classes, found = [Diagnostic], set[type[Diagnostic]]()
    while classes:
        classes += (below := classes.pop().__subclasses__())
        found |= set(below)
    return found


def test_diagnostics_are_records_without_generated_code() -> None:
    """`@dataclass` on each of them made `check` a third slower."""
    assert not [cls for cls in all_diagnostics() if "__dataclass_fields__" in vars(cls)]


def test_every_code_is_explained_and_has_a_case() -> None:
    codes = {cls.code for cls in all_diagnostics()}
    assert codes - {""} == set(EXPLANATIONS)
    cases = {path.name.partition("_")[0] for path in (CASES / "bad").glob("*.drm")}
    assert cases == set(EXPLANATIONS)


def test_json_form() -> None:
    result = compile_source(SourceFile("s.drm", "hyper a: positive = 1\nhyper a: real = 2\n"))
    first = as_json(result.diagnostics[0])
    assert first == {
        "code": "E0205",
        "severity": "error",
        "message": "`a` is declared twice",
        "label": "declared again here",
        "file": "s.drm",
        "line": 2,
        "column": 7,
        "end_line": 2,
        "end_column": 8,
        "others": [
            {"label": "first declared here", "file": "s.drm", "line": 1, "column": 7, "end_line": 1, "end_column": 8}
        ],
        "note": "",
        "help": "remove one, or give it another name",
    }


def test_every_mistake_is_reported_once() -> None:
    text = (CASES / "ok" / "l2_by_input.drm").read_text().replace("tanh", "tnh").replace("momentum: 0.8", "momentum: 8")
    found = [d.code for d in compile_source(SourceFile("s.drm", text)).diagnostics]
    assert found == ["E0204", "E0305"]


def test_values_remember_the_command_line() -> None:
    program = drmadc.compile_file(CASES / "ok" / "l2_by_input.drm", ["train.steps=5", "l2=0.5"])
    assert dict(program.ir.origins)["train.steps"] == "train.steps=5"
    assert "STEPS = 5  # train.steps=5" in program.python
    assert float(program.hypers["l2"][0]) == 0.5
