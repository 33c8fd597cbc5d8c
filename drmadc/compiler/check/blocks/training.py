"""The `train` block."""

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.updates import check_update
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.data.block import check_resample
from drmadc.compiler.check.draft import Train
from drmadc.compiler.check.errors import data_errors, name_errors, training_errors, type_errors, value_errors
from drmadc.compiler.check.expr.expressions import infer, report_unknown_path
from drmadc.compiler.check.expr.shapes import as_scalar, broadcast_to_group, is_smooth
from drmadc.compiler.check.settings import Settings
from drmadc.ir.program import ALL, Function, Init, Parameter
from drmadc.ir.types import Array, Tree, is_scalar
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

LARGEST = 2**31 - 1  # of the integers that the device counts with
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
        if train.seed > LARGEST:
            known.bag.add(value_errors.OutOfRange(seed.span, f"`{train.seed}`", "`seed`", 0, LARGEST))
    match settings.optional("precision"):
        case None | ast.Name("float32"):
            pass
        case ast.Name("float64"):
            train.precision = "float64"
        case other:
            found = f"`{format_expr(other)}`"
            known.bag.add(value_errors.NotAnOption(other.span, found, "`precision`", ("float32", "float64")))


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
    known.bag.add(value_errors.NotAnInteger(value.span, found, what))
    return None


def count(value: ast.Expr | None, what: str, known: Known) -> int | None:
    if value is None:
        return None
    number = _whole(value, what, known)
    if number == 0:
        known.bag.add(value_errors.NotAPositiveInteger(value.span, "`0`", what))
        return None
    if number is not None and number > LARGEST:
        known.bag.add(value_errors.OutOfRange(value.span, f"`{number}`", what, 1, LARGEST))
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
        known.bag.add(value_errors.NotAName(value.span, found, "`data`", "a data block"))


def _check_batch(train: Train, known: Known) -> None:
    value = train.settings.optional("batch")
    if known.data is None and known.learned is None:
        if value is not None and not known.data_is_wrong and known.trains_on is None:
            known.bag.add(training_errors.WithoutMinibatches(value.span, "batch", data=False))
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
        known.bag.add(training_errors.BatchOfTasks(value.span, found))
        return
    if batch is not None and known.learned is not None and batch > size:
        known.bag.add(training_errors.BatchOfLearned(value.span, f"`{batch}`", size))
    elif batch is not None and batch > size > 0 and known.data_decl is not None:
        span = next(i.span for i in known.data_decl.items if isinstance(i, ast.Setting) and i.name == "split")
        known.bag.add(data_errors.BatchTooLarge(value.span, batch, size, span))
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
        data = known.data is not None or known.learned is not None
        known.bag.add(training_errors.WithoutMinibatches(value.span, "accumulate", data))
    elif size and size % parts:
        known.bag.add(training_errors.UnevenAccumulation(value.span, f"`{parts}`", size))


def _check_sampling(train: Train, known: Known) -> None:
    value = train.settings.optional("sampling")
    match value:
        case None:
            return
        case ast.Name("with_replacement" | "without_replacement" | "cyclic" as word):
            train.sampling = word
        case _:
            found = f"`{format_expr(value)}`"
            options = ("with_replacement", "without_replacement", "cyclic")
            known.bag.add(value_errors.NotAnOption(value.span, found, "`sampling`", options))
            return
    if train.batch == 0 and not known.bag.failed:
        data = known.data is not None or known.learned is not None
        known.bag.add(training_errors.WithoutMinibatches(value.span, "sampling", data))


def _check_init(settings: Settings, known: Known) -> tuple[Init, ...] | None:
    if not any(p.role != "array" for p in known.parameters.values()):
        value = settings.optional("init")
        if value is not None and not known.broken:
            known.bag.add(training_errors.InitWithoutModel(value.span))
        return _declared_inits(known)
    value = settings.optional("init")
    if value is not None and not isinstance(value, ast.Record):
        found = f"`{format_expr(value)}`"
        example = "init = { weights: normal(0.05), biases: 0 }"
        known.bag.add(value_errors.NotARecord(value.span, found, "`init`", example))
        return None
    covered: dict[str, Span] = {
        p.path: Span(settings.span.file, 0, 0) for p in known.parameters.values() if p.role == "array"
    }
    inits: list[Init] = list(_declared_inits(known) or ())
    failed = False
    draws = 0
    for entry in value.entries if value is not None else ():
        group = _init_group(entry, known)
        if group is None:
            failed = True
            continue
        for path in known.groups[group].members:
            if path in covered:
                known.bag.add(type_errors.InitialisedTwice(entry.path_span, path, covered[path]))
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
    if failed:
        return None
    rest = tuple(p for p in known.parameters.values() if p.path not in covered)
    return (*inits, *_default_inits(rest, draws, settings.span if value is None else value.span, known))


def _default_inits(rest: tuple[Parameter, ...], draws: int, span: Span, known: Known) -> list[Init]:
    """The initial values that layers give to those of their arrays that `init` leaves out."""
    inits: list[Init] = []
    for default in dict.fromkeys(p.default for p in rest):
        members = tuple(p.path for p in rest if p.default == default)
        group = next((g.name for g in known.groups.values() if g.members == members), "")
        if not group:
            group = "weights" if default == "lecun" else "biases"
            while group in known.groups or group in known.parameters:
                group = f"other_{group}"
            known.add_group(group, members)
        ctx = Context(known, "init", locals={"": Tree(group)}, draws=draws)
        x = infer(ast.Name(default, span=span), ctx)
        draws = ctx.draws
        assert x is not None
        inits.append(Init(group, x, f"{group} = {default}", span.origin))
    return inits


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
