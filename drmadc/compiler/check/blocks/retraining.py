"""The `retrain` block: what is trained once more after the last outer step, and with which hyperparameters."""

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.hypers import entries_by_hyper, in_domain, initial_value
from drmadc.compiler.check.context import Context, Known, head
from drmadc.compiler.check.errors import name_errors, tuning_errors, value_errors
from drmadc.compiler.check.expr.constants import constant_value
from drmadc.compiler.check.expr.expressions import infer
from drmadc.compiler.check.settings import Settings
from drmadc.ir import nodes as ir
from drmadc.ir.program import HyperParameter, Retrain
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

RETRAIN = ("on", "arms", "others")
INITIAL = "initial"

Arm = tuple[str, tuple[tuple[str, ir.Expr], ...]]
TUNED: Arm = ("tuned", ())


def check_retrain(known: Known) -> None:
    """Fill `known.retrain`; beside an error it stays None."""
    decl = known.single(ast.RetrainDecl)
    if decl is not None:
        known.retrain = _retrain(decl, known)


def _retrain(decl: ast.RetrainDecl, known: Known) -> Retrain | None:
    """The splits and the arms; None where something is wrong."""
    before = known.bag.errors
    settings = Settings("retrain", decl.settings, RETRAIN, decl.span, known.bag)
    splits = _splits(settings.optional("on"), known)
    arms = _arms(settings.optional("arms"), known)
    if known.learned is not None or known.data is None:
        known.bag.add(tuning_errors.RetrainWithoutSplit(head(decl.span, "retrain")))
    others = _others(settings.optional("others"), splits, known)
    outside = tuple(split for split in splits if split != "train")
    on = settings.optional("on")
    for hyper in known.hypers.values():
        if outside and on is not None and _per_example(hyper) and hyper.name not in others:
            known.bag.add(tuning_errors.RetrainPerExample(on.span, hyper.name, outside))
    if known.bag.errors > before:
        return None
    values = tuple((name, value) for name, value in others.items() if value is not None)
    return Retrain(splits, arms, decl.span.origin, values)


def _per_example(hyper: HyperParameter) -> bool:
    return any(axis.kind == "example" for axis in hyper.type.axes)


def _others(value: ast.Expr | None, splits: tuple[str, ...], known: Known) -> dict[str, float | None]:
    """What hyperparameters over the train split's examples are for those of the other splits; None where it is wrong.

    A value may be the bound of a domain: it is never moved.
    """
    out: dict[str, float | None] = {}
    if value is None:
        return out
    if not isinstance(value, ast.Record):
        example = "others = { trust: 1 }"
        known.bag.add(value_errors.NotARecord(value.span, f"`{format_expr(value)}`", "`others`", example))
        return dict.fromkeys(known.hypers)
    for hyper, entry in entries_by_hyper(value, known):
        out[hyper.name] = None
        if not _per_example(hyper) or set(splits) <= {"train"}:
            known.bag.add(tuning_errors.OthersOfNoExample(entry.path_span, hyper.name, _per_example(hyper)))
            continue
        x = infer(entry.value, Context(known, "constant"))
        number = None if x is None else constant_value(x)
        if number is not None and (
            in_domain(number, hyper.domain, closed=True) or (number, hyper.domain) == (1, "unit")
        ):
            out[hyper.name] = number
        elif x is not None:
            found = f"`{format_expr(entry.value)}`"
            known.bag.add(tuning_errors.NotAnEntry(entry.value.span, found, hyper.name, hyper.domain))
    return out


def _splits(value: ast.Expr | None, known: Known) -> tuple[str, ...]:
    if value is None:
        return ("train",)
    there = tuple(split.name for split in known.data.splits) if known.data is not None else ()
    items = value.items if isinstance(value, ast.List) else (value,)
    names: list[str] = []
    for item in items:
        if isinstance(item, ast.Name) and item.text in there and item.text not in names:
            names.append(item.text)
        elif isinstance(item, ast.Name):
            known.bag.add(name_errors.UnknownName(item.span, item.text, there, "split"))
        else:
            found = f"`{format_expr(item)}`"
            known.bag.add(value_errors.NotNames(item.span, found, "`on`", "split", "on = [train, valid]"))
    return tuple(names)


def _arms(value: ast.Expr | None, known: Known) -> tuple[Arm, ...]:
    """The arms that are written, and `tuned` where none of them keeps all that was tuned."""
    if value is None:
        return (TUNED,)
    entries = value.entries if isinstance(value, ast.Record) else ()
    wrong = [entry.value for entry in entries if not _is_arm(entry.value)] if isinstance(value, ast.Record) else [value]
    for x in wrong:
        known.bag.add(tuning_errors.NotAnArm(x.span, f"`{format_expr(x)}`"))
    if wrong:
        return ()
    out: list[Arm] = []
    first: dict[str, Span] = {}
    for arm in entries:
        if arm.path in first or "." in arm.path:
            known.bag.add(name_errors.GivenTwice(arm.path_span, arm.path, first.get(arm.path, arm.path_span)))
            continue
        first[arm.path] = arm.path_span
        out.append((arm.path, _changed(arm.value, known)))
    tuned = "tuned" in first or any(not changed for _, changed in out)
    return tuple(out) if tuned else (*out, TUNED)


def _is_arm(value: ast.Expr) -> bool:
    return isinstance(value, ast.Record) or (isinstance(value, ast.Name) and value.text == INITIAL)


def _changed(value: ast.Expr, known: Known) -> tuple[tuple[str, ir.Expr], ...]:
    """The hyperparameters that an arm replaces; `initial` replaces all of them by the values they started from.

    No arm is moved, so an end of its domain is a value like another: a penalty of 0 is none.
    """
    if not isinstance(value, ast.Record):
        return tuple((hyper.name, hyper.initial) for hyper in known.hypers.values())
    changed: list[tuple[str, ir.Expr]] = []
    for hyper, entry in entries_by_hyper(value, known):
        declared = known.hyper_spans[hyper.name]
        x = initial_value(hyper.name, entry.value, hyper.type, hyper.domain, declared, known, closed=True)
        if x is not None:
            changed.append((hyper.name, x))
    return tuple(changed)
