"""What a run found, for other programs: hyperparameters by parameter, the rule for optax and PyTorch, the model."""

import csv
import io
import json
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from drmadc.compiler.lower.names import key
from drmadc.compiler.lower.optimizer import optax_module, torch_module
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import HyperParameter, Program
from drmadc.ir.types import GROUP_AXES
from drmadc_runtime.run.folder import zipped

if TYPE_CHECKING:
    from drmadc_runtime.program.contract import Program as Emitted

Array = npt.NDArray[Any]


class CannotExport(ValueError):
    """A form that this run cannot take; says why and what to do."""


def by_parameter(program: Program, hypers: Mapping[str, Array]) -> dict[str, Array]:
    """Hyperparameters as arrays: NAME, or where they belong to a group NAME/PARAMETER for each of its parameters.

    Arrays of a parameter broadcast against it; a step axis comes first, with one entry for each training step.
    """
    out: dict[str, Array] = {}
    for hyper in program.hypers:
        values = _stepwise(program, hyper, np.asarray(hypers[hyper.name]))
        place = next((i for i, axis in enumerate(hyper.type.axes) if axis.kind in GROUP_AXES), None)
        if place is None:
            out[hyper.name] = values
            continue
        axis = hyper.type.axes[place]
        before, behind = values.shape[:place], values.shape[place + 1 :]
        for slot in axis_slots(program.parameters, program.group(axis.group).members, axis.kind):
            part = np.take(values, np.arange(slot.start, slot.start + prod(slot.shape)), axis=place)
            out[f"{hyper.name}/{key(program, slot.path)}"] = part.reshape((*before, *slot.shape, *behind))
    return out


def _stepwise(program: Program, hyper: HyperParameter, values: Array) -> Array:
    """One entry for each training step, where steps share bins."""
    axes = hyper.type.axes
    if axes and axes[0].kind == "step" and axes[0].bins:
        return values[np.arange(program.steps) * axes[0].bins // program.steps]
    return values


def json_text(program: Program, arrays: Mapping[str, Array]) -> str:
    """Hyperparameters with their domains and axes."""
    out = {}
    for hyper in program.hypers:
        head = f"{hyper.name}/"
        parts = {name.removeprefix(head): x.tolist() for name, x in arrays.items() if name.startswith(head)}
        out[hyper.name] = {
            "domain": hyper.domain,
            "axes": [str(axis) for axis in hyper.type.axes],
            "values": parts or arrays[hyper.name].tolist(),
        }
    return json.dumps({"program": program.name, "hyperparameters": out}, indent=1) + "\n"


def csv_text(arrays: Mapping[str, Array]) -> str:
    """One line for each number: hyperparameter, parameter, indices, value."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["hyperparameter", "parameter", "index", "value"])
    for name, values in arrays.items():
        hyper, _, parameter = name.partition("/")
        for index in np.ndindex(values.shape):
            table.writerow([hyper, parameter, " ".join(map(str, index)), repr(values[index].item())])
    return file.getvalue()


def export(program: Program, hypers: Mapping[str, Array], emitted: "Emitted", form: str) -> dict[str, bytes]:
    """The files of one form, by name.

    Args:
        hypers: in their own domains.
        emitted: what the run's emitted module gives.
        form: json, npz, csv, optax, torch, model or safetensors.

    Raises:
        CannotExport: the program cannot take this form.
    """
    arrays = by_parameter(program, hypers)
    values = f"{program.name}_hypers.npz"
    match form:
        case "json":
            return {f"{program.name}_hypers.json": json_text(program, arrays).encode()}
        case "csv":
            return {f"{program.name}_hypers.csv": csv_text(arrays).encode()}
        case "npz":
            return {values: zipped(arrays)}
        case "optax" | "torch":
            write = optax_module if form == "optax" else torch_module
            if emitted.online is not None:
                raise CannotExport(
                    "one_step() moves the hyperparameters inside training, so it has no final schedule to export"
                )
            try:
                text = write(program, values)
            except ValueError as error:
                raise CannotExport(
                    f"{program.step.rule} is not elementwise ({error}), so it cannot be exported "
                    "as an optimiser; use --to npz"
                ) from error
            arrays |= _initial_states(program, hypers, emitted)
            return {f"{program.name}_{form}.py": text.encode(), values: zipped(arrays)}
        case "model":
            return {f"{program.name}_model.npz": zipped(trained(program, hypers, emitted))}
        case "safetensors":
            try:
                from safetensors.numpy import save
            except ImportError:
                raise CannotExport("safetensors is not installed: pip install 'drmadc[safetensors]'") from None
            return {f"{program.name}_model.safetensors": save(trained(program, hypers, emitted))}
        case _:
            raise ValueError(form)


def trained(program: Program, hypers: Mapping[str, Array], emitted: "Emitted") -> dict[str, Array]:
    """Parameters by path after one more training, on draws that no outer step has used."""
    from drmadc_runtime.program.executor import Executor
    from drmadc_runtime.program.training_runs import train

    state, _ = train(Executor(emitted), hypers, emitted.fresh_outer)
    return {name: np.asarray(x) for name, x in sorted(state["w"].items())}


def _initial_states(program: Program, hypers: Mapping[str, Array], emitted: "Emitted") -> dict[str, Array]:
    """First states of the rule that are not zero, by parameter."""
    from drmadc_runtime.program.executor import Executor
    from drmadc_runtime.program.training_runs import first_state

    names = [s.name for s in program.step.states if s.initial is not None]
    if not names:
        return {}
    first = first_state(Executor(emitted), hypers, emitted.fresh_outer)
    return {f"initial {n}/{path}": np.asarray(x) for n in names for path, x in first[n].items()}


def page(program: Program, names: list[str]) -> str:
    """How to load each file that is there."""
    about = {
        "_hypers.json": f'import json\nhypers = json.load(open("{program.name}_hypers.json"))["hyperparameters"]',
        "_hypers.npz": (
            f'import numpy as np\nhypers = dict(np.load("{program.name}_hypers.npz"))  # NAME, or NAME/PARAMETER: '
            "broadcasts against that parameter"
        ),
        "_hypers.csv": f'import pandas\nhypers = pandas.read_csv("{program.name}_hypers.csv")',
        "_optax.py": (
            f"from {program.name}_optax import optimizer, schedule\n"
            "tx = optimizer()  # an optax.GradientTransformation for a dictionary of parameters by path\n"
            "state = tx.init(params)\nupdates, state = tx.update(grads, state, params)"
        ),
        "_torch.py": (
            f"from {program.name}_torch import Optimizer\n"
            "optimizer = Optimizer(model)  # model is a torch.nn.Module with these parameters\n"
            "loss.backward()\noptimizer.step()"
        ),
        "_model.npz": f'import numpy as np\nparams = dict(np.load("{program.name}_model.npz"))',
        "_model.safetensors": (
            f'from safetensors.numpy import load_file\nparams = load_file("{program.name}_model.safetensors")'
        ),
    }
    paths = ", ".join(
        f"`{key(program, p.path)}` {list(p.full_shape)}" for p in sorted(program.parameters, key=lambda p: p.path)
    )
    lines = [
        f"# {program.name}, exported",
        "",
        f"Trained with `{program.step.rule}` for {program.steps:,} steps"
        + (f" of {program.batch} examples" if program.batch else "")
        + f"; the loss is `{program.loss.text}`.",
        "",
        f"Parameters: {paths}.",
        "",
        "Hyperparameters: "
        + "; ".join(
            f"`{h.name}`, {h.domain}, {str(h.type).removeprefix('real') or 'one number'}" for h in program.hypers
        )
        + ".",
    ]
    for end, text in about.items():
        if f"{program.name}{end}" in names:
            lines += ["", f"## {program.name}{end}", "", "```python", text, "```"]
    return "\n".join(lines) + "\n"
