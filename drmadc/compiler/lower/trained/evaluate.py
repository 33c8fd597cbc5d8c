"""outputs(params, hypers, raw, statistics) and metrics(outputs, params, hypers): a program's metrics on new examples.

What belongs to single examples is in `outputs`, computed once; `metrics` is cheap, and computed again for a resample.
"""

from dataclasses import dataclass

from drmadc.compiler.lower.data import inputs_function
from drmadc.compiler.lower.expressions import function_scope, lower
from drmadc.compiler.lower.forward import hyper_reads
from drmadc.compiler.lower.trained.predict import fields_of, prediction
from drmadc.compiler.passes.dependence import expression_hypers, inlined
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Function, Program
from drmadc.ir.types import EXAMPLE, leading
from drmadc.target import tree as py
from drmadc.target.build import call

OBJECTIVE = "objective"
ACROSS = ("append", "neighbours")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """By name: what metrics read of each example, and the metrics, which read it as `outputs.NAME`."""

    outputs: dict[str, ir.Expr]
    metrics: dict[str, ir.Expr]

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the outputs read."""
        read = (name for value in self.outputs.values() for name in ir.names_in(value))
        return tuple(dict.fromkeys(name.removeprefix("batch.") for name in read if name.startswith("batch.")))


def evaluation(program: Program) -> Evaluation | None:
    """The objective and what is reported, each of one split; None where nothing is predicted or none is of examples."""
    if prediction(program) is None:
        return None
    whole: dict[str, ir.Expr] = {}
    reported = {report.key: report.function for report in program.reports if report.shape is None}
    for key, function in {OBJECTIVE: program.objective, **reported}.items():
        found = _of_one_split(function)
        if found is None:
            continue
        split, value = found
        short = key.removesuffix(f"/{split}")
        if whole.get(short, value) == value:
            whole[short] = value
        else:
            whole[key] = value
    outputs: dict[ir.Expr, str] = {}
    metrics = {name: _apart(value, outputs) for name, value in whole.items()}
    return Evaluation({name: value for value, name in outputs.items()}, metrics) if outputs else None


def _of_one_split(function: Function) -> tuple[str, ir.Expr] | None:
    """The split and the value, its features named `batch.x`; None where it takes more than one split's examples."""
    value = inlined(function)
    nodes = ir.walk(value)
    splits = {node.split for node in nodes if isinstance(node, ir.OnSplit)}
    across = any(isinstance(node, ir.Call) and node.function in ACROSS for node in nodes)
    if len(splits) != 1 or across or any(isinstance(node, ir.Rows) or _of_examples(node) for node in nodes):
        return None
    (split,) = splits

    def of_batch(node: ir.Expr) -> ir.Expr:
        if isinstance(node, ir.OnSplit):
            return node.x
        head, _, name = node.id.partition(".") if isinstance(node, ir.Name) else ("", "", "")
        return ir.Name(f"batch.{name}", node.type) if head == split else node

    return split, rewrite(value, of_batch)


def _of_examples(node: ir.Expr) -> bool:
    """Whether a node is a hyperparameter with an entry for each training example."""
    return isinstance(node, ir.Hyper) and any(axis.kind == "example" for axis in leading(node.type))


def _apart(value: ir.Expr, outputs: dict[ir.Expr, str]) -> ir.Expr:
    """A metric that reads from `outputs` what belongs to single examples; what is not there yet is added."""
    whole = sorted(_of_single_examples(value), key=lambda node: -len(ir.walk(node)))
    for part in whole:
        if part not in outputs:
            outputs[part] = _name(part, set(outputs.values()))
        read = ir.Name(f"outputs.{outputs[part]}", part.type)
        value = rewrite(value, lambda node, part=part, read=read: read if node == part else node)  # type: ignore[misc]
    return value


def _of_single_examples(value: ir.Expr) -> tuple[ir.Expr, ...]:
    """The largest parts of a metric with a value for each example."""
    if leading(value.type) == (EXAMPLE,):
        return (value,)
    return tuple(dict.fromkeys(part for child in ir.children(value) for part in _of_single_examples(child)))


def _name(part: ir.Expr, taken: set[str]) -> str:
    """What an output is called: as the model or feature that it is."""
    hint = "value"
    if isinstance(part, ir.Apply):
        hint = part.model
    elif isinstance(part, ir.Name):
        hint = part.id.removeprefix("batch.")
    return next(name for name in (hint, *(f"{hint}_{i}" for i in range(2, len(taken) + 3))) if name not in taken)


def evaluation_functions(program: Program) -> list[py.Statement]:
    """evaluation_inputs(raw, statistics), outputs(params, hypers, raw, statistics), metrics(outputs, params, hypers)"""
    found = evaluation(program)
    if found is None or program.data is None:
        return []
    batch = py.Assign((py.Id("batch"),), call("evaluation_inputs", py.Id("raw"), py.Id("statistics")))
    outputs = _named(program, found.outputs, (batch,))
    about = f"What the metrics read of each new example: {', '.join(found.outputs)}."
    return [
        inputs_function(program, program.data, found.features, "evaluation_inputs"),
        py.Function("outputs", _OUTPUTS, about, outputs, program.objective.origin),
        py.Function("metrics", _METRICS, f"Metrics: {', '.join(found.metrics)}.", _named(program, found.metrics, ())),
    ]


_OUTPUTS = tuple((name, None) for name in ("params", "hypers", "raw", "statistics"))
_METRICS = tuple((name, None) for name in ("outputs", "params", "hypers"))


def _named(program: Program, values: dict[str, ir.Expr], first: tuple[py.Statement, ...]) -> tuple[py.Statement, ...]:
    """The body of a function that gives values by name."""
    read = {hyper for value in values.values() for hyper in expression_hypers(program, value)}
    names = tuple(h.name for h in program.hypers if h.name in read)
    entries = tuple((py.Literal(name), lower(value, function_scope(program))) for name, value in values.items())
    return (*hyper_reads(program, names, at_step=False), *first, py.Return(py.Dict(entries)))


def evaluation_record(program: Program) -> py.Expr | None:
    """rt.Evaluation(outputs, metrics, fields={"image": "byte[8, 8]", "label": "class[10]"})"""
    found = evaluation(program)
    if found is None or program.data is None:
        return None
    return call("rt.Evaluation", py.Id("outputs"), py.Id("metrics"), fields=fields_of(program.data, found.features))
