"""Chooses what the spec leaves open: the exact form, segment lengths, or the whole strategy, under a memory bound."""

from dataclasses import replace

from drmadc.compiler.passes.split_loss import split_loss
from drmadc.compiler.passes.strategy.cost import checkpoint_length, memory, work
from drmadc.ir.program import Program
from drmadc.ir.reverse import Auto, Drmad, Exact, Reverse, Strategy, strategy_text
from drmadc_common.amounts import bytes_text

ARITIES = (8, 4, 2)


def choose(program: Program) -> Program:
    """Replace exact(), exact(checkpoint), exact(tree) and auto() by strategies with all their numbers."""
    return replace(program, reverse=chosen(program, program.reverse))


def chosen(program: Program, reverse: Reverse) -> Reverse:
    """The strategy with its numbers; `reason` says why, where there was a choice."""
    match reverse.strategy:
        case Exact("checkpoint", length=0):
            return replace(reverse, strategy=Exact("checkpoint", length=checkpoint_length(program)))
        case Exact("tree", arity=0):
            return replace(reverse, strategy=Exact("tree", arity=4))
        case Exact("any", bound):
            return _under(program, reverse, bound, exact_forms(program))
        case Auto(bound):
            return _under(program, reverse, bound, (*exact_forms(program), *approximations(program)))
        case _:
            return reverse


def exact_forms(program: Program) -> tuple[Strategy, ...]:
    """Exact strategies from the most memory to the least."""
    trees = tuple(Exact("tree", arity=arity) for arity in ARITIES if arity < program.steps)
    return (Exact("store"), Exact("checkpoint", length=checkpoint_length(program)), *trees)


def approximations(program: Program) -> tuple[Strategy, ...]:
    """What auto() falls back to: DrMAD with as many knots as there is room for; guarded where the loss has a model."""
    guarded = bool(split_loss(program).outputs)
    counts = [count for count in (64, 32, 16, 8, 4, 2) if count <= program.steps + 1]
    return tuple(Drmad(count, "auto" if guarded else "exact") for count in counts)


def _under(program: Program, reverse: Reverse, bound: int, candidates: tuple[Strategy, ...]) -> Reverse:
    """The first candidate that fits; the smallest where none does (the check reports that)."""
    fitting = [s for s in candidates if memory(program, s) <= bound]
    if not fitting:
        smallest = min(candidates, key=lambda s: memory(program, s))
        reason = f"nothing fits {bytes_text(bound)}; {strategy_text(smallest)} needs least"
        return replace(reverse, strategy=smallest, reason=reason)
    best = fitting[0]
    need = f"needs {bytes_text(memory(program, best))} of {bytes_text(bound)}, {work(program, best):.2g} training runs"
    larger = candidates[: candidates.index(best)]
    if larger:
        need += f"; {strategy_text(larger[-1])} would need {bytes_text(memory(program, larger[-1]))}"
    elif isinstance(best, Exact):
        need += "; the fastest exact form fits"
    return replace(reverse, strategy=best, reason=need)
