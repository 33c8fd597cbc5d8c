"""What a run found, for other programs: hyperparameters by parameter, the rule for optax and PyTorch, the model."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from drmadc.compiler.lower.exported.optimizer import optax_module, torch_module
from drmadc.compiler.lower.names import key
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import Data, HyperParameter, Program
from drmadc.ir.types import GROUP_AXES
from drmadc.naming.entries import Entries
from drmadc.tools.export.jax_model import jax_model, onnx_model
from drmadc.tools.export.numpy_model import numpy_model
from drmadc.tools.export.numpy_source import NoTwin
from drmadc_runtime.core.archives import zipped

if TYPE_CHECKING:
    from drmadc_runtime.program.contract import Program as Emitted
    from drmadc_runtime.run.model import Model

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


def json_text(entries: Entries, arrays: Mapping[str, Array]) -> str:
    """Hyperparameters with their domains and axes, and what their entries are; the names of the source's classes."""
    out = {}
    names = named_entries(entries)
    for hyper in entries.program.hypers:
        out[hyper.name] = {
            "domain": hyper.domain,
            "axes": [str(axis) for axis in hyper.type.axes],
            "values": _nested(hyper.name, arrays),
        }
        if entries.named(hyper.name):
            out[hyper.name]["names"] = _nested(hyper.name, names)
        if per_example(hyper):
            out[hyper.name]["examples"] = {column: x.tolist() for column, x in entries.examples.items()}
    whole: dict[str, object] = {"program": entries.program.name, "hyperparameters": out}
    if entries.classes:
        whole["classes"] = entries.classes
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _nested(hyper: str, arrays: Mapping[str, Array]) -> object:
    """The array of a hyperparameter as lists, or those of its parameters by name."""
    head = f"{hyper}/"
    parts = {name.removeprefix(head): x.tolist() for name, x in arrays.items() if name.startswith(head)}
    return parts or arrays[hyper].tolist()


def named_entries(entries: Entries) -> dict[str, Array]:
    """The names of hyperparameters' entries, as `by_parameter` has their values; "" where an entry has none."""
    return by_parameter(entries.program, {h.name: entries.names(h.name) for h in entries.program.hypers})


def npz_arrays(entries: Entries, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The values, and beside them `names/...` of those with names, `examples/COLUMN` and `classes/FIELD`."""
    named = {h.name for h in entries.program.hypers if entries.named(h.name) and not per_example(h)}
    names = named_entries(entries).items()
    out = {**arrays, **{f"names/{key_}": x for key_, x in names if key_.partition("/")[0] in named}}
    if any(per_example(h) for h in entries.program.hypers):
        out |= {f"examples/{column}": x for column, x in entries.examples.items()}
    return out | {f"classes/{field}": np.array(names) for field, names in entries.classes.items()}


def csv_files(entries: Entries, arrays: Mapping[str, Array]) -> dict[str, bytes]:
    """NAME_hypers.csv: a line for each number; HYPER.csv of each that is over examples; NAME_classes.csv.

    Lines of HYPER.csv are sorted by value, the lowest first, and those of equal values by row.
    """
    program, names = entries.program, named_entries(entries)
    rows = [
        [*name.partition("/")[::2], " ".join(map(str, index)), str(names[name][index]), repr(values[index].item())]
        for name, values in arrays.items()
        for index in np.ndindex(values.shape)
    ]
    head = ["hyperparameter", "parameter", "index", "name", "value"]
    files = {f"{program.name}_hypers.csv": _csv(head, rows)}
    for hyper in program.hypers:
        if per_example(hyper) and entries.examples:
            table = entries.by_value(hyper.name, arrays[hyper.name])
            lines = zip(*(x.tolist() for x in table.values()), strict=True)
            files[f"{hyper.name}.csv"] = _csv(list(table), [list(line) for line in lines])
    if entries.classes:
        each = [[field, i, name] for field, found in entries.classes.items() for i, name in enumerate(found)]
        files[f"{program.name}_classes.csv"] = _csv(["field", "class", "name"], each)
    return files


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    return file.getvalue().encode()


def per_example(hyper: HyperParameter) -> bool:
    """Whether a hyperparameter has an entry for each example of the train split."""
    return any(axis.kind == "example" for axis in hyper.type.axes)


def export(entries: Entries, hypers: Mapping[str, Array], emitted: "Emitted", form: str) -> dict[str, bytes]:
    """The files of one form, by name.

    Args:
        entries: what the entries of the program's hyperparameters are, as the run kept it.
        hypers: in their own domains.
        emitted: what the run's emitted module gives.
        form: json, npz, csv, optax, torch, model or safetensors.

    Raises:
        CannotExport: the program cannot take this form.
    """
    program = entries.program
    arrays = by_parameter(program, hypers)
    values = f"{program.name}_hypers.npz"
    match form:
        case "json":
            return {f"{program.name}_hypers.json": json_text(entries, arrays).encode()}
        case "csv":
            return csv_files(entries, arrays)
        case "npz":
            return {values: zipped(npz_arrays(entries, arrays))}
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


def export_model(model: "Model", text: str, form: str) -> dict[str, bytes]:
    """The files of a form of a trained model, by name.

    Args:
        text: the emitted module of its program.
        form: model, jax or onnx.

    Raises:
        CannotExport: the model cannot take this form.
    """
    match form:
        case "model":
            try:
                return numpy_model(model, text)
            except NoTwin as error:
                raise CannotExport(f"the model calls {error}, which NumPy does not have; use --to jax") from error
        case "jax":
            try:
                return jax_model(model)
            except ImportError:
                raise CannotExport("flatbuffers is not installed: pip install 'drmadc[jax-export]'") from None
        case "onnx":
            try:
                return onnx_model(model)
            except ImportError:
                raise CannotExport("jax2onnx is not installed: pip install 'drmadc[onnx]'") from None
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
            "broadcasts against that parameter\n"
            "# names/NAME: what each entry belongs to; classes/FIELD: the names of its classes, in order\n"
            "# examples/row: the row of the source, counted from 0, of each entry over examples"
        ),
        "_hypers.csv": f'import pandas\nhypers = pandas.read_csv("{program.name}_hypers.csv")',
        "_optax.py": (
            f"from {program.name}_optax import optimizer, schedule\n"
            "tx = optimizer()  # an optax.GradientTransformation for a dictionary of parameters by path\n"
            "state = tx.init(params)\nupdates, state = tx.update(grads, state, params)\n\n"
            f"from {program.name}_optax import decay, penalty\n"
            "# grads are of the data's loss plus penalty(params, t); or of the data's loss alone, and then\n"
            "# tx = optax.chain(decay(), optimizer())"
        ),
        "_torch.py": (
            f"from {program.name}_torch import Optimizer\n"
            "optimizer = Optimizer(model)  # model is a torch.nn.Module with these parameters\n"
            "loss.backward()\noptimizer.step()\n\n"
            f"from {program.name}_torch import param_groups, penalty\n"
            "# loss is that of the data plus penalty(model, t); or that of the data alone, and then\n"
            "# Optimizer(model, decay=True), or torch.optim.SGD(param_groups(model)) where they are single numbers"
        ),
        "_model.py": (
            f"from {program.name}_model import outputs, predict  # needs NumPy alone; takes fields by name\n"
            "# predict(fields): what `drmadc predict` writes; outputs(fields): logits or values"
        ),
        "_model.npz": (
            f'import numpy as np\nwith np.load("{program.name}_model.npz") as file:\n'
            '    params = {name: file[name] for name in file.files if "/" not in name}'
        ),
        "_model.onnx": (
            "import onnxruntime\n"
            f'session = onnxruntime.InferenceSession("{program.name}_model.onnx")\n'
            f"(outputs,) = session.run(None, fields)  # by name, real ones {program.precision}, classes int32"
        ),
        "_model.jax": (
            "import jax\nfrom jax import export  # needs flatbuffers\n"
            f'model = export.deserialize(open("{program.name}_model.jax", "rb").read())\n'
            + (
                "with jax.enable_x64(True):\n    outputs = model.call(fields)"
                if program.precision == "float64"
                else "outputs = model.call(fields)"
            )
            + f"  # fields by name, real ones {program.precision}, classes int32; NaN or -1 where one is missing"
        ),
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
    for hyper in program.hypers:
        if per_example(hyper) and f"{hyper.name}.csv" in names and program.data is not None:
            lines += ["", f"## {hyper.name}.csv", "", _rows_text(hyper, program.data)]
    if f"{program.name}_classes.csv" in names:
        lines += ["", f"## {program.name}_classes.csv", "", "The names of the classes of each field, in their order."]
    return "\n".join(lines) + "\n"


def _rows_text(hyper: HyperParameter, data: Data) -> str:
    """What the rows of HYPER.csv are."""
    part = next((split.part for split in data.splits if split.name == "train"), "train")
    files = ", ".join(f"`{file.path}`" for file in data.files if file.part == part)
    place = f"{files}, counted from 0 without the line of names" if data.source == "csv" else files
    place = place or f"the {part} part of `{data.source}`"
    return (
        f"`{hyper.name}` of each training example, the lowest value first. `row` is its row in {place}"
        + ("" if data.source == "csv" else ", counted from 0")
        + "; `label` its class, and `class` the name of that where it has one."
    )
