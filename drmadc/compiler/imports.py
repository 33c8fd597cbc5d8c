"""`import "base.drm"`: a spec declares what differs from another one, and what the other declares besides."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from drmadc.common.diagnostics.model import Bag, SpecError
from drmadc.common.source import SourceFile, Span
from drmadc.compiler.source_files import read_source
from drmadc.syntax import ast
from drmadc.syntax.errors import CyclicImport, UnreadableImport
from drmadc.syntax.parse import parse

Read = Callable[[str], SourceFile]
"""The file of a path; OSError where it cannot be read, SpecError where it is not text."""
Item = TypeVar("Item")


def read_file(path: str) -> SourceFile:
    """The file of a path on disk."""
    return read_source(Path(path))


def read_from(texts: Mapping[str, str]) -> Read:
    """The files of a run that recorded them."""

    def read(path: str) -> SourceFile:
        if path not in texts:
            raise FileNotFoundError(2, "the run has not recorded it")
        return SourceFile(path, texts[path])

    return read


@dataclass
class Imports:
    """Puts imported files in; `files` are those that were read, by path, and `failed` says that one could not be."""

    read: Read
    bag: Bag
    files: dict[str, SourceFile] = field(default_factory=dict)
    failed: bool = False

    def resolved(self, spec: ast.Spec) -> ast.Spec:
        """The spec with what it imports, and no imports."""
        return self._resolved(spec, (posixpath.normpath(_path(spec.span.file)),)) if spec.imports else spec

    def _resolved(self, spec: ast.Spec, chain: tuple[str, ...]) -> ast.Spec:
        whole = replace(spec, decls=(), imports=(), comments=())
        for imported in spec.imports:
            base = self._imported(imported, spec, chain)
            if base is None:
                self.failed = True
                continue
            whole = _over(base, whole)
        return _over(spec, whole)

    def _imported(self, imported: ast.Import, spec: ast.Spec, chain: tuple[str, ...]) -> ast.Spec | None:
        folder = posixpath.dirname(_path(spec.span.file))
        path = posixpath.normpath(posixpath.join(folder, imported.path))
        if path in chain:
            self.bag.add(CyclicImport(imported.path_span, (*chain[chain.index(path) :], path)))
            return None
        try:
            file = self.files.get(path) or self.read(path)
        except SpecError as error:
            for problem in error.diagnostics:
                self.bag.add(problem)
            return None
        except OSError as error:
            self.bag.add(UnreadableImport(imported.path_span, path, error.strerror or type(error).__name__))
            return None
        self.files[path] = file
        return self._resolved(parse(file, self.bag), (*chain, path))


def _path(file: SourceFile) -> str:
    return file.name.replace("\\", "/")


def _over(spec: ast.Spec, base: ast.Spec) -> ast.Spec:
    """A spec over the one that it imports: each declaration replaces that of its name or changes it by settings."""
    decls: list[ast.Decl] = [_unexpecting(decl) for decl in base.decls]
    places = {_key(decl): place for place, decl in enumerate(decls)}
    for decl in spec.decls:
        place = places.pop(_key(decl), None)  # a second one of a name in one file is a mistake, which is kept
        if place is None:
            decls.append(decl)
        else:
            decls[place] = _changed(decls[place], decl)
    heading = _heading(spec, base)
    comments = (*heading, *_remaining(base, decls), *spec.comments[len(heading) :])
    return replace(spec, decls=tuple(decls), imports=(), comments=comments, lost=spec.lost | base.lost)


def _heading(spec: ast.Spec, base: ast.Spec) -> tuple[ast.Comment, ...]:
    """The comments above a spec's imports, at the head of what it imports."""
    if not spec.imports or not base.decls:
        return ()
    start = Span(base.decls[0].span.file, 0, 0)
    above = (comment for comment in spec.comments if comment.span.start < spec.imports[0].span.start)
    return tuple(replace(comment, span=start) for comment in above)


def _remaining(base: ast.Spec, decls: Sequence[ast.Decl]) -> list[ast.Comment]:
    """The comments of an imported spec but those within or behind what was replaced."""
    kept = {(span.file.name, span.start) for decl in decls for span in _spans(decl)}
    gone = [span for decl in base.decls for span in _spans(decl) if (span.file.name, span.start) not in kept]

    def goes(comment: ast.Comment, span: Span) -> bool:
        if comment.span.file != span.file or comment.span.start < span.start:
            return False
        return comment.span.start < span.end or (not comment.own_line and comment.span.line == _last_line(span))

    return [comment for comment in base.comments if not any(goes(comment, span) for span in gone)]


def _spans(decl: ast.Decl) -> tuple[Span, ...]:
    """The places of a declaration, or of the items of a block."""
    match decl:
        case ast.TrainDecl() | ast.TuneDecl() | ast.SweepDecl() | ast.RetrainDecl():
            return tuple(item.span for item in decl.settings)
        case ast.DataDecl() | ast.ReportDecl():
            return tuple(item.span for item in decl.items)
        case _:
            return (decl.span,)


def _last_line(span: Span) -> int:
    return span.file.position(max(span.start, span.end - 1))[0]


def _key(decl: ast.Decl) -> tuple[str, str]:
    """What two declarations have in common of which one replaces the other."""
    match decl:
        case ast.HyperDecl(name) | ast.ParamsDecl(name) | ast.LetDecl(name):
            return "value", name
        case ast.TuneDecl(name=name) | ast.DataDecl(name) | ast.ModelDecl(name) | ast.UpdateDecl(name):
            return type(decl).__name__, name
        case _:
            return type(decl).__name__, ""


def _changed(base: ast.Decl, decl: ast.Decl) -> ast.Decl:
    match base, decl:
        case ast.TrainDecl(), ast.TrainDecl():
            return replace(base, settings=_merged(base.settings, decl.settings, _setting))
        case ast.TuneDecl(), ast.TuneDecl():
            stage = base if decl.after is None else replace(base, after=decl.after, after_span=decl.after_span)
            return replace(stage, settings=_merged(base.settings, decl.settings, _setting))
        case ast.SweepDecl(), ast.SweepDecl():
            return replace(base, settings=_merged(base.settings, decl.settings, _setting))
        case ast.RetrainDecl(), ast.RetrainDecl():
            return replace(base, settings=_merged(base.settings, decl.settings, _setting))
        case ast.DataDecl(), ast.DataDecl():
            return replace(base, items=_merged(base.items, decl.items, _item))
        case ast.ReportDecl(), ast.ReportDecl():
            return replace(base, items=_merged(base.items, decl.items, _reported))
        case _:
            return decl


def _merged(base: Sequence[Item], changes: Sequence[Item], key: Callable[[Item], object]) -> tuple[Item, ...]:
    """The items of a block, those of the same key replaced in their place, the new ones behind them."""
    items = list(base)
    places = {key(item): place for place, item in enumerate(items)}
    for item in changes:
        place = places.pop(key(item), None)
        if place is None:
            items.append(item)
        else:
            items[place] = item
    return tuple(items)


def _setting(item: ast.Setting) -> object:
    return item.name


def _item(item: ast.Setting | ast.Feature) -> object:
    return type(item), item.name


def _reported(item: ast.ReportItem | ast.Expectation) -> object:
    return item.name if isinstance(item, ast.ReportItem) and item.name else item


def _unexpecting(decl: ast.Decl) -> ast.Decl:
    """Without expectations: they say what a run of the imported spec shows."""
    if not isinstance(decl, ast.ReportDecl):
        return decl
    return replace(decl, items=tuple(item for item in decl.items if isinstance(item, ast.ReportItem)))
