"""What to change in a spec whose hypergradients are useless, from what the spec says."""

from collections.abc import Iterator

from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.nodes import Expr, Unary, walk
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of
from drmadc.language.strategies.exact.checkpoint import Checkpoint
from drmadc_common.amounts import bytes_text
from drmadc_runtime.program.audit.verdict import Cures

KINKED = ("relu", "abs")
NORMALISED = ("adam", "adamw", "rmsprop")
"""Rules that divide by the size of the gradient, and by eps where it is small."""


def cures(program: Program) -> Cures:
    """What fits the program, most likely first."""
    kinked = sorted({node.op for node in _nodes(program) if isinstance(node, Unary) and node.op in KINKED})
    kinks = [f"a smoother activation: `gelu` or `tanh` instead of `{op}`" for op in kinked]
    chaos = []
    if program.steps > 1:
        chaos.append(f"fewer steps, such as `train.steps = {max(1, program.steps // 4)}`, or a smaller training rate")
    rule = program.step.rule
    if rule in NORMALISED:
        chaos.append(f"a larger eps, such as `{rule}(..., eps: 0.01)`")
    if program.batched and program.data is not None and 0 < program.batch < program.examples:
        kinks.append(f"a larger batch, such as `batch = {min(4 * program.batch, program.examples)}`")
        chaos.append(kinks[-1])
    if program.steps > 1 and "clip(" not in program.step.text:
        chaos.append(f"`update = clip(norm: 1, {rule}(...))`")
    chaos.append("a search that reads no gradient: a `sweep`")
    invisible = ["a larger rate in `tune`"]
    if program.precision == "float32":
        invisible.append("`train.precision = float64`")
    return Cures((_approximation(program),), tuple(chaos), tuple(kinks), tuple(invisible))


def _approximation(program: Program) -> str:
    """What the strategy advises where its gradient is wrong."""
    known = facts(program)
    exact = Checkpoint()
    instead = f"reverse = {exact.text}, which needs {bytes_text(exact.memory(known.figures))}"
    return strategy_of(program).advice(known, instead)


def _nodes(program: Program) -> Iterator[Expr]:
    for function in (program.loss, program.objective):
        for value in (*(let.value for let in function.lets), function.value):
            yield from walk(value)
    for model in program.models:
        for value in (*(let.value for let in model.lets), model.value):
            yield from walk(value)
