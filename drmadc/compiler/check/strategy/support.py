"""Whether the reverse strategy serves the program, and fits the memory that it was given."""

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import Span
from drmadc.compiler.check.errors.data_errors import NotStreamable
from drmadc.compiler.check.errors.program_errors import NotSupported, TooLittleMemory, Unreached
from drmadc.compiler.passes.data.feeding import obstacle
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.ir.program import Program
from drmadc.language.strategies.auto import approximations
from drmadc.language.strategies.base import Strategy, strategy_of
from drmadc.syntax import ast
from drmadc_common.amounts import bytes_text


def report_strategy(program: Program, wanted: Strategy, spec: ast.Spec, bag: Bag) -> None:
    """Report why the program's strategy cannot be used; `wanted` is what the spec asks for, before any choice."""
    span = _reverse_span(spec)
    known, strategy = facts(program), strategy_of(program)
    declared = {d.name: d.name_span for d in spec.decls if isinstance(d, ast.HyperDecl)}
    found = strategy.unsupported(known)
    if found is not None:
        other = declared.get(found.hyper)
        bag.add(NotSupported(span, program.reverse.text, found.hyper, found.reason, found.advice, other))
        return
    need, bound = strategy.memory(known.figures), wanted.bound
    if bound and need > bound:
        advice = f"allow {bytes_text(need * 1.05)}"
        smaller = approximations(known)[-1]
        least = smaller.memory(known.figures)
        if least <= bound:
            advice += f", or write {smaller.text}, which needs {bytes_text(least)}"
        else:
            advice += ", or lower `batch` and the sizes of the splits"
        bag.add(TooLittleMemory(span, bytes_text(bound), strategy.text, bytes_text(need), advice))
    unreached = strategy.unreached(program.steps)
    for name in known.roles:
        if unreached and name in known.over_steps:
            bag.add(Unreached(span, name, unreached, declared.get(name)))


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
