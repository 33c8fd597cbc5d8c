"""The order of checking, on one page: spec -> Program."""

from collections.abc import Callable

from drmadc.common.diagnostics.model import Bag
from drmadc.compiler.check.blocks.hypers import (
    check_free_hypers,
    check_group_hypers,
    check_params,
)
from drmadc.compiler.check.blocks.learned import check_learned
from drmadc.compiler.check.blocks.models import check_models, close_groups
from drmadc.compiler.check.blocks.reports import check_report
from drmadc.compiler.check.blocks.retraining import check_retrain
from drmadc.compiler.check.blocks.sweeps import check_sweep
from drmadc.compiler.check.blocks.training import check_train, read_train
from drmadc.compiler.check.blocks.tuning import check_tune
from drmadc.compiler.check.blocks.updates import check_rules
from drmadc.compiler.check.context import Known
from drmadc.compiler.check.data.block import check_data, choose_data
from drmadc.compiler.check.declarations import declare_names, require_blocks, warn_unused
from drmadc.ir.program import Program
from drmadc.syntax import ast

PHASES: tuple[tuple[str, Callable[[Known], None]], ...] = (
    ("names", declare_names),
    ("blocks", require_blocks),
    ("rules", check_rules),
    ("choose data", choose_data),  # which block reads a source, and which is learned
    ("data", check_data),
    ("train settings", read_train),  # steps, seed, precision: axes over `step` need the first
    ("free hypers", check_free_hypers),  # those whose axes name no parameter group
    ("learned data", check_learned),
    ("params", check_params),
    ("models", check_models),  # behind what they call; a hyperparameter over an earlier model's group comes between
    ("groups", close_groups),
    ("group hypers", check_group_hypers),
    ("train", check_train),
    ("sweep", check_sweep),
    ("tune", check_tune),  # behind the sweep, beside which it may move nothing
    ("retrain", check_retrain),
    ("report", check_report),  # behind sweep and retraining, whose records it may name
    ("unused", warn_unused),
)


def check(spec: ast.Spec, prelude: ast.Spec, name: str, bag: Bag) -> Program | None:
    """The program that a spec declares, or None; every mistake is in the bag.

    `bag` may already hold syntax errors; then a missing block is not reported, since it may stand in what could
    not be read.
    """
    rules = {decl.name: decl for decl in prelude.decls if isinstance(decl, ast.UpdateDecl)}
    known = Known(bag, spec, rules, unread=bag.failed)
    for _, phase in PHASES:
        phase(known)
    return None if bag.failed else _program(known, name)


def _program(known: Known, name: str) -> Program | None:
    train, tune = known.train, known.tune
    if (
        train is None
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
        *((f"train.{key}", origin) for key, origin in train.settings.origins()),
        *((f"tune.{key}", origin) for key, origin in tune.settings.origins()),
    )
    return Program(
        name=name,
        source=known.spec.span.file.short_name,
        precision=train.precision,
        seed=train.seed,
        data=known.data,
        learned=known.learned,
        models=tuple(known.models.values()),
        parameters=tuple(known.parameters.values()),
        groups=tuple(known.groups.values()),
        hypers=tuple(known.hypers[decl.name] for decl in known.all(ast.HyperDecl)),
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
        patience=tune.patience,
        confirm=tune.confirm if known.data is not None else 0,
        stages=tune.stages,
        reports=known.reports,
        expectations=known.expectations,
        retrain=known.retrain,
        sweep=known.sweep,
        origins=origins,
    )
