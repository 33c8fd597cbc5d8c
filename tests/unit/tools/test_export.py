"""Taking a run home: what is exported trains the same in optax and PyTorch, and loads as what it was."""

import csv
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
from drmadc.naming.entries import Entries
from drmadc.tools.export.forms import CannotExport, by_parameter, export
from drmadc_runtime.core.axes import Layout, broadcast
from drmadc_runtime.program.training_runs import first_state, learning_curve, train
from tests.conftest import compiled, names
from tests.unit.cli.test_cli import SURFACE, drmadc_command

RULES = ["schedules", "adam_all", "own_rule", "surface", pytest.param("units", marks=pytest.mark.long)]
ROUND_TRIP = 1e-12


def found(program: drmadc.Program) -> dict[str, Any]:
    """Hyperparameters that differ entry by entry."""
    key = np.random.default_rng(0)
    free = program.executor.unconstrain(program.hypers)
    moved = {n: np.asarray(x) + 0.1 * key.standard_normal(np.shape(x)) for n, x in free.items()}
    return {n: np.asarray(x) for n, x in program.executor.constrain(moved).items()}


def loaded(program: drmadc.Program, hypers: Mapping[str, Any], form: str, folder: Path) -> ModuleType:
    for name, data in export(Entries(program.ir, {}, {}), hypers, program.emitted, form).items():
        (folder / name).write_bytes(data)
    spec = importlib.util.spec_from_file_location("exported", folder / f"{program.name}_{form}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradient(program: drmadc.Program, hypers: Mapping[str, Any], w: Any, t: int) -> tuple[float, Any]:
    executor = program.executor
    with executor.precision():
        args = (executor.cast(hypers), 3, *executor.data(3), jnp.int32(t))
        value, grad = jax.value_and_grad(executor.program.training_loss)(w, *args)
        return float(value), grad


def curve(program: drmadc.Program, hypers: Mapping[str, Any]) -> list[float]:
    return learning_curve(program.executor, hypers, 3, points=program.ir.steps)[1]


@pytest.mark.parametrize("case", RULES)
def test_training_with_the_exported_optax_optimizer_gives_the_same_losses(case: str, tmp_path: Path) -> None:
    program = compiled(case)
    hypers = found(program)
    optimizer = loaded(program, hypers, "optax", tmp_path).optimizer()
    executor = program.executor
    losses = []
    with executor.precision():
        start = first_state(executor, hypers, 3)["w"]
        params = dict(start)
        state = optimizer.init(params)
        for t in range(min(program.ir.steps, 6)):
            loss, grad = gradient(program, hypers, type(start)(params), t)
            losses.append(loss)
            updates, state = optimizer.update(grad, state, params)
            params = {path: w + updates[path] for path, w in params.items()}
    bound = ROUND_TRIP if program.ir.precision == "float64" else 1e-5
    np.testing.assert_allclose(losses, curve(program, hypers)[: len(losses)], rtol=bound)


@pytest.mark.parametrize("case", RULES)
def test_training_with_the_exported_torch_optimizer_gives_the_same_losses(case: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    program = compiled(case)
    hypers = found(program)
    module = loaded(program, hypers, "torch", tmp_path)
    executor = program.executor
    start = first_state(executor, hypers, 3)["w"]

    class Model(torch.nn.Module):
        def named_parameters(self) -> Any:
            return self.arrays.items()

    model = Model()
    model.arrays = {n: torch.nn.Parameter(torch.from_numpy(np.array(x)).t()) for n, x in start.items()}
    optimizer = module.Optimizer(model)
    losses = []
    for t in range(min(program.ir.steps, 6)):
        w = {n: x.detach().t().numpy() for n, x in model.arrays.items()}
        loss, grad = gradient(program, hypers, type(start)(w), t)
        losses.append(loss)
        for n, x in model.arrays.items():
            x.grad = torch.from_numpy(np.array(grad[n])).t()
        optimizer.step()
    bound = ROUND_TRIP if program.ir.precision == "float64" else 1e-5
    np.testing.assert_allclose(losses, curve(program, hypers)[: len(losses)], rtol=bound)


def test_schedules_are_optax_schedules(tmp_path: Path) -> None:
    import optax

    program = compiled("surface")
    hypers = found(program)
    module = loaded(program, hypers, "optax", tmp_path)
    rate = module.schedule("momentum")
    np.testing.assert_allclose([rate(t) for t in (0, 3, 10**6)], hypers["momentum"][[0, 3, -1]], rtol=1e-6)
    params = {"w": jnp.ones(2)}
    tx = optax.scale_by_schedule(rate)
    updates, _ = tx.update(params, tx.init(params))
    np.testing.assert_allclose(updates["w"], hypers["momentum"][0], rtol=1e-6)


@pytest.mark.parametrize("case", ["l2_by_input", "units", "schedules", "adam_all", "examples"])
def test_arrays_by_parameter_are_what_training_spreads(case: str) -> None:
    program = compiled(case)
    hypers = found(program)
    arrays = by_parameter(program.ir, hypers)
    tables = {n: v for n, v in vars(names(program)).items() if isinstance(v, Layout)}
    assert sum(x.size for x in arrays.values()) >= sum(x.size for x in hypers.values())
    compared = 0
    for hyper in program.ir.hypers:
        group = [axis for axis in hyper.type.axes if axis.group and axis.kind != "example"]
        if not group or len(hyper.type.axes) > 1:
            continue
        for name, table in tables.items():
            paths = {path.removeprefix(f"{hyper.name}/") for path in arrays if path.startswith(f"{hyper.name}/")}
            if name.startswith(f"{group[0].kind.upper()}_OF_") and paths == set(table.entries):
                for path, part in broadcast(jnp.asarray(hypers[hyper.name]), table).items():
                    np.testing.assert_allclose(arrays[f"{hyper.name}/{path}"], part, rtol=1e-6)
                    compared += 1
    assert compared or case in ("examples", "schedules")


def test_plain_forms_hold_the_same_numbers(tmp_path: Path) -> None:
    program = compiled("l2_by_input")
    hypers = found(program)
    for form in ("json", "npz", "csv"):
        for name, data in export(Entries(program.ir, {}, {}), hypers, program.emitted, form).items():
            (tmp_path / name).write_bytes(data)
    stem = f"{program.name}_hypers"
    stored = dict(np.load(tmp_path / f"{stem}.npz"))
    arrays = {name: x for name, x in stored.items() if not name.startswith("names/")}
    read = json.loads((tmp_path / f"{stem}.json").read_text())["hyperparameters"]
    with (tmp_path / f"{stem}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(x.size for x in arrays.values())
    for name, values in arrays.items():
        hyper, _, path = name.partition("/")
        np.testing.assert_array_equal(np.asarray(read[hyper]["values"][path], values.dtype), values)
        here = [row for row in rows if (row["hyperparameter"], row["parameter"]) == (hyper, path)]
        np.testing.assert_array_equal(np.array([float(row["value"]) for row in here], values.dtype), values.ravel())


def test_the_model_is_that_of_one_more_training(tmp_path: Path) -> None:
    from safetensors.numpy import load

    program = compiled("l2_by_input")
    hypers = found(program)
    (data,) = export(Entries(program.ir, {}, {}), hypers, program.emitted, "safetensors").values()
    wanted = train(program.executor, hypers, program.ir.tune_steps, None)[0]["w"]
    assert set(load(data)) == set(wanted)
    for path, values in load(data).items():
        np.testing.assert_array_equal(values, wanted[path])


def test_rules_that_mix_elements_are_refused() -> None:
    program = compiled("norm_clipping")
    with pytest.raises(CannotExport, match="not elementwise"):
        export(Entries(program.ir, {}, {}), program.hypers, program.emitted, "optax")


def test_export_on_the_command_line(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert drmadc_command("run", SURFACE, "tune.steps=2", "--quiet", "--out", run).returncode == 0
    for form in ("npz", "optax", "model"):
        done = drmadc_command("export", run, "--to", form)
        assert done.returncode == 0, done.stderr
    names = {path.name for path in (run / "export").iterdir()}
    files = {"toy_surface_hypers.npz", "toy_surface_optax.py", "toy_surface_model.npz"}
    assert names == {*files, "README.md"}
    text = (run / "export" / "README.md").read_text()
    assert all(f"## {name}" in text for name in files)
    first = drmadc_command("export", run, "--to", "npz", "--step", 0, "--out", tmp_path / "first")
    assert first.returncode == 0
    early, last = (np.load(f / "toy_surface_hypers.npz")["momentum"] for f in (tmp_path / "first", run / "export"))
    assert not np.array_equal(early, last)
    missing = drmadc_command("export", run, "--to", "npz", "--step", 7)
    assert missing.returncode == 3
    assert "no outer step 7" in missing.stderr
