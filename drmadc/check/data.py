"""Data blocks: source, splits, features."""

from dataclasses import replace
from typing import Literal

from drmadc.check import name_errors, program_errors, type_errors
from drmadc.check.context import Context, Known
from drmadc.check.expressions import infer
from drmadc.check.settings import Settings
from drmadc.check.shapes import describe
from drmadc.ir import nodes as ir
from drmadc.ir.program import Alphabets, Data, Field, Learned, Let, Split
from drmadc.ir.types import EXAMPLE, Array, Axis, Type, sizes
from drmadc.source import Span
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

SETTINGS = ("source", "split", "resample")
SPLITS = ("train", "valid", "test")

_MNIST = (
    Field("image", Array("byte", (EXAMPLE, *sizes(28, 28)))),
    Field("label", Array("class", (EXAMPLE,), 10)),
)
OMNIGLOT = {
    "small1": (24, 22, 24, 40, 26),
    "small2": (24, 47, 26, 42, 17),
    "all": (24, 22, 24, 40, 26, 47, 42, 17),
}  # characters of each alphabet
DRAWERS = 20
SOURCES: dict[str, tuple[tuple[Field, ...], dict[str, int]]] = {
    "mnist": (_MNIST, {"train": 60000, "test": 10000}),
    "omniglot": (_MNIST, {"train": DRAWERS}),
}


def check_data(decl: ast.DataDecl, known: Known) -> None:
    """Fill `known.data` from a data block; what is wrong with it is reported."""
    known.data_decl = decl
    names = {item.name for item in decl.items if isinstance(item, ast.Feature)}
    known.broken.update(names)
    settings = Settings(
        f"data {decl.name}",
        tuple(item for item in decl.items if isinstance(item, ast.Setting)),
        SETTINGS,
        decl.span,
        known.bag,
    )
    source = _source(settings, known)
    alphabets = _alphabets(settings, known) if source == "omniglot" else None
    if source == "omniglot" and alphabets is None:
        return
    splits = _splits(settings, source, known) if source else None
    resample = check_resample(settings, known, default=False)
    if source is None:
        return
    fields = SOURCES[source][0]
    if alphabets is not None:
        fields = (fields[0], Field("label", Array("class", (EXAMPLE,), alphabets.characters)))
    ctx = Context(known, "data", locals={field.name: field.type for field in fields})
    features: list[Let] = []
    known.broken.difference_update(names)  # a feature that reads another one is a mistake of its own
    first: dict[str, ast.Feature] = {}
    for item in decl.items:
        if isinstance(item, ast.Feature):
            if item.name in first:
                known.bag.add(name_errors.DeclaredTwice(item.name_span, item.name, first[item.name].name_span))
                continue
            first[item.name] = item
            feature = _feature(item, ctx, known)
            if feature is not None:
                features.append(feature)
    if splits is None:
        known.broken.update(names)
        return
    known.broken.update(names - {feature.name for feature in features})
    if ctx.statistics and not any(split.name == "train" for split in splits):
        known.bag.add(
            name_errors.MissingSetting(decl.name_span, "split", "train", "split = { train: 15000, valid: 5000 }")
        )
    known.data = Data(
        decl.name,
        source,
        fields,
        splits,
        resample,
        tuple(ctx.statistics),
        tuple(features),
        decl.span.origin,
        alphabets,
    )


def check_learned(decl: ast.DataDecl, known: Known) -> None:
    """Fill `known.learned` from `data NAME { x = images; y: class[10] = range(10) }`."""
    values: list[tuple[str, ir.Expr, Span]] = []
    labels: list[tuple[str, int, Span]] = []
    failed = False
    first: dict[str, Span] = {}
    for item in decl.items:
        if item.name in first:
            known.bag.add(name_errors.GivenTwice(item.name_span, item.name, first[item.name]))
            failed = True
            continue
        first[item.name] = item.name_span
        wanted = declared_type(item.type, known) if isinstance(item, ast.Feature) else None
        if isinstance(item, ast.Feature) and wanted is None:
            failed = True
            continue
        match item.value:
            case ast.Call(ast.Name("range"), (ast.Arg(None, ast.Number() as number),)):
                if wanted is None or wanted.element != "class" or wanted.classes != number.value:
                    problem = f"gives class labels: write `{item.name}: class[{number.text}] = range({number.text})`"
                    known.bag.add(type_errors.WrongArguments(item.value.span, "range", problem, "range(classes)"))
                    failed = True
                    continue
                labels.append((item.name, wanted.classes, item.span))
            case value:
                x = infer(value, Context(known, "init"))
                axes = x.type.axes if x is not None and isinstance(x.type, Array) else ()
                plain = axes and all(axis.kind == "size" for axis in axes)
                if x is not None and not plain:
                    known.bag.add(
                        type_errors.WrongKind(
                            value.span, "a learned feature", "an array [examples, ...]", describe(x.type)
                        )
                    )
                elif x is not None and wanted is not None and wanted.axes != axes[1:]:
                    found = describe(Array("real", axes[1:]))
                    assert isinstance(item, ast.Feature)
                    known.bag.add(
                        type_errors.WrongResult(value.span, item.name, describe(wanted), found, item.type.span)
                    )
                    x = None
                if x is None or not plain:
                    failed = True
                    continue
                values.append((item.name, x, item.span))
    sizes_ = {x.type.axes[0].size for _, x, _ in values if isinstance(x.type, Array)}
    if failed or len(sizes_) != 1:
        if not failed:
            wanted_ = "features with one number of examples"
            found = (
                "no array of hyperparameters" if not sizes_ else f"{' and '.join(map(str, sorted(sizes_)))} examples"
            )
            known.bag.add(type_errors.WrongKind(decl.name_span, f"the learned data `{decl.name}`", wanted_, found))
        known.broken.update(first)
        return
    size = sizes_.pop()
    features = {
        name: ir.Rows(x, Array("real", (EXAMPLE, *x.type.axes[1:])))
        for name, x, _ in values
        if isinstance(x.type, Array)
    }
    for name, classes, _ in labels:
        whole = ir.Call("range", (), Array("class", (Axis("size", size),), classes), str(size))
        features[name] = ir.Rows(whole, Array("class", (EXAMPLE,), classes))
    origins = {item.name: item.span.origin for item in decl.items}
    lets = tuple(Let(item.name, features[item.name], origins[item.name]) for item in decl.items)
    known.learned = Learned(decl.name, size, lets, decl.span.origin)


def _source(settings: Settings, known: Known) -> str | None:
    value = settings.required("source", "source = mnist()")
    if value is None:
        return None
    if not (isinstance(value, ast.Call) and isinstance(value.function, ast.Name)):
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "a source", "a call such as `mnist()`", found))
        return None
    name = value.function.text
    if name not in SOURCES:
        known.bag.add(name_errors.UnknownFunction(value.function.span, name, tuple(SOURCES), "source"))
        return None
    if name == "omniglot":
        return name
    if value.args:
        problem = "takes no arguments"
        known.bag.add(type_errors.WrongArguments(value.args[0].span, name, problem, f"{name}()"))
        return None
    return name


def _alphabets(settings: Settings, known: Known) -> Alphabets | None:
    """`omniglot(small1, copies: rotated, task: each outer)`"""
    call = settings.optional("source")
    assert isinstance(call, ast.Call)
    signature = "omniglot(small1 | small2 | all, copies: rotated | flipped, task: each outer)"
    name, copies, sampled = "", "none", False
    for arg in call.args:
        match arg.name, arg.value:
            case None, ast.Name(text) if text in OMNIGLOT and not name:
                name = text
            case "copies", ast.Name("rotated" | "flipped" as word) if copies == "none":
                copies = word
            case "task", ast.Each("outer") if not sampled:
                sampled = True
            case _:
                problem = f"cannot take `{f'{arg.name}: ' if arg.name else ''}{format_expr(arg.value)}`"
                known.bag.add(type_errors.WrongArguments(arg.span, "omniglot", problem, signature))
                return None
    if not name:
        known.bag.add(type_errors.WrongArguments(call.span, "omniglot", "needs a set of alphabets", signature))
        return None
    sizes_ = OMNIGLOT[name]
    count = len(sizes_) * (1 if copies == "none" else 2)
    kind: Literal["none", "rotated", "flipped"] = (
        "rotated" if copies == "rotated" else "flipped" if copies == "flipped" else "none"
    )
    return Alphabets(name, kind, count, max(sizes_), sampled)


def _splits(settings: Settings, source: str, known: Known) -> tuple[Split, ...] | None:
    example = "split = { train: 15000, valid: 5000, test: 10000 }"
    value = settings.required("split", example)
    if value is None:
        return None
    if not isinstance(value, ast.Record):
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "`split`", f"a record, as in {example}", found))
        return None
    there = SOURCES[source][1]
    splits: list[Split] = []
    seen: dict[str, ast.Entry] = {}
    failed = False
    for entry in value.entries:
        if entry.path in seen:
            known.bag.add(name_errors.GivenTwice(entry.path_span, entry.path, seen[entry.path].path_span))
            failed = True
            continue
        seen[entry.path] = entry
        if entry.path not in SPLITS:
            known.bag.add(name_errors.UnknownName(entry.path_span, entry.path, SPLITS, "split"))
            failed = True
            continue
        size = entry.value
        if not (isinstance(size, ast.Number) and isinstance(size.value, int) and size.value > 0):
            found = f"`{format_expr(size)}`"
            known.bag.add(type_errors.WrongKind(size.span, "the size of a split", "a whole number above 0", found))
            failed = True
            continue
        part = "test" if entry.path == "test" and "test" in there else "train"
        splits.append(Split(entry.path, size.value, "test" if part == "test" else "train"))
    for part, count in there.items():
        wanted = sum(split.size for split in splits if split.part == part)
        if wanted > count and source == "omniglot":
            found = f"{wanted} drawers"
            most = f"at most {count} drawers of each character together"
            known.bag.add(type_errors.WrongKind(value.span, "`split`", most, found))
            failed = True
        elif wanted > count:
            known.bag.add(program_errors.SplitTooLarge(value.span, source, part, wanted, count))
            failed = True
    if "train" not in seen and not failed and known.trains_on is None:
        known.bag.add(name_errors.MissingSetting(value.span, "split", "train", example))
        failed = True
    return None if failed else tuple(splits)


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
            known.bag.add(type_errors.WrongKind(value.span, "`resample`", "`each outer` or `each run`", found))
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
    if actual != expected:
        known.bag.add(
            type_errors.WrongResult(item.value.span, item.name, describe(wanted), _each(actual), item.type.span)
        )
        return None
    return Let(item.name, replace(value, type=actual), item.span.origin)


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
            known.bag.add(type_errors.WrongKind(axis.span, "a size", "a whole number above 0", found))
            return None
        numbers.append(axis.value)
    if type_.name == "class":
        if len(numbers) != 1:
            found = f"{len(numbers)} numbers"
            known.bag.add(
                type_errors.WrongKind(type_.span, "a class label", "`class[N]` with the number of classes", found)
            )
            return None
        return Array("class", (), numbers[0])
    return Array("real", sizes(*numbers))
