"""Audits a program's hypergradient: compiles it again with an exact strategy, and measures both."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drmadc.common.source import SourceFile
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.compiler.load import load_module
from drmadc.compiler.passes.parts import layer_parts
from drmadc.compiler.passes.strategy.facts import facts
from drmadc.compiler.read import resolved_text
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of
from drmadc.language.strategies.exact.checkpoint import Checkpoint
from drmadc_common.amounts import bytes_text

if TYPE_CHECKING:
    from drmadc_runtime.program.audit import Audit


@dataclass(frozen=True)
class Report:
    """An audit, and what it was measured on: `steps` is below the program's where only a prefix fitted the bound."""

    audit: "Audit"
    program: Program
    exact: Program
    steps: int


def audit(compilation: Compilation, bound: int, outer: int = 0) -> Report:
    """Audit a compiled program at an outer step, with an exact reference that fits `bound` bytes.

    Where none fits, both run a prefix of the training steps, halved until it does.
    """
    from drmadc_runtime.program import audit as measure
    from drmadc_runtime.program.executor import Executor

    program = compilation.require()
    text = resolved_text(compilation)
    steps = program.steps
    while True:
        shorter = () if steps == program.steps else (f"train.steps={steps}",)
        exact = _compile(text, program, (*shorter, f"tune.reverse=exact(memory: {max(1, bound // 1000)} KB)"))
        if exact.ok or steps <= 1:
            break
        steps //= 2
    reference = exact.require()
    chosen = _compile(text, program, shorter) if shorter else compilation
    executors = [Executor(load_module(c.text, program.name)) for c in (chosen, exact)]
    parts = {h.name: layer_parts(program, h.name) for h in program.hypers}
    measured, _ = measure.audit(executors[0], executors[1], executors[0].initial_hypers(), outer, parts)
    return Report(measure.judge(measured, advice(program)), program, reference, steps)


def _compile(text: str, program: Program, overrides: tuple[str, ...]) -> Compilation:
    return compile_source(SourceFile(program.source, text), overrides)


def advice(program: Program) -> str:
    """What to change in the spec where the strategy's gradient is wrong."""
    known = facts(program)
    exact = Checkpoint()
    instead = f"reverse = {exact.text}, which needs {bytes_text(exact.memory(known.figures))}"
    return strategy_of(program).advice(known, instead)


def report_text(report: Report) -> str:
    """The audit as a table and a verdict."""
    measured, program = report.audit, report.program
    lines = [f"{program.reverse.text} against {report.exact.reverse.strategy.text}, at the first outer step"]
    if report.steps < program.steps:
        lines.append(f"on the first {report.steps:,} of {program.steps:,} training steps: more did not fit into memory")
    lines += ["", f"{'hyperparameter':<24} {'entries':>8} {'cosine':>8} {'signs':>6} {'norm ratio':>11}"]
    for row in measured.agreements:
        lines.append(f"{row.name:<24} {row.entries:>8} {row.cosine:>8.4f} {row.signs:>6.0%} {row.norm:>11.3g}")
    lines += ["", f"{'finite difference along':<32} {'predicted':>11} {'measured':>11} {'ratio':>7}"]
    for slope in measured.slopes:
        lines.append(f"{slope.direction:<32} {slope.predicted:>11.3g} {slope.measured:>11.3g} {slope.ratio:>7.2f}")
    lines += [
        "",
        f"growth of the adjoint {measured.growth:.3g}, of the exact one {measured.exact_growth:.3g}; "
        f"roughness of the objective {measured.roughness:.0%}",
        "",
        *(f"verdict: {line}" if i == 0 else f"         {line}" for i, line in enumerate(measured.findings)),
    ]
    return "\n".join(lines) + "\n"
