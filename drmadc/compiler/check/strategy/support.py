"""Whether the reverse strategy serves the program, and fits the memory that it was given."""

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import Span
from drmadc.compiler.check.errors.data_errors import NotStreamable
from drmadc.compiler.check.errors.program_errors import NotSupported, TooLittleMemory, Unreached
from drmadc.compiler.passes.feeding import obstacle
from drmadc.compiler.passes.roles import over_steps
from drmadc.compiler.passes.strategy.choose import approximations
from drmadc.compiler.passes.strategy.cost import memory
from drmadc.compiler.passes.strategy.support import unsupported
from drmadc.ir.program import Program
from drmadc.ir.reverse import Auto, Exact, Strategy, Truncated, strategy_text
from drmadc.syntax import ast
from drmadc_common.amounts import bytes_text


def report_strategy(program: Program, wanted: Strategy, spec: ast.Spec, bag: Bag) -> None:
    """Report why the program's strategy cannot be used; `wanted` is what the spec asks for, before any choice."""
    span = _reverse_span(spec)
    strategy = program.reverse.strategy
    text = strategy_text(strategy)
    declared = {d.name: d.name_span for d in spec.decls if isinstance(d, ast.HyperDecl)}
    found = unsupported(program, strategy)
    if found is not None:
        other = declared.get(found.hyper)
        bag.add(NotSupported(span, program.reverse.text, found.hyper, found.reason, found.advice, other))
        return
    if isinstance(wanted, Exact | Auto) and wanted.memory and memory(program, strategy) > wanted.memory:
        least = min(memory(program, s) for s in (strategy, *approximations(program)))
        advice = f"allow {bytes_text(memory(program, strategy) * 1.05)}"
        if isinstance(wanted, Exact) and least <= wanted.memory:
            advice += f", or write {strategy_text(approximations(program)[-1])}, which needs {bytes_text(least)}"
        else:
            advice += ", or lower `batch` and the sizes of the splits"
        need = bytes_text(memory(program, strategy))
        bag.add(TooLittleMemory(span, bytes_text(wanted.memory), text, need, advice))
    if isinstance(strategy, Truncated) and strategy.steps < program.steps:
        for hyper in program.hypers:
            if over_steps(program, hyper.name):
                bag.add(Unreached(span, hyper.name, program.steps - strategy.steps, declared.get(hyper.name)))


def report_feed(program: Program, spec: ast.Spec, bag: Bag) -> None:
    """Report why minibatches cannot be streamed, where the spec asks for it."""
    for decl in spec.decls:
        for item in decl.items if isinstance(decl, ast.DataDecl) else ():
            streamed = isinstance(item, ast.Setting) and item.name == "feed" and item.value == ast.Name("streamed")
            if streamed and program.data is not None and obstacle(program):
                bag.add(NotStreamable(item.value.span, obstacle(program)))


def _reverse_span(spec: ast.Spec) -> Span:
    """The place of the strategy: its setting, or the `tune` block where none is written."""
    for decl in spec.decls:
        if isinstance(decl, ast.TuneDecl):
            for setting in decl.settings:
                if setting.name == "reverse":
                    return setting.value.span
            return Span(decl.span.file, decl.span.start, decl.span.start + len("tune"))
    return spec.span
