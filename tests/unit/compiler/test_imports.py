"""`import`: what stands over what, where values are from, and that a run needs no file of those that were imported."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.common.diagnostics.model import Bag
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.compiler.read import recompiled, resolved_text, run_texts
from drmadc.compiler.source_files import read_source
from drmadc.syntax.format import format_spec
from drmadc.syntax.parse import parse
from drmadc_common.run_folder import RunFiles

BASE = """# The base.
params w: real[2] = [1, 2]
hyper rate: positive = 0.1  # of one
hyper pull: real = 0.5
let unused = pull ^ 2
update step(rate: positive) { w' = w - rate * grad }
train {
  loss = sum((w - pull) ^ 4)  # steep
  update = step(rate: rate)
  # few
  steps = 4
  precision = float64
}
tune { minimize = sum(w ^ 2)  reverse = exact(store)  update = sgd(rate: 0.1)  steps = 2 }
report { norm = sum(w ^ 2)  first = w[0]  expect last(norm) < 100 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.drm").write_text(BASE)
    return tmp_path


def over(folder: Path, text: str, name: str = "variant.drm") -> Compilation:
    (folder / name).write_text(text)
    return compile_source(read_source(folder / name))


def merged(folder: Path, text: str) -> str:
    return resolved_text(over(folder, text)).partition("# Every value")[0]


def test_settings_are_replaced_in_their_place_and_added_behind(folder: Path) -> None:
    text = merged(folder, 'import "base.drm"\ntrain { steps = 7  seed = 3 }')
    loss, update, steps, precision, seed = (
        text.index(word) for word in ("loss ", "update    =", "steps     = 7", "precision", "seed")
    )
    assert loss < update < steps < precision < seed
    assert "steps     = 4" not in text


def test_the_merged_spec_is_what_was_meant(folder: Path) -> None:
    variant = over(folder, 'import "base.drm"\ntrain { steps = 7 }\nhyper rate: positive[step] = 0.2')
    whole = BASE.replace("steps = 4", "steps = 7").replace("rate: positive = 0.1", "rate: positive[step] = 0.2")
    expected = compile_source(read_source(written(folder / "whole.drm", whole)))
    values = [
        drmadc.Program(c).hypergradient({"rate": np.full(7, 0.2), "pull": np.asarray(0.5)}) for c in (variant, expected)
    ]
    assert values[0].value == values[1].value
    assert all(np.array_equal(values[0].gradient[name], values[1].gradient[name]) for name in ("rate", "pull"))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_name_replaces_whatever_it_was(folder: Path) -> None:
    program = over(folder, 'import "base.drm"\nlet pull = 0.25').require()
    assert [hyper.name for hyper in program.hypers] == ["rate"]


def test_a_rule_is_replaced_and_a_report_line_by_its_name(folder: Path) -> None:
    text = "update step(rate: positive) { w' = w - 2 * rate * grad }\nreport { norm = sum(w)  second = w[1] }"
    program = over(folder, f'import "base.drm"\n{text}').require()
    assert [report.key for report in program.reports] == ["norm", "first", "second"]
    assert program.reports[0].function.text == "sum(w)"
    assert "2 * rate" in program.step.text


def test_expectations_of_the_base_are_its_own(folder: Path) -> None:
    assert over(folder, 'import "base.drm"').require().expectations == ()
    program = over(folder, 'import "base.drm"\nreport { expect last(norm) < 3 }').require()
    assert [e.text for e in program.expectations] == ["expect last(norm) < 3"]


def test_what_a_base_declares_for_others_is_no_warning(folder: Path) -> None:
    assert over(folder, 'import "base.drm"').diagnostics == ()
    assert [d.code for d in over(folder, 'import "base.drm"\nlet mine = 1').diagnostics] == ["W0201"]


def test_imports_of_imports_and_several(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "middle.drm").write_text('import "../base.drm"\ntrain { steps = 5  seed = 1 }')
    (folder / "other.drm").write_text("train { seed = 2 }\nhyper rate: positive = 0.3")
    program = over(folder, 'import "deep/middle.drm"\nimport "other.drm"\ntrain { batch = all }')
    assert [d.code for d in program.diagnostics] == ["E0302"]  # `batch` needs data: the last word is the file's own
    program = over(folder, 'import "deep/middle.drm"\nimport "other.drm"')
    assert (program.require().steps, program.require().seed) == (5, 2)
    assert program.require().origin("train.steps") == "middle.drm:2"
    assert [Path(file.name).name for file in program.imports] == ["middle.drm", "base.drm", "other.drm"]


def test_overrides_come_last(folder: Path) -> None:
    path = written(folder / "variant.drm", 'import "base.drm"\ntrain { steps = 7 }')
    assert compile_source(read_source(path), ("train.steps=9",)).require().steps == 9


def test_a_name_twice_in_one_file_is_still_a_mistake(folder: Path) -> None:
    twice = "hyper rate: positive = 1\nhyper rate: positive = 2\ntrain { steps = 1  steps = 2 }"
    found = over(folder, f'import "base.drm"\n{twice}')
    assert [d.code for d in found.diagnostics] == ["E0205", "E0206"]


def test_comments_go_with_what_they_are_about(folder: Path) -> None:
    changes = "hyper rate: positive = 0.2  # mine\ntrain { steps = 7 }"
    text = merged(folder, f'# The variant.\nimport "base.drm"\n\n{changes}')
    head, lines = text.partition("\n\n")[0], text.splitlines()
    assert head.splitlines()[1:] == ["# The variant.", "# The base.", "params w: real[2] = [1, 2]"]
    assert "hyper rate: positive = 0.2  # mine" in lines
    assert "# of one" not in text
    assert "# steep" in text


def test_the_merged_text_is_canonical_and_means_the_same(folder: Path) -> None:
    compilation = over(folder, 'import "base.drm"\ntrain { steps = 7 }')
    again = parse(read_source(written(folder / "again.drm", resolved_text(compilation))), Bag())
    assert again == compilation.spec


def test_the_formatter_keeps_the_import(folder: Path) -> None:
    text = '# Why.\nimport "base.drm"  # of all\n\ntrain {\n  steps = 7\n}\n'
    assert format_spec(parse(read_source(written(folder / "v.drm", text)), Bag())) == text


def test_a_run_records_what_it_imported(folder: Path) -> None:
    compilation = over(folder, 'import "base.drm"\ntrain { steps = 7 }')
    (folder / "run.json").write_text(run_texts(compilation)["run.json"])
    about = RunFiles(folder).about()
    assert list(about.imports.values()) == [BASE]
    (folder / "base.drm").unlink()
    assert recompiled(about).text == compilation.text
    (folder / "base.drm").write_text(BASE)
    assert "imports" not in json.loads(run_texts(compile_source(read_source(folder / "base.drm")))["run.json"])


def test_resume_tells_of_a_base_that_changed(folder: Path) -> None:
    path = written(folder / "variant.drm", 'import "base.drm"\ntrain { steps = 7 }\ntune { steps = 1 }')
    run = str(folder / "run")
    runner = CliRunner()
    assert runner.invoke(cli, ["run", str(path), "--out", run, "--quiet"]).exit_code == 0
    assert "import" not in (folder / "run" / "variant.drm").read_text().partition("\n")[2]
    (folder / "base.drm").write_text(BASE.replace("0.5", "0.6"))
    done = runner.invoke(cli, ["resume", run])
    assert done.exit_code == 3
    assert "+hyper pull: real = 0.6" in done.output
