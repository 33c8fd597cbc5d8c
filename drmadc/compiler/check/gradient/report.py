"""Whether what is minimised has a gradient, and whether accumulation gives that of the whole minibatch."""

from collections.abc import Iterator
from typing import Literal

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import Span
from drmadc.compiler.check.errors.program_errors import Flat, FlatTerm
from drmadc.compiler.check.errors.training_errors import AccumulatedSum
from drmadc.compiler.check.gradient.accumulation import averages_over_parts
from drmadc.compiler.check.gradient.flat import flat_calls, flat_terms, surrogate_of
from drmadc.ir.program import Function, Program
from drmadc.syntax import ast


def report_flat(program: Program, spec: ast.Spec, bag: Bag) -> None:
    """Report an objective or a loss whose derivative is 0 almost everywhere; warn of a term with such a derivative."""
    if not program.stages:  # a grid needs no gradient
        return
    objective, loss = _settings(spec, ast.TuneDecl, "minimize"), _settings(spec, ast.TrainDecl, "loss")
    roles: tuple[tuple[Literal["objective", "loss"], Function, Iterator[Span]], ...] = (
        ("objective", program.objective, objective),
        ("loss", program.loss, loss),
    )
    for what, function, setting in roles:
        span = next(setting, None)
        terms, everything = flat_terms(program, function)
        if span is None or not (terms or everything):
            continue
        calls = tuple(dict.fromkeys(name for term in terms for name in flat_calls(program, term)))
        surrogate = surrogate_of(calls)
        bag.add((Flat if everything else FlatTerm)(span, what, calls, surrogate))


def report_accumulation(program: Program, spec: ast.Spec, bag: Bag) -> None:
    """Report `accumulate` where the average over parts of a minibatch is not the loss of the whole."""
    if program.parts == 1 or averages_over_parts(program):
        return
    for span in _settings(spec, ast.TrainDecl, "accumulate"):
        for loss in _settings(spec, ast.TrainDecl, "loss"):
            bag.add(AccumulatedSum(span, program.parts, loss))


def _settings(spec: ast.Spec, block: type[ast.TrainDecl | ast.TuneDecl], name: str) -> Iterator[Span]:
    """The places of a setting's values."""
    for decl in spec.decls:
        if isinstance(decl, block):
            yield from (setting.value.span for setting in decl.settings if setting.name == name)
