"""Splits of a data set: their sizes, and whether classes or folds decide who goes where."""

from dataclasses import dataclass
from typing import Literal

from drmadc.compiler.check.context import Known
from drmadc.compiler.check.errors import data_errors, name_errors, value_errors
from drmadc.compiler.check.settings import Settings
from drmadc.compiler.check.source import Source, may_be_label
from drmadc.ir.program import Split
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc_common.parts import SPLITS, SourcePart, SplitName

EXAMPLE = "split = { train: 15000, valid: 5000, test: 10000 }"


@dataclass(frozen=True)
class Division:
    """What decides which example goes to which split, beside chance."""

    stratify: str = ""
    balance: str = ""
    folds: int = 0


def check_splits(settings: Settings, source: Source, known: Known) -> tuple[Split, ...] | None:
    """The sizes of the splits: numbers of examples, or fractions of the part that they are drawn from."""
    value = settings.required("split", EXAMPLE)
    if value is None:
        return None
    if not isinstance(value, ast.Record):
        found = f"`{format_expr(value)}`"
        known.bag.add(value_errors.NotARecord(value.span, found, "`split`", EXAMPLE))
        return None
    sizes: dict[SplitName, int | float] = {}
    names = SPLITS if source.alphabets is None else SPLITS[:-1]
    seen: dict[str, ast.Entry] = {}
    failed = False
    for entry in value.entries:
        if entry.path in seen:
            known.bag.add(name_errors.GivenTwice(entry.path_span, entry.path, seen[entry.path].path_span))
            failed = True
            continue
        seen[entry.path] = entry
        name = next((split for split in names if split == entry.path), None)
        if name is None:
            known.bag.add(name_errors.UnknownName(entry.path_span, entry.path, names, "split"))
            failed = True
            continue
        if name == "guard" and _is_zero(entry.value):
            continue
        size = entry.value.value if isinstance(entry.value, ast.Number) else 0
        fraction = isinstance(size, float) and 0 < size <= 1 and source.alphabets is None
        if not (fraction or (isinstance(size, int) and size > 0)):
            found = f"`{format_expr(entry.value)}`"
            known.bag.add(data_errors.SplitSize(entry.value.span, found))
            failed = True
            continue
        sizes[name] = size
    splits: list[Split] = []
    for part, count in source.parts.items():
        mine = {name: size for name, size in sizes.items() if _part_of(name, source) == part}
        whole = _whole(mine, count)
        if whole is None:
            text = ", ".join(f"{name}: {size}" for name, size in mine.items())
            known.bag.add(data_errors.MixedSplitSizes(value.span, text))
            return None
        wanted_count = sum(whole.values())
        if wanted_count > count and source.alphabets is not None:
            known.bag.add(data_errors.TooManyDrawers(value.span, wanted_count, count))
            return None
        if wanted_count > count:
            known.bag.add(data_errors.SplitTooLarge(value.span, source.name, part, wanted_count, count))
            failed = True
        splits += [Split(name, size, part) for name, size in whole.items()]
    if "train" not in seen and not failed and known.trains_on is None:
        known.bag.add(name_errors.MissingSetting(value.span, "split", "train", EXAMPLE))
        failed = True
    order = list(sizes)
    return None if failed else tuple(sorted(splits, key=lambda split: order.index(split.name)))


def declines_guard(settings: Settings) -> bool:
    """Whether `guard: 0` says that no examples are to be set aside."""
    value = settings.optional("split")
    entries = value.entries if isinstance(value, ast.Record) else ()
    return any(entry.path == "guard" and _is_zero(entry.value) for entry in entries)


def unused(splits: tuple[Split, ...], source: Source) -> int:
    """How many examples of the part that valid is drawn from no split takes."""
    part = _part_of("valid", source)
    return source.parts.get(part, 0) - sum(split.size for split in splits if split.part == part)


def _is_zero(value: ast.Expr) -> bool:
    return isinstance(value, ast.Number) and value.value == 0


def _part_of(name: SplitName, source: Source) -> SourcePart:
    """The part that a split is drawn from; the guard is drawn from where valid is."""
    part = "valid" if name == "guard" else name
    return part if part in source.parts else "train"


def _whole(sizes: dict[SplitName, int | float], count: int) -> dict[SplitName, int] | None:
    """Sizes as numbers of examples; fractions are cut where their sums are, so that 1 in all is everything."""
    if all(isinstance(size, int) for size in sizes.values()):
        return {name: int(size) for name, size in sizes.items()}
    total = 0.0
    out: dict[SplitName, int] = {}
    for name, size in sizes.items():
        if isinstance(size, int) and size != 1:
            return None
        first, total = round(total * count), total + size
        out[name] = max(1, round(total * count) - first)
    return out if total <= 1 + 1e-9 else None


def check_division(settings: Settings, source: Source, splits: tuple[Split, ...] | None, known: Known) -> Division:
    """`stratify = label`, `balance = label` and `folds = 5`."""
    stratify = _label(settings, "stratify", source, known)
    balance = _label(settings, "balance", source, known)
    folds = settings.optional("folds")
    value = settings.optional("balance")
    if stratify and balance and value is not None:
        known.bag.add(data_errors.StratifyAndBalance(value.span))
    if balance and value is not None and splits is not None:
        classes = next(field.type.classes for field in source.fields if field.name == balance)
        uneven = next((split for split in splits if classes and split.size % classes), None)
        if uneven is not None:
            known.bag.add(data_errors.UnevenBalance(value.span, uneven.name, uneven.size, classes))
    if folds is None:
        return Division(stratify, balance)
    count = folds.value if isinstance(folds, ast.Number) else 0
    sizes = {split.name: split.size for split in splits or () if split.part == "train"}
    if not isinstance(count, int) or count < 2:
        found = f"`{format_expr(folds)}`"
        known.bag.add(value_errors.BelowLeast(folds.span, found, "`folds`", 2))
    elif splits is not None and sizes.get("train") != (count - 1) * sizes.get("valid", 0):
        known.bag.add(data_errors.FoldSizes(folds.span, count, sizes.get("train", 0), sizes.get("valid", 0)))
    else:
        return Division(stratify, balance, count)
    return Division(stratify, balance)


def _label(settings: Settings, name: Literal["stratify", "balance"], source: Source, known: Known) -> str:
    """The label that a setting names."""
    value = settings.optional(name)
    if value is None:
        return ""
    labels = [field.name for field in source.fields if may_be_label(field) and source.alphabets is None]
    if isinstance(value, ast.Name) and value.text in labels:
        return value.text
    known.bag.add(data_errors.NotALabel(value.span, f"`{format_expr(value)}`", name, tuple(labels)))
    return ""
