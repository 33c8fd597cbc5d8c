"""Plans as text: the table of `drmadc plan`, and what to do when the device has run out of memory."""

from drmadc.compiler.passes.data.feeding import feeding
from drmadc.compiler.passes.strategy.cost import cost, hyper_count, parameter_count
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.compiler.passes.strategy.plan import Plan
from drmadc.ir.program import Program
from drmadc.language.strategies.auto import approximations, exact_forms
from drmadc.language.strategies.base import Strategy, strategy_of
from drmadc_common.amounts import bytes_text, count_text


def plan_text(program: Program, plan: Plan) -> str:
    """A table of strategies, the spec's own marked; those that cannot serve it with the reason; auto()'s choice."""
    width = max(len(row.strategy.text) for row in plan.rows)
    lines = [
        f"{program.name}: {count_text(hyper_count(program), 'hyperparameter')}, "
        f"{count_text(parameter_count(program), 'parameter')}, "
        f"{count_text(program.steps, 'training step')} of {program.step.rule}, {program.precision}",
        *_data_text(program),
        "",
        f"  {'strategy':<{width}} {'memory':>8} {'work':>6}  gradient",
    ]
    for row in plan.rows:
        if row.unsupported is None:
            mark = ">" if row.strategy == program.reverse.strategy else " "
            price = f"{bytes_text(row.cost.memory):>8} {row.cost.work:>6.2f}"
            lines.append(f"{mark} {row.strategy.text:<{width}} {price}  {row.gradient}")
    unsupported = [row for row in plan.rows if row.unsupported is not None]
    if unsupported:
        lines += ["", "not supported by this program:"]
    for row in unsupported:
        assert row.unsupported is not None
        about = f"`{row.unsupported.hyper}`: " if row.unsupported.hyper else ""
        lines.append(f"  {row.strategy.text:<{width}} {about}{row.unsupported.reason}")
    lines += ["", f"> marks the spec's: {program.reverse.text}"]
    if program.reverse.reason:
        lines[-1] += f", chosen because it {program.reverse.reason}"
    lines.append(f"{plan.auto.text} would choose {plan.auto.strategy.text}: {plan.auto.reason}")
    return "\n".join(lines) + "\n"


def _data_text(program: Program) -> list[str]:
    """How the train split reaches the device."""
    if program.data is None or program.learned is not None:
        return []
    found = feeding(program)
    how = "streamed from the host in blocks" if found.streamed else "resident on the device"
    reason = f": {found.reason}" if found.reason else ""
    train = f"{program.examples:,} training examples of {program.data.name}"
    return [f"{train}, {bytes_text(found.size)}, {how}{reason}"]


def out_of_memory_text(program: Program, there: int | None, error: list[str]) -> str:
    """What was needed, what was there, and the strategy that would fit."""
    own = strategy_of(program)
    need = cost(program, own).memory
    free = bytes_text(there) if there is not None else "an unknown amount"
    lines = [
        "the device is out of memory",
        f"  needed: {bytes_text(need)} beyond the data, predicted for {own.text}",
        f"  there:  {free}",
    ]
    smaller = fitting(program, there if there is not None else int(need / 2))
    if smaller is None:
        lines.append("  try: a smaller `batch`, smaller splits, or a smaller model: no strategy would fit")
    else:
        price = cost(program, smaller)
        runs = f"{price.work:.2g} training runs"
        lines.append(f"  try: reverse = {smaller.text} ({bytes_text(price.memory)}, {runs})")
    return "\n".join([*lines, *(f"  {line}" for line in error[:1])])


def fitting(program: Program, bound: int) -> Strategy | None:
    """The first strategy, exact ones before approximations, that fits a bound and needs less than the program's own."""
    known = facts(program)
    most = min(bound, strategy_of(program).memory(known.figures) - 1)
    for strategy in (*exact_forms(known), *approximations(known)):
        if strategy.memory(known.figures) <= most and strategy.unsupported(known) is None:
            return strategy
    return None
