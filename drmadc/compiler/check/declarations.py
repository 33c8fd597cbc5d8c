"""Declarations as a whole: each name once, the blocks that a program needs, declarations that nothing uses."""

from typing import Literal

from drmadc.common.source import Span
from drmadc.compiler.check.context import Known, head
from drmadc.compiler.check.errors import name_errors
from drmadc.ir.program import ALL, HYPERS
from drmadc.language.registry import FUNCTIONS, SCHEDULES
from drmadc.syntax import ast

ONCE = (ast.TrainDecl, ast.SweepDecl, ast.RetrainDecl, ast.ReportDecl)


def declare_names(known: Known) -> None:
    """Fill the tables of rules and `let`s; report repeated names and those that the language has taken."""
    first: dict[str, Span] = {}
    for decl in known.spec.decls:
        match decl:
            case ast.TrainDecl() | ast.TuneDecl() | ast.SweepDecl() | ast.RetrainDecl() | ast.ReportDecl():
                continue
            case ast.UpdateDecl(name):
                known.rules[name] = decl
                key = f"update {name}"
            case _:
                name = key = decl.name
                if isinstance(decl, ast.LetDecl):
                    known.lets[name] = decl
        if key in first:
            known.bag.add(name_errors.DeclaredTwice(decl.name_span, name, first[key]))
        else:
            first[key] = decl.name_span
        if isinstance(decl, ast.UpdateDecl | ast.DataDecl):
            continue
        if name in (ALL, HYPERS):
            known.bag.add(name_errors.ReservedName(decl.name_span, name, "the name of a group"))
        elif name in FUNCTIONS and name not in SCHEDULES:  # those are called where no model may be
            known.bag.add(name_errors.ReservedName(decl.name_span, name, "a function of the language"))
    for decl in known.all(ast.DataDecl):
        for item in decl.items:
            if isinstance(item, ast.Feature) and item.name in first and item.name != decl.name:
                known.bag.add(name_errors.DeclaredTwice(first[item.name], item.name, item.name_span))
    known.broken.update(known.spec.lost)


def require_blocks(known: Known) -> None:
    """Report blocks that are given twice, and those that are missing.

    After a syntax error nothing is called missing: it may stand in what could not be read.
    """
    for kind in ONCE:
        found = known.all(kind)
        keyword = kind.__name__.removesuffix("Decl").lower()
        for extra in found[1:]:
            first = head(found[0].span, keyword)
            known.bag.add(name_errors.DeclaredTwice(head(extra.span, keyword), keyword, first))
    if known.unread or not known.spec.decls:
        return
    span = known.spec.span
    end = Span(span.file, max(0, span.end - 1), span.end)
    if not known.all(ast.TrainDecl):
        known.bag.add(name_errors.MissingBlock(end, "train"))
    if not known.all(ast.TuneDecl):
        known.bag.add(name_errors.MissingBlock(end, "tune"))
    if not known.all(ast.HyperDecl):
        known.bag.add(name_errors.MissingBlock(end, "hyper"))
    if not known.all(ast.ModelDecl) and not known.all(ast.ParamsDecl):
        known.bag.add(name_errors.MissingBlock(end, "model"))


def warn_unused(known: Known) -> None:
    """Warn of what nothing uses, in a spec without errors."""
    if known.bag.failed:
        return
    kind: Literal["let", "model", "update"]
    for decl in known.spec.decls:
        match decl:
            case ast.LetDecl(name):
                kind = "let"
            case ast.ModelDecl(name):
                kind = "model"
            case ast.UpdateDecl(name):
                kind = "update"
            case _:
                continue
        if name not in known.used and decl.span.file == known.spec.span.file:  # what is imported may be for others
            known.bag.add(name_errors.Unused(decl.name_span, kind, name))
