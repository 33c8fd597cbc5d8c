"""A feature for `weights: balanced`: the weight of each example's class, by the classes' shares of the train split."""

from dataclasses import replace

from drmadc.compiler.check.context import Known
from drmadc.ir import nodes as ir
from drmadc.ir.program import Let
from drmadc.ir.types import EXAMPLE, Array, sizes
from drmadc.language.functions.class_weights import BALANCED, by_class


def balanced(label: ir.Expr, known: Known) -> ir.Expr | None:
    """The weight of each example of the split that a label is of; None where the label is not a feature of the data."""
    split, _, name = label.id.partition(".") if isinstance(label, ir.Name) else ("", "", "")
    data = known.data
    if data is None or data.alphabets is not None or not any(s.name == "train" for s in data.splits):
        return None
    target = next((let for let in data.features if let.name == name), None)
    if target is None:
        return None
    weight = f"weights of {name}"  # no name that a spec can give
    if not any(let.name == weight for let in data.features):
        assert isinstance(target.value.type, Array)
        classes = target.value.type.classes
        count = sum(isinstance(let.value, ir.Call) and let.value.function == BALANCED for let in data.statistics)
        statistic = f"{BALANCED}_{count + 1}" if count else BALANCED
        of_classes = Array("real", sizes(classes))
        counted = ir.Call(BALANCED, (target.value, ir.Const(float(classes))), of_classes, "examples")
        looked_up = by_class(ir.Name(f"statistics.{statistic}", of_classes), target.value)
        known.data = replace(
            data,
            statistics=(*data.statistics, Let(statistic, counted, target.origin)),
            features=(*data.features, Let(weight, looked_up, target.origin)),
        )
    return ir.Name(f"{split}.{weight}", Array("real", (EXAMPLE,)))
