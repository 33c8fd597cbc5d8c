"""Data blocks: source, splits, features."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.data.geometric import split_geometric, without_geometric
from drmadc.compiler.check.data.sources import check_source
from drmadc.compiler.check.data.splits import Division, check_division, check_splits, declines_guard, unused
from drmadc.compiler.check.errors import data_errors, name_errors, type_errors, value_errors
from drmadc.compiler.check.expr.expressions import infer
from drmadc.compiler.check.settings import Settings
from drmadc.compiler.check.source import Source, may_be_label
from drmadc.ir import nodes as ir
from drmadc.ir.program import Data, Let, Split, Words
from drmadc.ir.types import EXAMPLE, Array, Type, sizes
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr, format_type

SETTINGS = ("source", "split", "stratify", "balance", "folds", "resample", "feed")


def choose_data(known: Known) -> None:
    """Which data block reads a source, and which are learned: those without one, where `train` names its data."""
    train = known.single(ast.TrainDecl)
    for setting in train.settings if train is not None else ():
        if setting.name == "data" and isinstance(setting.value, ast.Name):
            known.trains_on = setting.value.text
            break
    blocks = known.all(ast.DataDecl)
    sources = [decl for decl in blocks if known.trains_on is None or _has_source(decl)]
    known.data_decl = sources[0] if sources else None
    known.learned_decls = tuple(decl for decl in blocks if decl not in sources)
    for extra in sources[1:]:
        known.bag.add(data_errors.SecondSource(extra.name_span, extra.name, sources[0].name_span))


def _has_source(decl: ast.DataDecl) -> bool:
    return any(isinstance(item, ast.Setting) and item.name == "source" for item in decl.items)


def check_data(known: Known) -> None:
    """Fill `known.data` from the data block that reads a source; what is wrong with it is reported."""
    decl = known.data_decl
    if decl is None:
        return
    names = {item.name for item in decl.items if isinstance(item, ast.Feature)}
    known.broken.update(names)
    settings = Settings(
        f"data {decl.name}",
        tuple(item for item in decl.items if isinstance(item, ast.Setting)),
        SETTINGS,
        decl.span,
        known.bag,
    )
    source = check_source(settings, known)
    splits = check_splits(settings, source, known) if source is not None else None
    division = check_division(settings, source, splits, known) if source is not None else Division()
    resample = check_resample(settings, known, default=False)
    feed = _feed(settings, known)
    if source is None:
        return
    ctx = Context(known, "data", locals={field.name: field.type for field in source.fields}, source=source)
    features: list[Let] = []
    known.broken.difference_update(names)  # a feature that reads another one is a mistake of its own
    first: dict[str, ast.Feature] = {}
    spans: dict[str, Span] = {}
    for item in decl.items:
        if isinstance(item, ast.Feature):
            if item.name in first:
                known.bag.add(name_errors.DeclaredTwice(item.name_span, item.name, first[item.name].name_span))
                continue
            first[item.name] = item
            feature = _feature(item, ctx, known)
            if feature is not None:
                features.append(feature)
                spans[item.name] = item.value.span
    features, geometric = split_geometric(features, spans, ctx)
    statistics = tuple(replace(let, value=without_geometric(let.value)) for let in ctx.statistics)
    if splits is None:
        known.broken.update(names)
        return
    known.broken.update(names - {feature.name for feature in features})
    _warn_overlap(settings, source, splits, known)
    if ctx.statistics and not any(split.name == "train" for split in splits):
        known.bag.add(
            name_errors.MissingSetting(decl.name_span, "split", "train", "split = { train: 15000, valid: 5000 }")
        )
    known.data = Data(
        decl.name,
        source.name,
        source.fields,
        splits,
        resample,
        statistics,
        tuple(features),
        decl.span.origin,
        source.alphabets,
        source.files,
        source.columns,
        source.options,
        division.stratify,
        division.balance,
        division.folds,
        geometric,
        feed,
        _words(features, statistics, division, source),
        unused=unused(splits, source),
        guarded=not declines_guard(settings),
    )


def _feed(settings: Settings, known: Known) -> Literal["", "resident", "streamed"]:
    """`feed = resident` or `streamed`: whether the train split lies on the device."""
    match settings.optional("feed"):
        case None:
            return ""
        case ast.Name("resident"):
            return "resident"
        case ast.Name("streamed"):
            return "streamed"
        case value:
            found = f"`{format_expr(value)}`"
            known.bag.add(value_errors.NotAnOption(value.span, found, "`feed`", ("resident", "streamed")))
            return ""


def check_resample(settings: Settings, known: Known, *, default: bool) -> bool:
    """`resample = each outer` or `each run`: whether draws change from one outer step to the next."""
    value = settings.optional("resample")
    match value:
        case None:
            return default
        case ast.Each("outer"):
            return True
        case ast.Each("run"):
            return False
        case _:
            found = f"`{format_expr(value)}`"
            known.bag.add(value_errors.NotAnOption(value.span, found, "`resample`", ("each outer", "each run")))
            return False


def _feature(item: ast.Feature, ctx: Context, known: Known) -> Let | None:
    wanted = declared_type(item.type, known)
    value = infer(item.value, ctx)
    if wanted is None or value is None:
        return None
    expected = Array(wanted.element, (EXAMPLE, *wanted.axes), wanted.classes)
    actual = value.type
    if isinstance(actual, Array) and actual.element == "byte":
        actual = Array("real", actual.axes)
    if expected.element == "class" and isinstance(value, ir.Name) and _may_be_label(value, ctx):
        actual = Array("class", (EXAMPLE,))
    if isinstance(actual, Array) and actual.element == "class" and not actual.classes:
        words = ctx.source.words(value.id) if ctx.source is not None and isinstance(value, ir.Name) else ()
        if len(words) > expected.classes > 0:
            known.bag.add(data_errors.MoreWords(item.value.span, item.name, words, expected.classes, item.type.span))
            return None
        actual = replace(actual, classes=expected.classes)  # its labels are checked at run time
    if actual != expected:
        known.bag.add(
            type_errors.WrongResult(item.value.span, item.name, describe(wanted), _each(actual), item.type.span)
        )
        return None
    return Let(item.name, replace(value, type=actual), item.span.origin)


def _warn_overlap(settings: Settings, source: Source, splits: Sequence[Split], known: Known) -> None:
    """Windows of a text that overlap, where chance decides which of them are held out."""
    options, value = dict(source.options), settings.optional("source")
    window, stride = options.get("window", 0), options.get("stride", 0)
    if value is None or not (isinstance(window, int) and isinstance(stride, int) and 0 < stride < window):
        return
    held_out = tuple(split.name for split in splits if split.name != "train" and split.part == "train")
    if held_out and any(split.name == "train" for split in splits):
        known.bag.add(data_errors.OverlappingWindows(value.span, window, stride, held_out))


def _may_be_label(value: ir.Name, ctx: Context) -> bool:
    fields = ctx.source.fields if ctx.source is not None else ()
    return any(field.name == value.id and may_be_label(field) and field.whole for field in fields)


def _words(features: Sequence[Let], statistics: Sequence[Let], division: Division, source: Source) -> Words:
    """The classes of the fields of words that are read."""
    read = {name for let in (*features, *statistics) for name in ir.names_in(let.value)}
    read |= {division.stratify, division.balance}
    fields = [field.name for field in source.fields if field.type.element == "class" and field.name in read]
    found = ((name, source.words(name)) for name in fields)
    return tuple((name, words) for name, words in found if words)


def _each(type_: Type) -> str:
    if isinstance(type_, Array) and type_.axes[:1] == (EXAMPLE,):
        return describe(Array(type_.element, type_.axes[1:], type_.classes))
    return f"{describe(type_)} for all examples together"


def declared_type(type_: ast.TypeExpr, known: Known) -> Array | None:
    """`real[784]` or `class[10]`, per example."""
    if type_.name not in ("real", "class"):
        known.bag.add(name_errors.UnknownType(type_.span, type_.name, ("real", "class")))
        return None
    numbers: list[int] = []
    for axis in type_.axes:
        if not (isinstance(axis, ast.Number) and isinstance(axis.value, int) and axis.value > 0):
            found = f"`{format_expr(axis)}`"
            known.bag.add(value_errors.NotAPositiveInteger(axis.span, found, "a size"))
            return None
        numbers.append(axis.value)
    if type_.name == "class":
        if len(numbers) != 1:
            known.bag.add(data_errors.ClassWithoutCount(type_.span, f"`{format_type(type_)}`"))
            return None
        return Array("class", (), numbers[0])
    return Array("real", sizes(*numbers))
