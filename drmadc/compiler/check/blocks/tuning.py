"""The `tune` blocks: objective, reverse strategy, and the stages in which hyperparameters move."""

import math
from typing import Literal

from drmadc.compiler.check.blocks.hypers import entries_by_hyper, named_hyper
from drmadc.compiler.check.blocks.training import count, function_of
from drmadc.compiler.check.blocks.updates import check_update
from drmadc.compiler.check.context import Context, Known, head
from drmadc.compiler.check.draft import Tune
from drmadc.compiler.check.errors import name_errors, tuning_errors, type_errors, value_errors
from drmadc.compiler.check.expr.constants import constant_value
from drmadc.compiler.check.expr.expressions import infer
from drmadc.compiler.check.settings import Settings
from drmadc.compiler.check.strategy.setting import check_reverse
from drmadc.compiler.passes.dependence import function_splits
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import HYPERS, Function, HyperParameter, Stage
from drmadc.ir.reverse import Reverse
from drmadc.ir.ties import COARSER, GRAINS, Grain, Projection, Projector, Tie
from drmadc.ir.types import Tree
from drmadc.language.strategies.registry import DEFAULT
from drmadc.language.strategies.settings import Limits
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

FIRST = ("minimize", "reverse", "seeds", "stop", "patience", "confirm")
EACH = ("update", "steps", "tie", "freeze", "project")
INHERITED = ("update", "steps", "project")
PROJECTIONS = ("sort", "symmetric", "nonnegative", "clip")


def _ordered(decls: list[ast.TuneDecl], known: Known) -> list[ast.TuneDecl]:
    """The tune blocks in the order in which they run; a chain that is broken is reported."""
    if len(decls) < 2:
        for decl in decls:
            if decl.after is not None:
                known.bag.add(name_errors.UnknownName(decl.after_span, decl.after, (), "stage"))
        return decls
    names: dict[str, ast.TuneDecl] = {}
    first: ast.TuneDecl | None = None
    following: dict[str, ast.TuneDecl] = {}
    failed = False
    for decl in decls:
        if not decl.name:
            known.bag.add(tuning_errors.UnnamedStage(head(decl.span, "tune")))
            failed = True
        elif decl.name in names:
            known.bag.add(name_errors.DeclaredTwice(decl.name_span, decl.name, names[decl.name].name_span))
            failed = True
        else:
            names[decl.name] = decl
    for decl in () if failed else decls:
        other = first if decl.after is None else following.get(decl.after)
        if decl.after is not None and decl.after not in names:
            known.bag.add(name_errors.UnknownName(decl.after_span, decl.after, tuple(names), "stage"))
            failed = True
        elif other is not None:
            known.bag.add(tuning_errors.ParallelStages(decl.name_span, decl.name, other.name, decl.after))
            failed = True
        elif decl.after is None:
            first = decl
        else:
            following[decl.after] = decl
    ordered: list[ast.TuneDecl] = []
    current = first
    while current is not None and len(ordered) < len(decls):
        ordered.append(current)
        current = following.get(current.name)
    if not failed and len(ordered) < len(decls):
        lost = next(d for d in decls if d not in ordered)
        known.bag.add(name_errors.Circular(lost.name_span, lost.name))
    return ordered


def check_tune(known: Known) -> None:
    """Fill `known.tune` from the tune blocks, in the order of their stages; beside a sweep, one may move nothing."""
    decls = _ordered(known.all(ast.TuneDecl), known)
    if decls:
        known.tune = _tune(decls, known)


def _tune(decls: list[ast.TuneDecl], known: Known) -> Tune:
    blocks = [Settings("tune", d.settings, (*FIRST, *EACH), d.span, known.bag) for d in decls]
    tune = Tune(blocks[0])
    settings = blocks[0]
    for later in blocks[1:]:
        for name in FIRST:
            value = later.optional(name)
            if value is not None:
                known.bag.add(tuning_errors.SharedByStages(value.span, name))
    minimize = settings.required("minimize", "minimize = cross_entropy(mlp(x), y) on valid")
    if minimize is not None:
        tune.objective = function_of(minimize, "the objective", Context(known, "outer"))
        if tune.objective is not None and "test" in function_splits(tune.objective):
            known.bag.add(tuning_errors.TestObjective(minimize.span))
    _require_valid(tune.objective, known)
    reverse = settings.optional("reverse")
    if reverse is None:
        tune.reverse = Reverse(DEFAULT, "exact()", decls[0].span.origin)
    else:
        tune.reverse = check_reverse(reverse, Limits(known.steps, known.examples), known.bag)
    tune.seeds = count(settings.optional("seeds"), "`seeds`", known) or 1
    tune.stop = _stop(settings.optional("stop"), known)
    tune.patience = count(settings.optional("patience"), "`patience`", known) or 0
    tune.confirm = _confirm(settings.optional("confirm"), known)
    sweeps = known.single(ast.SweepDecl) is not None
    still = sweeps and len(decls) == 1 and settings.optional("update") is None and settings.optional("steps") is None
    stages = [] if still else [_stage(decl, blocks[: i + 1], len(decls) > 1, known) for i, decl in enumerate(decls)]
    if tune.reverse is not None and tune.reverse.strategy.online:
        _check_online(settings, decls, known)
    good = tuple(stage for stage in stages if stage is not None)
    stop = settings.optional("stop")
    if stop is not None and good and all(stage.library for stage in good):
        known.bag.add(tuning_errors.NotWithBfgs(stop.span, "stop"))
    tune.stages = good if len(good) == len(stages) else None
    return tune


def _require_valid(objective: Function | None, known: Known) -> None:
    """Report a guard split where the objective reads no valid split."""
    if known.data_decl is None or known.data is None or objective is None or "valid" in function_splits(objective):
        return
    if not any(split.name == "guard" for split in known.data.splits):
        return
    for item in known.data_decl.items:
        if isinstance(item, ast.Setting) and item.name == "split" and isinstance(item.value, ast.Record):
            for entry in item.value.entries:
                if entry.path == "guard":
                    known.bag.add(tuning_errors.GuardWithoutValid(entry.path_span))


def _confirm(value: ast.Expr | None, known: Known) -> int:
    """The number of fresh draws; 0 for none, 3 where nothing is said."""
    if value is None:
        return 3
    return 0 if isinstance(value, ast.Number) and value.value == 0 else count(value, "`confirm`", known) or 0


def _check_online(settings: Settings, decls: list[ast.TuneDecl], known: Known) -> None:
    """What makes no sense where hyperparameters move inside each training run."""
    seeds, stop = settings.optional("seeds"), settings.optional("stop")
    if seeds is not None:
        known.bag.add(tuning_errors.NotWithOneStep(seeds.span, "`seeds`"))
    if stop is not None:
        known.bag.add(tuning_errors.NotWithOneStep(stop.span, "`stop`"))
    for decl in decls[1:]:
        known.bag.add(tuning_errors.NotWithOneStep(decl.name_span, "several stages"))


def _stop(value: ast.Expr | None, known: Known) -> int:
    match value:
        case None:
            return 0
        case ast.Call(ast.Name("growing"), (ast.Arg(None, ast.Number() as times),)):
            return count(times, "the number of times in `growing`", known) or 0
        case _:
            known.bag.add(tuning_errors.NotAStop(value.span, f"`{format_expr(value)}`"))
            return 0


def _stage(decl: ast.TuneDecl, blocks: list[Settings], staged: bool, known: Known) -> Stage | None:
    """One stage; `blocks` are its settings and, before them, those of the stages before it."""
    own = blocks[-1]

    def setting(name: str) -> ast.Expr | None:
        for block in reversed(blocks):
            value = block.optional(name)
            if value is not None or name not in INHERITED:
                return value
        return None

    before = known.bag.errors
    if len(blocks) == 1:
        own.required("update", "update = adam(rate: 0.04)")
        own.required("steps", "steps = 20")
    frozen = _freeze(own.optional("freeze"), known)
    update, steps = setting("update"), setting("steps")
    step = check_update(update, Tree(HYPERS), known, inner=False, frozen=frozen) if update is not None else None
    number = count(steps, "`steps`", known)
    ties = _ties(own.optional("tie"), known)
    projections = _projections(setting("project"), known)
    if step is not None and step.rule == "bfgs":
        tie, project = setting("tie"), setting("project")
        if tie is not None:
            known.bag.add(tuning_errors.NotWithBfgs(tie.span, "tie"))
        if project is not None:
            known.bag.add(tuning_errors.NotWithBfgs(project.span, "project"))
    if step is None or number is None or known.bag.errors > before:
        return None
    origin = steps.span.origin if steps is not None else ""
    return Stage(decl.name if staged else "", step, number, ties, frozen, projections, origin)


def _freeze(value: ast.Expr | None, known: Known) -> tuple[str, ...]:
    if value is None:
        return ()
    items = value.items if isinstance(value, ast.List) else (value,)
    out: list[str] = []
    for item in items:
        if not isinstance(item, ast.Name):
            found = f"`{format_expr(item)}`"
            example = "freeze = [l2, rate]"
            known.bag.add(value_errors.NotNames(item.span, found, "`freeze`", "hyperparameter", example))
        elif named_hyper(item.text, item.span, known) is not None:
            out.append(item.text)
    if known.hypers and len(set(out)) == len(known.hypers):
        known.bag.add(tuning_errors.AllFrozen(value.span))
    return tuple(dict.fromkeys(out))


def _entries(value: ast.Expr | None, what: str, example: str, known: Known) -> list[tuple[HyperParameter, ast.Entry]]:
    """The entries of a record by hyperparameter."""
    if value is None:
        return []
    if not isinstance(value, ast.Record):
        known.bag.add(value_errors.NotARecord(value.span, f"`{format_expr(value)}`", what, example))
        return []
    return entries_by_hyper(value, known)


def _ties(value: ast.Expr | None, known: Known) -> tuple[Tie, ...]:
    out: list[Tie] = []
    for hyper, entry in _entries(value, "`tie`", "tie = { l2: layer }", known):
        items = entry.value.items if isinstance(entry.value, ast.List) else (entry.value,)
        for item in items:
            tie = _tie(hyper, item, known)
            if tie is not None:
                out.append(tie)
    return tuple(out)


def _tie(hyper: HyperParameter, value: ast.Expr, known: Known) -> Tie | None:
    mean = False
    inner = value
    match value:
        case ast.Call(ast.Name("mean"), (ast.Arg(None, inner),)):
            mean = True
        case _:
            pass
    bins = 1
    match inner:
        case ast.Call(ast.Name("step" as word), (ast.Arg("bins", number),)):
            bins = count(number, "the number of bins", known) or 1
        case ast.Name(word):
            pass
        case _:
            word = ""
    grain = next((g for g in GRAINS if g == word), None)
    kinds = tuple(axis.kind for axis in hyper.type.axes)
    if "size" in kinds:
        kinds = ("size",)
    possible = tuple(dict.fromkeys(g for kind in kinds for g in COARSER[kind]))
    if grain is None or grain not in possible:
        found = f"`{format_expr(value)}`"
        known.bag.add(tuning_errors.NotATie(value.span, found, hyper.name, f"{hyper.type}", possible))
        return None
    lost = _uncovered(hyper, grain, known)
    if lost:
        group = hyper.type.axes[-1].group
        known.bag.add(type_errors.AxisDoesNotFit(value.span, f"{grain} of {group}", group, lost))
        return None
    stored = hyper.type.axes[0].length if kinds and kinds[0] == "step" else 1
    if grain == "step" and bins > stored:
        known.bag.add(value_errors.OutOfRange(value.span, f"`{bins}`", "the number of bins", 1, stored))
        return None
    return Tie(hyper.name, grain, mean, bins)


def _uncovered(hyper: HyperParameter, grain: Grain, known: Known) -> str:
    """A parameter array that has entries on the hyperparameter's axis and none by this grain; "" where all have."""
    axis = hyper.type.axes[-1]
    if grain in ("network", "step"):
        return ""
    table, members = tuple(known.parameters.values()), known.groups[axis.group].members
    fine, coarse = ([slot.path for slot in axis_slots(table, members, kind)] for kind in (axis.kind, grain))
    return next((path for path in fine if path not in coarse), "")


def _projections(value: ast.Expr | None, known: Known) -> tuple[Projection, ...]:
    out: list[Projection] = []
    for hyper, entry in _entries(value, "`project`", "project = { bins: sort, level: clip(0.1, 0.9) }", known):
        projection = _projection(hyper, entry.value, known)
        if projection is not None:
            out.append(projection)
    return tuple(out)


def _projection(hyper: HyperParameter, value: ast.Expr, known: Known) -> Projection | None:
    shape = hyper.shape
    needs: Literal["array", "square", "real"] | None = None
    kind: Projector = "clip"
    low: float | None = None
    high: float | None = None
    match value:
        case ast.Name("sort"):
            kind = "sort"
            needs = "array" if not shape else None
        case ast.Name("symmetric"):
            kind = "symmetric"
            square = len(shape) >= 2 and shape[-1] == shape[-2]
            needs = None if square and hyper.domain == "real" else "square"
        case ast.Name("nonnegative"):
            low = 0.0
            needs = "real" if hyper.domain != "real" else None
        case ast.Call(ast.Name("clip"), (ast.Arg(None, lower), ast.Arg(None, upper))):
            low, high = _bound(lower, hyper, known), _bound(upper, hyper, known)
            if low is None or high is None:
                return None
            if low >= high:
                known.bag.add(tuning_errors.EmptyClip(value.span, f"`{format_expr(value)}`"))
                return None
        case _:
            found = f"`{format_expr(value)}`"
            known.bag.add(tuning_errors.NotAProjection(value.span, found, hyper.name, PROJECTIONS))
            return None
    if needs is not None:
        type_ = f"{hyper.domain}{list(shape) if shape else ''}"
        known.bag.add(tuning_errors.CannotProject(value.span, hyper.name, format_expr(value), type_, needs))
        return None
    return Projection(hyper.name, kind, low, high)


def _bound(value: ast.Expr, hyper: HyperParameter, known: Known) -> float | None:
    """A bound, in the unconstrained form."""
    x = infer(value, Context(known, "constant"))
    number = None if x is None else constant_value(x)
    if x is None:
        return None
    inside = number is not None and (
        hyper.domain == "real" or (number > 0 and (hyper.domain == "positive" or number < 1))
    )
    if number is None or not inside:
        found = f"`{format_expr(value)}`"
        known.bag.add(tuning_errors.BoundOutside(value.span, found, hyper.domain))
        return None
    match hyper.domain:
        case "real":
            return number
        case "positive":
            return math.log(number)
        case "unit":
            return math.log(number) - math.log1p(-number)
