"""The `train` block."""

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.updates import check_update
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.data.block import check_resample
from drmadc.compiler.check.draft import Train
from drmadc.compiler.check.errors import name_errors, program_errors, type_errors
from drmadc.compiler.check.expr.expressions import infer, report_unknown_path
from drmadc.compiler.check.expr.shapes import as_scalar, broadcast_to_group, is_smooth
from drmadc.compiler.check.settings import Settings
from drmadc.ir.program import ALL, Function, Init
from drmadc.ir.types import Array, Tree, is_scalar
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

TRAIN = ("data", "init", "loss", "update", "batch", "accumulate", "sampling", "resample", "steps", "seed", "precision")


def read_train(known: Known) -> None:
    """The settings that other declarations need first: steps, seed, precision."""
    decl = known.single(ast.TrainDecl)
    if decl is None:
        return
    settings = Settings("train", decl.settings, TRAIN, decl.span, known.bag)
    train = known.train = Train(settings, count(settings.required("steps", "steps = 2000"), "`steps`", known))
    seed = settings.optional("seed")
    if seed is not None:
        train.seed = _whole(seed, "`seed`", known) or 0
        if train.seed > 2**31 - 1:
            found = f"{train.seed}"
            known.bag.add(type_errors.WrongKind(seed.span, "`seed`", "below 2147483648", found))
    match settings.optional("precision"):
        case None | ast.Name("float32"):
            pass
        case ast.Name("float64"):
            train.precision = "float64"
        case other:
            found = f"`{format_expr(other)}`"
            known.bag.add(type_errors.WrongKind(other.span, "`precision`", "float32 or float64", found))


def check_train(known: Known) -> None:
    """The rest of the train block, once hyperparameters are known."""
    train = known.train
    if train is None:
        return
    settings = train.settings
    loss = settings.required("loss", "loss = cross_entropy(mlp(x), y)")
    if loss is not None:
        train.loss = function_of(loss, "the loss", Context(known, "minibatch"))
    update = settings.required("update", "update = sgd(rate: 0.1)")
    if update is not None and ALL in known.groups:
        train.step = check_update(update, Tree(ALL), known, inner=True)
    _check_data(settings, known)
    train.init = _check_init(settings, known)
    train.redraw = check_resample(settings, known, default=True)
    _check_batch(train, known)
    _check_sampling(train, known)
    _check_accumulate(train, known)


def function_of(value: ast.Expr, what: str, ctx: Context) -> Function | None:
    x = as_scalar(infer(value, ctx), value.span, what, ctx)
    if x is None:
        return None
    return Function(tuple(ctx.lets.values()), x, format_expr(value), value.span.origin)


def _whole(value: ast.Expr, what: str, known: Known) -> int | None:
    if isinstance(value, ast.Number) and isinstance(value.value, int):
        return value.value
    found = f"`{format_expr(value)}`"
    known.bag.add(type_errors.WrongKind(value.span, what, "a whole number", found))
    return None


def count(value: ast.Expr | None, what: str, known: Known) -> int | None:
    if value is None:
        return None
    number = _whole(value, what, known)
    if number == 0:
        known.bag.add(type_errors.WrongKind(value.span, what, "a whole number above 0", "0"))
        return None
    if number is not None and number > 2**31 - 1:
        known.bag.add(type_errors.WrongKind(value.span, what, "below 2147483648", f"{number}"))
        return None
    return number


def _check_data(settings: Settings, known: Known) -> None:
    """`data = NAME`: the source (the default), or a learned training set."""
    value = settings.optional("data")
    names = tuple(d.name for d in known.spec.decls if isinstance(d, ast.DataDecl))
    if value is None or (isinstance(value, ast.Name) and value.text in names):
        return
    if isinstance(value, ast.Name):
        known.bag.add(name_errors.UnknownName(value.span, value.text, names, "data"))
    else:
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "`data`", "the name of a data block", found))


def _check_batch(train: Train, known: Known) -> None:
    value = train.settings.optional("batch")
    if known.data is None and known.learned is None:
        if value is not None and known.data_decl is None and known.trains_on is None:
            known.bag.add(
                type_errors.WrongKind(value.span, "`batch`", "left out", "a minibatch of no data", "remove it")
            )
        return
    size = known.examples or 0
    value = train.settings.required("batch", "batch = 50")
    if value is None:
        return
    if isinstance(value, ast.Name) and value.text == "all":
        train.batch = 0
        return
    batch = count(value, "`batch`", known)
    if known.data is not None and known.data.tasks and known.learned is None:
        found = f"`{format_expr(value)}`"
        known.bag.add(type_errors.WrongKind(value.span, "`batch`", "`all` where all tasks are trained together", found))
        return
    if batch is not None and known.learned is not None and batch > size:
        found = f"{batch}"
        known.bag.add(type_errors.WrongKind(value.span, "`batch`", f"at most {size}, all learned examples", found))
    elif batch is not None and batch > size > 0 and known.data_decl is not None:
        span = next(i.span for i in known.data_decl.items if isinstance(i, ast.Setting) and i.name == "split")
        known.bag.add(program_errors.BatchTooLarge(value.span, batch, size, span))
    train.batch = batch or 0


def _check_accumulate(train: Train, known: Known) -> None:
    """`accumulate = n`: the minibatch in n parts of one size."""
    value = train.settings.optional("accumulate")
    parts = count(value, "`accumulate`", known)
    if value is None or parts is None:
        return
    train.parts = parts
    size = train.batch or (known.examples or 0)
    if known.data is None or known.data.tasks or (known.learned is not None and not train.batch):
        wanted, found = "left out without minibatches of examples", "given"
        known.bag.add(type_errors.WrongKind(value.span, "`accumulate`", wanted, found))
    elif size and size % parts:
        wanted, found = f"a divisor of the {size} examples of a batch", f"{parts}"
        known.bag.add(type_errors.WrongKind(value.span, "`accumulate`", wanted, found))


def _check_sampling(train: Train, known: Known) -> None:
    value = train.settings.optional("sampling")
    match value:
        case None:
            return
        case ast.Name("with_replacement" | "without_replacement" | "cyclic" as word):
            train.sampling = word
        case _:
            found = f"`{format_expr(value)}`"
            wanted = "with_replacement, without_replacement or cyclic"
            known.bag.add(type_errors.WrongKind(value.span, "`sampling`", wanted, found))
            return
    if train.batch == 0 and not known.bag.failed:
        why = "remove it" if known.data is None and known.learned is None else "give `batch` a number, or remove it"
        found = "no minibatches" if known.data is None and known.learned is None else "`batch = all`"
        known.bag.add(type_errors.WrongKind(value.span, "`sampling`", "for minibatches", found, why))


def _check_init(settings: Settings, known: Known) -> tuple[Init, ...] | None:
    if not any(p.role != "array" for p in known.parameters.values()):
        value = settings.optional("init")
        if value is not None and not known.broken:
            known.bag.add(
                type_errors.WrongKind(
                    value.span,
                    "`init`",
                    "left out without a model",
                    "given",
                    "`params` declarations carry their own initial values",
                )
            )
        return _declared_inits(known)
    value = settings.required("init", "init = { weights: normal(0.05), biases: 0 }")
    if value is None:
        return None
    if not isinstance(value, ast.Record):
        found = f"`{format_expr(value)}`"
        known.bag.add(
            type_errors.WrongKind(
                value.span,
                "`init`",
                "a record of groups",
                found,
                "for example { weights: normal(0.05), biases: 0 }",
            )
        )
        return None
    covered: dict[str, Span] = {
        p.path: Span(value.span.file, 0, 0) for p in known.parameters.values() if p.role == "array"
    }
    inits: list[Init] = list(_declared_inits(known) or ())
    failed = False
    draws = 0
    for entry in value.entries:
        group = _init_group(entry, known)
        if group is None:
            failed = True
            continue
        for path in known.groups[group].members:
            if path in covered:
                known.bag.add(type_errors.InitCoverage(entry.path_span, path, covered[path]))
                failed = True
                break
            covered[path] = entry.path_span
        ctx = Context(known, "init", locals={"": Tree(group)}, draws=draws)
        x = infer(entry.value, ctx)
        draws = ctx.draws
        if x is None or not is_smooth(x, entry.value.span, ctx):
            failed = True
            continue
        laid = (
            x if is_scalar(x.type) or isinstance(x.type, Tree) else broadcast_to_group(x, group, entry.value.span, ctx)
        )
        if laid is None:
            failed = True
            continue
        x = laid
        text = f"{entry.path} = {format_expr(entry.value)}"
        inits.append(Init(group, x, text, entry.span.origin))
    missing = [path for path in known.parameters if path not in covered]
    if missing and not failed:
        known.bag.add(type_errors.InitCoverage(value.span, missing[0], None))
        failed = True
    return None if failed else tuple(inits)


def _declared_inits(known: Known) -> tuple[Init, ...] | None:
    inits: list[Init] = []
    failed = False
    for decl in known.spec.decls:
        if isinstance(decl, ast.ParamsDecl) and decl.name in known.parameters:
            shape = known.parameters[decl.name].shape
            ctx = Context(known, "init")
            x = infer(decl.value, ctx)
            if x is None or not is_smooth(x, decl.value.span, ctx):
                failed = True
                continue
            axes = x.type.axes if isinstance(x.type, Array) else ()
            if axes and tuple(axis.length for axis in axes) != shape:
                known.bag.add(
                    type_errors.WrongResult(
                        decl.value.span, decl.name, f"real{list(shape)}", describe(x.type), decl.type.span
                    )
                )
                failed = True
                continue
            text = f"{decl.name} = {format_expr(decl.value)}"
            inits.append(Init(decl.name, x, text, decl.span.origin))
    return None if failed else tuple(inits)


def _init_group(entry: ast.Entry, known: Known) -> str | None:
    path = entry.path
    if path in ("weights", "biases", "params") and path not in known.parameters:
        names = [f"{model}.{path}" for model in _model_names(known)]
        there = [name for name in names if name in known.groups]
        if len(there) == 1:
            return there[0]
        if there:
            members = tuple(m for name in there for m in known.groups[name].members)
            known.add_group(path, members)
            return path
    if path in known.groups:
        return path
    if path in known.parameters:
        known.add_group(path, (path,))
        return path
    if "." in path:
        report_unknown_path(path, entry.path_span, Context(known, "init"))
    elif _model_names(known):
        names = ["weights", "biases", "params"]
        known.bag.add(name_errors.UnknownName(entry.path_span, path, tuple(names), "parameter group"))
    return None


def _model_names(known: Known) -> list[str]:
    layers = (p.layer for p in known.parameters.values() if p.role != "array")
    return list(dict.fromkeys(layer.partition(".")[0] for layer in layers))
