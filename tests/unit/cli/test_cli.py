"""The command line as a user meets it: exit codes, help, pipes, files, failures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import drmadc
from drmadc.cli.main import cli
from drmadc.common.source import SourceFile
from drmadc.compiler.driver import compile_source
from tests.conftest import CASES, ROOT

SURFACE = ROOT / "specs" / "toy_surface.drm"


def drmadc_command(
    *args: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drmadc", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd or ROOT, input=stdin, check=False)


def test_help_shows_commands_and_examples() -> None:
    done = drmadc_command("--help")
    assert done.returncode == 0
    for word in ("run", "emit", "check", "fmt", "explain", "Examples:", "Exit codes"):
        assert word in done.stdout
    for command in ("run", "emit", "check", "fmt", "explain"):
        assert "Example" in drmadc_command(command, "--help").stdout


def test_check_and_fmt_do_not_import_jax() -> None:
    program = (
        "import sys; from drmadc.cli.main import cli; "
        f"cli(['check', {str(SURFACE)!r}], standalone_mode=False); "
        f"cli(['fmt', '--check', {str(SURFACE)!r}], standalone_mode=False); "
        "sys.exit(any(m.split('.')[0] in ('jax', 'numpy', 'numba', 'matplotlib', 'rich') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0


def test_help_does_not_import_the_compiler() -> None:
    program = (
        "import sys\nfrom drmadc.cli.main import cli\ncli(['--help'], standalone_mode=False)\n"
        "sys.exit(any(m.split('.')[0] in ('lark', 'jax', 'rich', 'numpy') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 0


def test_run_writes_the_run_folder(tmp_path: Path) -> None:
    done = drmadc_command("run", SURFACE, "tune.steps=3", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "395.36" in done.stdout
    assert "\x1b" not in done.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    texts = {"toy_surface.drm", "toy_surface.py", "environment.json", "run.json", "result.json"}
    assert names == {
        *texts,
        "metrics.jsonl",
        "seconds.jsonl",
        "hypers.npz",
        "hypers",
        "checkpoint.npz",
        "log.txt",
        "costs.json",
    }
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["outer"] for line in lines] == [0, 1, 2]
    assert set(lines[0]) == {"outer", "objective", "growth", "hypergradient"}
    hypers = np.load(tmp_path / "run" / "hypers.npz")
    assert hypers["momentum"].shape == (50,)
    assert (hypers["momentum"] > 0).all()
    assert (hypers["momentum"] < 1).all()
    assert "# from the command line: tune.steps=3" in (tmp_path / "run" / "toy_surface.drm").read_text()
    again = drmadc_command("run", SURFACE, "--out", tmp_path / "run")
    assert again.returncode == 2
    assert "never overwrites" in again.stderr


def test_emitted_module_runs_by_itself(tmp_path: Path) -> None:
    assert drmadc_command("emit", SURFACE, "-o", tmp_path / "toy.py").returncode == 0
    done = subprocess.run(
        [sys.executable, str(tmp_path / "toy.py"), "--out", str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert drmadc_command("run", SURFACE, "--out", tmp_path / "b").returncode == 0
    a, b = np.load(tmp_path / "a" / "hypers.npz"), np.load(tmp_path / "b" / "hypers.npz")
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize("stage", ["ast", "ir", "adjoint", "python", "jaxpr", "hlo"])
def test_every_stage_is_shown(stage: str) -> None:
    done = drmadc_command("emit", SURFACE, "--stage", stage)
    assert done.returncode == 0, done.stderr
    words = {"jaxpr": "scan", "hlo": "stablehlo.while"}
    words |= {
        "ast": "ParamsDecl",
        "ir": "step (heavy_ball)",
        "adjoint": "adjoint of step",
        "python": "def reverse_step",
    }
    assert words[stage] in done.stdout
    assert "adjoint of step" not in done.stdout or stage == "adjoint"


def test_wrong_spec_exits_1_with_text_or_json() -> None:
    bad = CASES / "bad" / "E0305_domain.drm"
    done = drmadc_command("check", bad)
    assert done.returncode == 1
    assert "error[E0305]" in done.stderr
    done = drmadc_command("run", bad, "--error-format", "json")
    assert done.returncode == 1
    codes = [json.loads(line)["code"] for line in done.stderr.splitlines()]
    assert codes == ["E0305"] * 3


@pytest.mark.parametrize(
    "args",
    [
        ("check", "no_such_file.drm"),
        ("check", "."),
        ("rnu", "x.drm"),
        ("run", SURFACE, "--oot", "x"),
        ("emit", SURFACE, "--stage", "pyhton"),
        ("emit", SURFACE, "--stage", "ir", "--after", "nothing"),
        ("emit", SURFACE, "-o", "no/such/folder/x.py"),
        ("explain", "E9999"),
    ],
)
def test_usage_errors_exit_2(args: tuple[object, ...]) -> None:
    done = drmadc_command(*args)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_explain() -> None:
    done = drmadc_command("explain", "e0401")
    assert done.returncode == 0
    assert "hypergradient is identically 0" in done.stdout
    done = drmadc_command("explain", "whiten")
    assert done.returncode == 0
    assert done.stdout.startswith("whiten(x, epsilon)")
    assert "  whiten  " in drmadc_command("explain", "functions").stdout
    assert "did you mean `tanh`?" in drmadc_command("explain", "tan").stderr


def test_fmt_rewrites_in_place_and_from_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "x.drm"
    path.write_text("hyper a :real=1 # why\n")
    assert drmadc_command("fmt", "--check", path).returncode == 1
    assert path.read_text() == "hyper a :real=1 # why\n"
    assert drmadc_command("fmt", path).returncode == 0
    assert path.read_text() == "hyper a: real = 1  # why\n"
    assert drmadc_command("fmt", "-", stdin="let  x=1").stdout == "let x = 1\n"
    path.write_text("hyper a = \n")
    assert drmadc_command("fmt", path).returncode == 1
    assert path.read_text() == "hyper a = \n"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m drmadc emit specs/mnist_l2.drm | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


DIVERGING = """params w: real[2] = [1, 2]
hyper rate: positive = 3
train {
  loss   = sum(w ^ 4)
  update = sgd(rate: rate)
  steps  = 40
}
tune {
  minimize = sum(w ^ 2)
  update   = sgd(rate: 0.1)
  steps    = 3
}
"""


def test_divergence_names_outer_step_training_step_and_line(tmp_path: Path) -> None:
    path = tmp_path / "diverging.drm"
    path.write_text(DIVERGING)
    done = drmadc_command("run", path, "--out", tmp_path / "run")
    assert done.returncode == 3, done.stderr
    assert "training diverged" in done.stderr
    assert "outer step 0, training step 3" in done.stderr
    assert "diverging.drm:5: sgd" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "environment.json").exists()


def test_failure_on_the_way_back_names_the_step(tmp_path: Path) -> None:
    text = DIVERGING.replace("hyper rate: positive = 3", "hyper rate: positive = 0.05").replace(
        "sum(w ^ 4)", "sum(w ^ 2) + 30 * sum(sin(8 * w))"
    )
    text = text.replace("steps  = 40", "steps  = 400").replace(
        "  update   = sgd(rate: 0.1)", "  reverse  = drmad(knots: 2)\n  update   = sgd(rate: 0.1)"
    )
    path = tmp_path / "chaos.drm"
    path.write_text(text)
    done = drmadc_command("run", path, "--out", tmp_path / "run")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the adjoint overflows in the reverse pass" in done.stderr
    assert "outer step 0, training step " in done.stderr
    assert "chaos.drm:10: drmad(knots: 2)" in done.stderr


def test_what_was_done_survives_a_failure(tmp_path: Path) -> None:
    text = DIVERGING.replace("hyper rate: positive = 3", "hyper rate: positive = 0.01").replace("0.1)", "1000000)")
    path = tmp_path / "late.drm"
    path.write_text(text)
    done = drmadc_command("run", path, "--out", tmp_path / "run")
    assert done.returncode == 3, done.stdout + done.stderr
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert lines
    assert all(json.loads(line) for line in lines)
    assert np.load(tmp_path / "run" / "hypers.npz")["rate"].shape == ()


def test_a_bug_exits_70_and_says_what_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from drmadc.cli.main import main

    def broken(**options: object) -> None:
        raise KeyError("inside")

    with pytest.raises(SystemExit) as stop:
        main(broken)
    assert stop.value.code == 70
    assert "this is a bug in drmadc" in capsys.readouterr().err


def test_python_api(tmp_path: Path) -> None:
    program = drmadc.compile_file(SURFACE, overrides=["tune.steps=2"])
    assert program.hypers["rate"].shape == (50,)
    g = program.hypergradient(program.hypers, outer=0)
    assert g.value == program.objective(program.hypers, outer=0)
    np.testing.assert_allclose(g.unconstrained["rate"], g.gradient["rate"] * program.hypers["rate"], rtol=1e-12)
    assert g.growth > 0
    with pytest.raises(ValueError, match="hyperparameters are"):
        program.objective({"rate": program.hypers["rate"]})
    with pytest.raises(ValueError, match="shape"):
        program.objective({**program.hypers, "rate": np.ones(3)})
    with pytest.raises(drmadc.SpecError) as error:
        drmadc.compile_text("hyper a: psitive = 1")
    assert {d.code for d in error.value.diagnostics} >= {"E0211", "E0207"}
    assert program.run(out=tmp_path / "run", quiet=True).metrics[0]["outer"] == 0


@pytest.mark.parametrize("name", ['a"""\nopen("ran", "w")\n"""', "a\nopen('ran', 'w')", "\udcff", "..."])
def test_the_name_of_a_file_is_no_code(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / f"{name}.drm"
    spec.write_text((CASES / "ok" / "regression.drm").read_text())
    assert drmadc.compile_file(spec).emitted.steps == 6  # which executes the module
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("file", "name"), [("...drm", "spec"), ("..a.drm", "a"), ("a.b.drm", "a.b"), ("a\n.drm", "a\\n")]
)
def test_a_run_stays_below_runs_whatever_its_spec_is_called(file: str, name: str) -> None:
    text = (CASES / "ok" / "regression.drm").read_text()
    assert compile_source(SourceFile(file, text)).require().name == name


@pytest.mark.parametrize("command", ["run", "check", "emit", "plan"])
def test_an_empty_text_is_no_spec(command: str) -> None:
    done = CliRunner().invoke(cli, [command, ""])
    assert done.exit_code == 2
    assert "an empty text names no file" in done.output


def test_explain_alone_lists_the_codes() -> None:
    from drmadc.common.diagnostics.codes import EXPLANATIONS

    lines = CliRunner().invoke(cli, ["explain"]).output.splitlines()
    assert [line.partition(" ")[0] for line in lines] == sorted(EXPLANATIONS)
    assert "E0401  a hyperparameter that the objective does not depend on" in lines
