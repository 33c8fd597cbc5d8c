"""predict(params, hypers, raw, statistics): the model's output on new examples, whose labels are not needed."""

from dataclasses import dataclass
from typing import Literal

from drmadc.compiler.lower.data import field_types, inputs_function, may_be_unseen
from drmadc.compiler.lower.expressions import function_scope, lower
from drmadc.compiler.lower.forward import hyper_reads
from drmadc.compiler.lower.trained.units import in_field_units
from drmadc.compiler.passes.dependence import expression_hypers, inlined
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Data, Program
from drmadc.ir.types import EXAMPLE, Array, leading
from drmadc.language.functions.losses import Loss
from drmadc.language.registry import CALLS
from drmadc.target import tree as py
from drmadc.target.build import call

Kind = Literal["classes", "probability", "values"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The first argument of the objective's loss, its features named `batch.x`, and of what field it predicts.

    Values are in the units of that field where the loss reads it through what can be undone (`standardise(price)`).
    """

    value: ir.Expr
    kind: Kind
    features: tuple[str, ...]
    label: str


def prediction(program: Program) -> Prediction | None:
    """What a program predicts; None where its objective is not the loss of one output of a model."""
    data = program.data
    if data is None or data.alphabets is not None:
        return None
    parts = [part for part in ir.walk(inlined(program.objective)) if isinstance(part, ir.OnSplit)]
    losses = [(part.split, loss) for part in parts for loss in _losses(part.x)]
    if len({(split, loss.args[0]) for split, loss in losses}) != 1:
        return None
    split, loss = losses[0]

    def of_batch(node: ir.Expr) -> ir.Expr:
        head, _, name = node.id.partition(".") if isinstance(node, ir.Name) else ("", "", "")
        return ir.Name(f"batch.{name}", node.type) if head == split else node

    value = rewrite(loss.args[0], of_batch)
    if leading(value.type) != (EXAMPLE,) or any(isinstance(node, ir.Rows) for node in ir.walk(value)):
        return None
    kind: Kind = "values"
    if loss.function == "cross_entropy":
        kind = "classes"
    elif loss.function == "binary_cross_entropy":
        kind = "probability"
    features = tuple(name.removeprefix("batch.") for name in ir.names_in(value) if name.startswith("batch."))
    target = _target(data, loss.args[1])
    label = target.id if isinstance(target, ir.Name) else ""
    found = in_field_units(data, target, value) if target is not None and kind == "values" else None
    if found is not None:
        label, value = found
    return Prediction(value, kind, features, label)


def _losses(expr: ir.Expr) -> list[ir.Call]:
    """The losses of a model's output in an expression."""
    return [
        node
        for node in ir.walk(expr)
        if isinstance(node, ir.Call)
        and isinstance(CALLS.get(node.function), Loss)
        and any(isinstance(inner, ir.Apply) for inner in ir.walk(node.args[0]))
    ]


def _target(data: Data, target: ir.Expr) -> ir.Expr | None:
    """The feature that a loss compares with, of fields; None where it is computed there."""
    name = target.id.rpartition(".")[2] if isinstance(target, ir.Name) else ""
    return next((let.value for let in data.features if let.name == name), None)


def predict_functions(program: Program) -> list[py.Statement]:
    """predict_inputs(raw, statistics) and predict(params, hypers, raw, statistics)"""
    found = prediction(program)
    if found is None or program.data is None:
        return []
    read = expression_hypers(program, found.value)
    names = tuple(h.name for h in program.hypers if h.name in read)
    body: list[py.Statement] = [*hyper_reads(program, names, at_step=False)]
    body.append(py.Assign((py.Id("batch"),), call("predict_inputs", py.Id("raw"), py.Id("statistics"))))
    body.append(py.Return(lower(found.value, function_scope(program))))
    assert isinstance(found.value.type, Array)
    arguments = ("params", "hypers", "raw", "statistics")
    doc = f"The model's output on new examples: {found.value.type}."
    origin = program.objective.origin
    return [
        inputs_function(program, program.data, found.features, "predict_inputs"),
        py.Function("predict", tuple((name, None) for name in arguments), doc, tuple(body), origin),
    ]


def prediction_record(program: Program) -> py.Expr | None:
    """rt.Prediction(predict, kind="classes", fields={"image": "byte[8, 8]"}, label="label")"""
    found = prediction(program)
    if found is None or program.data is None:
        return None
    named: dict[str, py.Expr] = {"kind": py.Literal(found.kind), "fields": fields_of(program.data, found.features)}
    if found.label:
        named["label"] = py.Literal(found.label)
    read = _read_by(program.data, found.features)
    unseen = tuple(name for name in field_types(program.data) if name in read & may_be_unseen(program.data))
    if unseen:
        named["unseen"] = py.Tuple(tuple(map(py.Literal, unseen)))
    return call("rt.Prediction", py.Id("predict"), **named)


def fields_of(data: Data, features: tuple[str, ...]) -> py.Dict:
    """The types of the fields that features read, by name."""
    used = _read_by(data, features)
    types = field_types(data).items()
    return py.Dict(tuple((py.Literal(name), py.Literal(text)) for name, text in types if name in used))


def _read_by(data: Data, features: tuple[str, ...]) -> set[str]:
    """What features are made of."""
    return {name for let in data.features if let.name in features for name in ir.names_in(let.value)}
