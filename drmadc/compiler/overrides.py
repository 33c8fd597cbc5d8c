"""Overrides from the command line: `train.steps=500` replaces a setting by an expression of the language."""

import re
from dataclasses import replace

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import COMMAND_LINE, SourceFile, Span
from drmadc.compiler.check.blocks.training import TRAIN
from drmadc.compiler.check.blocks.tuning import EACH, FIRST
from drmadc.compiler.check.errors.name_errors import NotAnOverride, OverriddenTwice, UnknownTarget
from drmadc.syntax import ast
from drmadc.syntax.parse import parse_expression

_SHAPE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=")


def apply_overrides(spec: ast.Spec, overrides: tuple[str, ...], bag: Bag) -> ast.Spec:
    """The spec with each override put in; what cannot be put in is reported."""
    given: dict[str, str] = {}
    for text in overrides:
        file = SourceFile(COMMAND_LINE, text)
        whole = Span(file, 0, len(text))
        match = _SHAPE.match(text)
        if match is None:
            bag.add(NotAnOverride(whole, text))
            continue
        target = match.group(1)
        if target in given:
            bag.add(OverriddenTwice(whole, target))
            continue
        given[target] = text
        value = parse_expression(file, match.end(), bag)
        if value is not None:
            spec = _apply(spec, target, value, whole, bag)
    return spec


def _apply(spec: ast.Spec, target: str, value: ast.Expr, span: Span, bag: Bag) -> ast.Spec:
    block, _, setting = target.partition(".")
    decls: list[ast.Decl] = []
    found = False
    for decl in spec.decls:
        changed = _override(decl, block, setting, value, span)
        found = found or changed is not None
        decls.append(decl if changed is None else changed)
    if not found:
        name_span = Span(span.file, 0, len(target))
        bag.add(UnknownTarget(name_span, target, _targets(spec)))
    return replace(spec, decls=tuple(decls))


def _override(decl: ast.Decl, block: str, setting: str, value: ast.Expr, span: Span) -> ast.Decl | None:
    """The declaration with the setting replaced or added, or None where it is not the target."""
    if not setting:
        if isinstance(decl, ast.HyperDecl | ast.ParamsDecl | ast.LetDecl) and decl.name == block:
            return replace(decl, value=value)
        return None
    new = ast.Setting(setting, value, name_span=span, span=span)
    match decl:
        case ast.TrainDecl(settings) if block == "train":
            return replace(decl, settings=_put(settings, new))
        case ast.TuneDecl(settings, name, after) if block == name or (block == "tune" and after is None):
            return replace(decl, settings=_put(settings, new))
        case ast.SweepDecl(settings) if block == "sweep":
            return replace(decl, settings=_put(settings, new))
        case ast.RetrainDecl(settings) if block == "retrain":
            return replace(decl, settings=_put(settings, new))
        case ast.DataDecl(name, items) if block == "data" or (block == name and block not in ("train", "tune")):
            kept = tuple(i for i in items if isinstance(i, ast.Setting))
            features = tuple(i for i in items if isinstance(i, ast.Feature))
            return replace(decl, items=(*_put(kept, new), *features))
        case _:
            return None


def _put(settings: tuple[ast.Setting, ...], new: ast.Setting) -> tuple[ast.Setting, ...]:
    if any(s.name == new.name for s in settings):
        return tuple(new if s.name == new.name else s for s in settings)
    return (*settings, new)


def _targets(spec: ast.Spec) -> tuple[str, ...]:
    out: list[str] = []
    for decl in spec.decls:
        match decl:
            case ast.HyperDecl(name) | ast.ParamsDecl(name) | ast.LetDecl(name):
                out.append(name)
            case ast.TrainDecl():
                out += [f"train.{name}" for name in TRAIN]
            case ast.TuneDecl():
                block = decl.name if decl.after else "tune"
                out += [f"{block}.{name}" for name in (EACH if decl.after else (*FIRST, *EACH))]
            case ast.SweepDecl(settings):
                out += [f"sweep.{s.name}" for s in settings]
            case ast.RetrainDecl(settings):
                out += [f"retrain.{s.name}" for s in settings]
            case ast.DataDecl(_, items):
                out += [f"data.{s.name}" for s in items if isinstance(s, ast.Setting)]
            case _:
                pass
    return tuple(out)
