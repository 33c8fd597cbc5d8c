"""The end of an emitted module: PROGRAM, what the runtime takes of it."""

from drmadc.compiler.lower.data import fits
from drmadc.compiler.lower.outer.expectations import expectations
from drmadc.compiler.lower.outer.tuning import stages
from drmadc.compiler.lower.trained.evaluate import evaluation_record
from drmadc.compiler.lower.trained.predict import prediction_record
from drmadc.compiler.passes.dependence import function_splits, soft_targets
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of
from drmadc.target import tree as py
from drmadc.target.build import call, number

FUNCTIONS = (
    "initial_hypers",
    "init",
    "loss",
    "step",
    "objective",
    "training",
    "training_loss",
    "trained_objective",
    "hypergradient",
)


def program_record(program: Program) -> py.Statement:
    """PROGRAM = rt.Program(name=NAME, ...), with what this program has"""
    named: dict[str, py.Expr] = {"name": py.Id("NAME"), "dtype": py.Id("DTYPE"), "steps": py.Id("STEPS")}
    if program.stages and program.seeds > 1:
        named["seeds"] = py.Id("SEEDS")
    if program.stages and program.stop:
        named["stop"] = py.Id("STOP")
    if program.stages and program.patience:
        named["patience"] = py.Literal(program.patience)
    if program.stages and program.confirm:
        named["confirm"] = py.Literal(program.confirm)
    named["policy"] = py.Id("SAVE_POLICY")
    named["strategy"] = py.Literal(strategy_of(program).text)
    named["origins"] = call(
        "rt.Origins",
        loss=py.Literal(program.loss.origin),
        step=py.Literal(program.step.origin),
        objective=py.Literal(program.objective.origin),
        reverse=py.Literal(program.reverse.origin),
    )
    named["domains"] = py.Id("DOMAINS")
    named |= {name: py.Id(name) for name in FUNCTIONS}
    if program.confirm and program.stages:
        named["objective_at"] = py.Id("objective_at")
    if strategy_of(program).online and program.stages:
        named["online"] = py.Id("online")
    named |= _data(program)
    if any(report.shape is None for report in program.reports):
        named["report"] = py.Id("report")
    if any(report.shape is not None for report in program.reports):
        named["images"] = py.Id("images")
    of_examples = tuple(h.name for h in program.hypers if any(axis.kind == "example" for axis in h.type.axes))
    if of_examples:
        named["per_example"] = _strings(of_examples)
    predicted = prediction_record(program)
    if predicted is not None:
        named["predict"] = predicted
    evaluated = evaluation_record(program)
    if evaluated is not None:
        named["evaluation"] = evaluated
    if program.stages:
        named["stages"] = stages(program)
    if program.sweep is not None:
        named["sweep"] = py.Id("sweep")
    if program.retrain is not None:
        final: dict[str, py.Expr] = {"splits": _strings(program.retrain.splits), "arms": py.Id("arms")}
        if program.retrain.others:
            final["others"] = py.Dict(tuple((py.Literal(h), number(x)) for h, x in program.retrain.others))
        named["retrain"] = call("rt.Retraining", **final)
    seen = tuple(report.key for report in program.reports if "test" in function_splits(report.function))
    if seen and "valid" in function_splits(program.objective):
        named["test_reports"] = _strings(seen)
    if program.expectations:
        named["expectations"] = expectations(program)
    return py.Assign((py.Id("PROGRAM"),), call("rt.Program", **named))


def _data(program: Program) -> dict[str, py.Expr]:
    if program.data is None:
        return {}
    named: dict[str, py.Expr] = {"data": py.Id("DATA")}
    if program.streamed:
        named["feed"] = py.Id("FEED")
    named["features"] = py.Id("features")
    probabilities = soft_targets(program)
    if probabilities:
        named["probabilities"] = _strings(probabilities)
    if program.data.statistics:
        first, *later = (py.Id(name) for name, _ in fits(program.data))
        named |= {"fit": first, "statistics": py.Id("STATISTICS")}
        if later:
            named["later_fits"] = py.Tuple(tuple(later))
    return named


def _strings(items: tuple[str, ...]) -> py.Expr:
    return py.Tuple(tuple(py.Literal(item) for item in items))
