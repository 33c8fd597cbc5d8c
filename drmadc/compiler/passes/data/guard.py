"""The guard: the objective on examples of its own, which decides which outer step is the best.

Nothing is differentiated through it. Where the spec names no guard split, examples are set aside: those that no split
uses, else a part of valid.
"""

from dataclasses import replace

from drmadc.compiler.passes.dependence import function_splits
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Data, Function, Program, Report, Split
from drmadc_common.parts import SplitName

GUARD: SplitName = "guard"
PART = 5  # of valid, which is an 1/PART of it
LEAST = 50  # examples; with fewer, chance decides more than the objective on valid does


def guard(program: Program) -> Program:
    """Set a guard split aside unless there is one, and report the objective on it."""
    data = program.data
    if data is None or "valid" not in function_splits(program.objective):
        return program
    if not any(split.name == GUARD for split in data.splits):
        found = _set_aside(data) if program.stages else None
        if found is None:
            return program
        data = found
        if program.retrain is not None and "valid" in program.retrain.splits and data.guard_from == "valid":
            final = replace(program.retrain, splits=(*program.retrain.splits, GUARD))
            program = replace(program, retrain=final)
    return replace(program, data=data, reports=(Report(GUARD, _judged(program.objective)), *program.reports))


def _set_aside(data: Data) -> Data | None:
    """The data with a guard split; None where the spec wants none or too few examples are there."""
    valid = next(split for split in data.splits if split.name == "valid")
    size = valid.size // PART
    labels = {field.name: field.type.classes for field in data.fields}
    size -= size % (labels[data.balance] or 1) if data.balance else 0
    if size < LEAST or not data.guarded or data.alphabets is not None:
        return None
    if size <= data.unused and not data.balance:
        return replace(data, splits=(*data.splits, Split(GUARD, size, valid.part)), guard_from="unused")
    if data.folds:  # valid is every fold in turn, whose size is given
        return None
    rest = tuple(replace(split, size=split.size - size) if split is valid else split for split in data.splits)
    return replace(data, splits=(*rest, Split(GUARD, size, valid.part)), guard_from="valid")


def _judged(objective: Function) -> Function:
    """The objective on the guard split in place of valid."""

    def judged(node: ir.Expr) -> ir.Expr:
        match node:
            case ir.OnSplit(x, "valid", type_):
                return ir.OnSplit(x, GUARD, type_)
            case ir.Name(id_) if id_.startswith("valid."):
                return replace(node, id=f"{GUARD}.{id_.removeprefix('valid.')}")
            case _:
                return node

    lets = tuple(replace(let, value=rewrite(let.value, judged)) for let in objective.lets)
    return Function(lets, rewrite(objective.value, judged), objective.text, objective.origin)
