"""The order of checking, on one page: spec -> Program."""

from typing import Literal, TypeVar

from drmadc.common.diagnostics.model import Bag
from drmadc.common.source import Span
from drmadc.compiler.check.blocks.hypers import check_hyper, check_params, over_group
from drmadc.compiler.check.blocks.learned import check_learned
from drmadc.compiler.check.blocks.models import check_model, mentions, order_models
from drmadc.compiler.check.blocks.reports import check_report
from drmadc.compiler.check.blocks.retraining import check_retrain
from drmadc.compiler.check.blocks.sweeps import check_sweep
from drmadc.compiler.check.blocks.training import check_train, read_train
from drmadc.compiler.check.blocks.tuning import check_tune, order_stages
from drmadc.compiler.check.blocks.updates import check_rule
from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data.block import check_data
from drmadc.compiler.check.errors import name_errors, type_errors
from drmadc.compiler.check.expr.functions import FUNCTIONS
from drmadc.ir.program import ALL, HYPERS, Program
from drmadc.syntax import ast

D = TypeVar("D", bound=ast.Decl)


def check(spec: ast.Spec, prelude: ast.Spec, name: str, bag: Bag) -> Program | None:
    """The program that a spec declares, or None; every mistake is in the bag.

    `bag` may already hold syntax errors; then a missing block is not reported, since it may stand in what could
    not be read.
    """
    unread = bag.failed
    rules = {d.name: d for d in prelude.decls if isinstance(d, ast.UpdateDecl)}
    known = Known(bag, spec, rules)
    _check_names(spec, known)
    train_decl = _single(spec, ast.TrainDecl, bag)
    known.trains_on = _trains_on(train_decl)
    named = known.trains_on is not None
    sources = [d for d in _all(spec, ast.DataDecl) if not named or _has_source(d)]
    learned = [d for d in _all(spec, ast.DataDecl) if d not in sources]
    for extra in sources[1:]:
        why = "one block reads a source; another one may be made of hyperparameters, named by `data` in `train`"
        bag.add(type_errors.WrongKind(extra.name_span, f"`data {extra.name}`", "the only source", "another one", why))
    data_decl = sources[0] if sources else None
    tune_decls = _all(spec, ast.TuneDecl)
    report_decl = _single(spec, ast.ReportDecl, bag)
    if not unread:
        _check_blocks(spec, train_decl, tune_decls[0] if tune_decls else None, bag)
    known.broken.update(spec.lost)
    for update in _all(spec, ast.UpdateDecl):
        if not check_rule(update, known):
            known.broken.add(update.name)
    if data_decl is not None:
        check_data(data_decl, known)
    train = read_train(train_decl, known) if train_decl is not None else None
    steps = train.steps if train else None
    hypers = _all(spec, ast.HyperDecl)
    for hyper in hypers:
        if not over_group(hyper):
            check_hyper(hyper, steps, known)
    for decl in learned:
        check_learned(decl, known)
    for params in _all(spec, ast.ParamsDecl):
        check_params(params, known)
    for model in order_models(_all(spec, ast.ModelDecl), known):
        for hyper in hypers:
            if over_group(hyper) and hyper.name not in known.hypers and mentions(model, hyper.name):
                check_hyper(hyper, steps, known)
        check_model(model, known)
    known.close_groups()
    _check_tasks(spec, known)
    for hyper in hypers:
        if over_group(hyper) and hyper.name not in known.hypers:
            check_hyper(hyper, steps, known)
    if train is not None:
        check_train(train, known)
    stages = order_stages(tune_decls, known)
    sweep_decl = _single(spec, ast.SweepDecl, bag)
    sweep = check_sweep(sweep_decl, known) if sweep_decl is not None else None
    tune = check_tune(stages, train, known, sweeps=sweep_decl is not None) if stages else None
    retrain_decl = _single(spec, ast.RetrainDecl, bag)
    retrain = check_retrain(retrain_decl, known) if retrain_decl is not None else None
    arms = tuple(name for name, _ in retrain.arms) if retrain is not None else ()
    swept = tuple(name for name, _ in sweep.over) if sweep is not None else ()
    swept = swept if sweep is None or sweep.over else ("along",)
    reports, expectations = check_report(report_decl, arms, swept, known) if report_decl is not None else ([], [])
    if retrain is not None and retrain_decl is not None and not any(report.shape is None for report in reports):
        why = "`retrain` shows the values of `report` for each arm"
        head = _head(retrain_decl.span, "retrain")
        bag.add(name_errors.MissingBlock(head, "report", why, "report { test = error(mlp(x), y) on test }"))
    if not bag.failed:
        _warn_unused(spec, known)
    if (
        bag.failed
        or train is None
        or tune is None
        or train.steps is None
        or train.loss is None
        or train.step is None
        or train.init is None
        or tune.objective is None
        or tune.reverse is None
        or tune.stages is None
    ):
        return None
    origins = (
        *((f"train.{k}", o) for k, o in train.settings.origins()),
        *((f"tune.{k}", o) for k, o in tune.settings.origins()),
    )
    return Program(
        name=name,
        source=spec.span.file.short_name,
        precision=train.precision,
        seed=train.seed,
        data=known.data,
        learned=known.learned,
        models=tuple(known.models.values()),
        parameters=tuple(known.parameters.values()),
        groups=tuple(known.groups.values()),
        hypers=tuple(known.hypers[h.name] for h in hypers),
        init=train.init,
        loss=train.loss,
        batch=train.batch,
        sampling=train.sampling,
        parts=train.parts,
        redraw=train.redraw,
        steps=train.steps,
        step=train.step,
        objective=tune.objective,
        reverse=tune.reverse,
        seeds=tune.seeds,
        stop=tune.stop,
        stages=tune.stages,
        reports=tuple(reports),
        expectations=tuple(expectations),
        retrain=retrain,
        sweep=sweep,
        origins=origins,
    )


def _trains_on(train: ast.TrainDecl | None) -> str | None:
    """The name of the data in `train { data = NAME }`."""
    for setting in train.settings if train is not None else ():
        if setting.name == "data" and isinstance(setting.value, ast.Name):
            return setting.value.text
    return None


def _has_source(decl: ast.DataDecl) -> bool:
    return any(isinstance(item, ast.Setting) and item.name == "source" for item in decl.items)


def _all(spec: ast.Spec, kind: type[D]) -> list[D]:
    return [decl for decl in spec.decls if isinstance(decl, kind)]


def _single(spec: ast.Spec, kind: type[D], bag: Bag) -> D | None:
    found = _all(spec, kind)
    for extra in found[1:]:
        keyword = kind.__name__.removesuffix("Decl").lower()
        bag.add(name_errors.DeclaredTwice(_head(extra.span, keyword), keyword, _head(found[0].span, keyword)))
    return found[0] if found else None


def _head(span: Span, keyword: str) -> Span:
    return Span(span.file, span.start, span.start + len(keyword))


def _check_names(spec: ast.Spec, known: Known) -> None:
    first: dict[str, Span] = {}
    for decl in spec.decls:
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
        elif name in FUNCTIONS:
            known.bag.add(name_errors.ReservedName(decl.name_span, name, "a function of the language"))
    for decl in spec.decls:
        if isinstance(decl, ast.DataDecl):
            for item in decl.items:
                if isinstance(item, ast.Feature) and item.name in first and item.name != decl.name:
                    known.bag.add(name_errors.DeclaredTwice(first[item.name], item.name, item.name_span))


def _check_blocks(spec: ast.Spec, train: ast.TrainDecl | None, tune: ast.TuneDecl | None, bag: Bag) -> None:
    end = Span(spec.span.file, max(0, spec.span.end - 1), spec.span.end)
    if not spec.decls:
        return
    if train is None:
        why = "`train` says what is trained: loss, update rule, steps"
        example = "train { loss = f  update = sgd(rate: 0.1)  steps = 100 }"
        bag.add(name_errors.MissingBlock(end, "train", why, example))
    if tune is None:
        why = "`tune` says what the hyperparameters are for: objective, reverse strategy, outer update"
        example = "tune { minimize = f  reverse = exact(store)  update = adam(rate: 0.04)  steps = 20 }"
        bag.add(name_errors.MissingBlock(end, "tune", why, example))
    if not _all(spec, ast.HyperDecl):
        why = "without hyperparameters there is nothing to tune"
        bag.add(name_errors.MissingBlock(end, "hyper", why, "hyper rate: positive = 0.1"))
    if not _all(spec, ast.ModelDecl) and not _all(spec, ast.ParamsDecl):
        why = "there are no parameters to train"
        bag.add(name_errors.MissingBlock(end, "model", why, "params w: real[2] = [1.4, 3.9]"))


def _check_tasks(spec: ast.Spec, known: Known) -> None:
    """Either all parameters belong to tasks, or none."""
    own = [p for p in known.parameters.values() if p.tasks]
    shared = [p for p in known.parameters.values() if not p.tasks]
    if own and shared:
        name = shared[0].path.partition(".")[0]
        for decl in spec.decls:
            if isinstance(decl, ast.ModelDecl | ast.ParamsDecl) and decl.name == name:
                wanted, found = "of each task, like the others", "without the axis `task`"
                known.bag.add(type_errors.WrongKind(decl.name_span, f"the parameters of `{name}`", wanted, found))


def _warn_unused(spec: ast.Spec, known: Known) -> None:
    kind: Literal["let", "model", "update"]
    for decl in spec.decls:
        match decl:
            case ast.LetDecl(name):
                kind = "let"
            case ast.ModelDecl(name):
                kind = "model"
            case ast.UpdateDecl(name):
                kind = "update"
            case _:
                continue
        if name not in known.used:
            known.bag.add(name_errors.Unused(decl.name_span, kind, name))
