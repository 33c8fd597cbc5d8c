"""The whole compiler on one page: source -> Compilation."""

from dataclasses import dataclass
from functools import cache

from drmadc.common.diagnostics.model import Bag, Diagnostic, SpecError
from drmadc.common.diagnostics.render import render
from drmadc.common.source import SourceFile
from drmadc.compiler.check.gradient.report import report_accumulation, report_flat
from drmadc.compiler.check.program import check
from drmadc.compiler.check.strategy.support import report_feed, report_strategy
from drmadc.compiler.check.strategy.unreachable import report_unreachable
from drmadc.compiler.imports import Imports, Read, read_file
from drmadc.compiler.lower.module import lower_module
from drmadc.compiler.overrides import apply_overrides
from drmadc.compiler.passes.pipeline import run_passes
from drmadc.ir.program import Program
from drmadc.language.strategies.base import strategy_of
from drmadc.syntax import ast
from drmadc.syntax.parse import MAX_NAME, parse
from drmadc.target import tree as py
from drmadc.target.printer import print_module
from drmadc_grammar import prelude_text


@dataclass(frozen=True)
class Compilation:
    """What became of a spec: each stage, as far as it came, and every diagnostic."""

    source: SourceFile
    spec: ast.Spec
    ir: Program | None
    python: py.Module | None
    text: str
    diagnostics: tuple[Diagnostic, ...]
    overrides: tuple[str, ...] = ()
    imports: tuple[SourceFile, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there was no error (there may be warnings)."""
        return self.python is not None

    def require(self) -> Program:
        """The program, or SpecError with every diagnostic."""
        if self.ir is None or self.python is None:
            raise SpecError(self.diagnostics, render(self.diagnostics))
        return self.ir


@cache
def prelude() -> ast.Spec:
    """The standard update rules."""
    bag = Bag()
    spec = parse(SourceFile("prelude.drm", prelude_text()), bag)
    assert not bag.failed
    return spec


def compile_source(
    source: SourceFile, overrides: tuple[str, ...] = (), after: str | None = None, read: Read = read_file
) -> Compilation:
    """Compile a spec. `overrides` are `train.steps=500` and the like; `after` stops behind a pass; `read` imports."""
    bag = Bag()
    imports = Imports(read, bag)
    spec = imports.resolved(parse(source, bag))
    files = tuple(imports.files.values())
    if imports.failed:  # what it would declare is not known
        return Compilation(source, spec, None, None, "", bag.sorted(), overrides, files)
    spec = apply_overrides(spec, overrides, bag)
    name = source.short_name.removesuffix(".drm").strip(".")[:MAX_NAME] or "spec"  # also the name of a folder
    program = check(spec, prelude(), name, bag)
    if program is not None:
        wanted = strategy_of(program)
        program = run_passes(program, after)
        if program.adjoint is not None:
            report_unreachable(program, spec, bag)
            report_flat(program, spec, bag)
            report_accumulation(program, spec, bag)
            report_strategy(program, wanted, spec, bag)
            report_feed(program, spec, bag)
    python: py.Module | None = None
    text = ""
    if program is not None and program.adjoint is not None and not bag.failed:
        python = lower_module(program)
        text = print_module(python)
    return Compilation(source, spec, program, python, text, bag.sorted(), overrides, files)
