"""How minibatches reach the device: from a train split that is resident there, or streamed from the host in blocks."""

from dataclasses import dataclass, replace
from math import prod

from drmadc.compiler.passes.dependence import function_splits
from drmadc.ir import nodes as ir
from drmadc.ir.program import Function, Program
from drmadc.language.strategies.base import strategy_of
from drmadc_common.amounts import bytes_text

SHARE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Feeding:
    """Bytes of the train split on the device or the host, and whether it is streamed, and why."""

    size: int
    streamed: bool
    reason: str


def feed(program: Program) -> Program:
    """Settle `feed`: as the spec says, else streamed where the train split is larger than its share of memory."""
    if program.data is None:
        return program
    found = feeding(program)
    data = replace(program.data, feed="streamed" if found.streamed else "resident", feed_reason=found.reason)
    return replace(program, data=data)


def feeding(program: Program) -> Feeding:
    """How the train split is fed: as is settled, or as it would be."""
    assert program.data is not None
    size = train_bytes(program)
    problem = obstacle(program)
    match program.data.feed:
        case "resident":
            return Feeding(size, False, program.data.feed_reason)
        case "streamed":
            return Feeding(size, not problem, problem or program.data.feed_reason)
        case _ if size <= SHARE:
            return Feeding(size, False, f"it fits the memory limit for data, {bytes_text(SHARE)}")
        case _ if problem:
            return Feeding(size, False, f"it exceeds the memory limit for data, {bytes_text(SHARE)}, but {problem}")
        case _:
            return Feeding(size, True, f"it exceeds the memory limit for data, {bytes_text(SHARE)}")


def train_bytes(program: Program) -> int:
    """Bytes of the fields of the train split that are read."""
    data = program.data
    assert data is not None
    read = {name for let in data.features for name in ir.names_in(let.value)}
    item = {"byte": 1, "class": 4, "real": 8 if program.precision == "float64" else 4}
    if not any(split.name == "train" for split in data.splits):
        return 0
    each = 0
    for field in data.fields:
        if field.name in read:
            each += prod(axis.size for axis in field.type.axes[1:]) * item[field.type.element]
    return each * data.size_of("train") * max(1, data.tasks)


def obstacle(program: Program) -> str:
    """Why minibatches cannot be streamed; "" where they can."""
    data = program.data
    assert data is not None
    functions: list[Function] = [program.objective, *(report.function for report in program.reports)]
    if program.learned is not None:
        return "learned data is resident"
    if data.alphabets is not None:
        return "each step trains on all examples of a task"
    if not program.batch:
        return "`batch = all` reads the whole split at each step"
    if program.retrain is not None:
        return "`retrain` trains on several splits together"
    if any("train" in function_splits(function) for function in functions):
        return "an expression `on train` reads the whole split"
    return strategy_of(program).reads_split
