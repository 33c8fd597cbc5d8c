"""The data of an emitted module: its declaration, statistics, features, and the minibatch of a step."""

from drmadc.compiler.lower.expressions import Scope, draw_number, lower
from drmadc.compiler.lower.names import batch_key, local
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Alphabets, Data, Let, Program
from drmadc.ir.types import Array
from drmadc.language.functions.missing import TOLERANT
from drmadc.target import tree as py
from drmadc.target.build import call, item, number
from drmadc_common.parts import PARTS

FIT = "fit"


def data_constant(program: Program, data: Data) -> py.Statement:
    """DATA = rt.Data(...)"""
    if data.alphabets is not None:
        return py.Assign((py.Id("DATA"),), _tasks(data, data.alphabets), data.origin)
    named: dict[str, py.Expr] = {"source": py.Literal(data.source), "seed": py.Id("SEED")}
    if data.files:
        named["files"] = _files(data)
    if data.columns:
        named["columns"] = _dict({name: _columns(value) for name, value in data.columns})
    if data.options:
        named["options"] = _dict({name: py.Literal(value) for name, value in data.options})
    if data.words:
        named["words"] = _dict({name: py.Tuple(tuple(map(py.Literal, words))) for name, words in data.words})
    if data.files or data.options:
        named["fields"] = _dict({name: py.Literal(text) for name, text in field_types(data).items()})
    for part in PARTS:
        sizes = tuple((py.Literal(s.name), py.Literal(s.size)) for s in data.splits if s.part == part)
        if sizes:
            named[f"from_{part}"] = py.Dict(sizes)
    named["resample"] = py.Literal(data.resample)
    if data.stratify:
        named["stratify"] = py.Literal(data.stratify)
    if data.balance:
        named["balance"] = py.Tuple((py.Literal(data.balance), py.Literal(_classes(data)[data.balance])))
    if data.folds:
        named["folds"] = py.Literal(data.folds)
    if data.guard_from:
        named["guard_from"] = py.Literal(data.guard_from)
    return py.Assign((py.Id("DATA"),), call("rt.Data", **named), data.origin)


def _tasks(data: Data, alphabets: Alphabets) -> py.Expr:
    """rt.Tasks("small1", seed=SEED, drawers={...})"""
    drawers = py.Dict(tuple((py.Literal(s.name), py.Literal(s.size)) for s in data.splits))
    named: dict[str, py.Expr] = {"seed": py.Id("SEED"), "drawers": drawers}
    if alphabets.copies != "none":
        named["copies"] = py.Literal(alphabets.copies)
    if data.resample:
        named["redraw"] = py.Literal(True)
    if alphabets.sampled:
        named["sampled"] = py.Literal(True)
    return call("rt.Tasks", py.Literal(alphabets.name), **named)


def _dict(entries: dict[str, py.Expr]) -> py.Dict:
    return py.Dict(tuple((py.Literal(name), value) for name, value in entries.items()))


def _columns(value: str | tuple[str, ...]) -> py.Expr:
    return py.Literal(value) if isinstance(value, str) else py.Tuple(tuple(py.Literal(name) for name in value))


def _files(data: Data) -> py.Dict:
    """{"train": "data.npz"}, or where each field has a file {"train": {"x": "x.npy"}}"""
    out: dict[str, py.Expr] = {}
    for part in dict.fromkeys(file.part for file in data.files):
        mine = {file.field: py.Literal(file.path) for file in data.files if file.part == part}
        out[part] = mine[""] if "" in mine else _dict(dict(mine))
    return _dict(out)


def field_types(data: Data) -> dict[str, str]:
    """The fields that features and statistics read, as types: `real[4]`, `byte[28, 28]`, `class[3]`.

    Token ids, several to an example, are `class[1000, 8]`: classes first. `or missing` where what reads it can tell.
    """
    read = {name for value in _values(data) for name in ir.names_in(value)} | {data.stratify, data.balance}
    classes = _classes(data)
    out: dict[str, str] = {}
    for field in data.fields:
        if field.name in read:
            labels = field.name in classes
            sizes = [str(classes[field.name])] if labels else []
            sizes += [str(axis) for axis in field.type.axes[1:]]
            out[field.name] = f"{'class' if labels else field.type.element}[{', '.join(sizes)}]"
    return {name: f"{text} or missing" if name in may_be_missing(data) else text for name, text in out.items()}


def may_be_missing(data: Data) -> frozenset[str]:
    """The fields that are read by what fills or finds missing values only."""
    return _read_only_by(data, TOLERANT) - {data.stratify, data.balance}


def may_be_unseen(data: Data) -> frozenset[str]:
    """The fields of words where a word that training did not have is none of its words: one_hot gives zeros."""
    return _read_only_by(data, TOLERANT | {"one_hot"}) & {name for name, _ in data.words}


def _read_only_by(data: Data, functions: frozenset[str]) -> frozenset[str]:
    """The fields that features and statistics read as arguments of these functions, and nowhere else."""
    inside: set[str] = set()
    bare: set[str] = set()

    def read(expr: ir.Expr, tolerant: bool) -> None:
        if isinstance(expr, ir.Name):
            (inside if tolerant else bare).add(expr.id)
        for child in ir.children(expr):
            read(child, isinstance(expr, ir.Call) and expr.function in functions)

    for value in _values(data):
        read(value, False)
    return frozenset(inside - bare)


def _values(data: Data) -> tuple[ir.Expr, ...]:
    return (*(let.value for let in data.features), *(let.value for let in data.statistics))


def _classes(data: Data) -> dict[str, int]:
    """The number of classes of each label and token: the source's, or for a file what a feature says."""
    divides = (data.stratify, data.balance)
    classes = {f.name: f.type.classes for f in data.fields if f.type.element == "class" or f.name in divides}
    whole = {field.name for field in data.fields if field.whole}
    for value in _values(data):
        for node in ir.walk(value):
            if isinstance(node, ir.Name) and (node.id in classes or node.id in whole):
                assert isinstance(node.type, Array)
                if node.type.element == "class":
                    classes[node.id] = max(node.type.classes, classes.get(node.id, 0))
    return classes


def data_functions(program: Program, data: Data) -> list[py.Statement]:
    """statistics(raw), features(raw, statistics)"""
    double = py.Literal("float64")
    scope = _scope(program, data, double)
    out: list[py.Statement] = []
    for name, lets in fits(data):
        values = tuple(_measured(let) for let in lets)
        entries = tuple((py.Literal(let.name), lower(value, scope)) for let, value in zip(lets, values, strict=True))
        what = ", ".join(let.name for let in lets)
        out.append(
            py.Function(
                name,
                (("raw", None),) if name == FIT else (("raw", None), ("statistics", None)),
                f"What statistics of the train split are taken of, in float64: {what}.",
                (
                    *_merged(data),
                    *_fields(data, values, double),
                    py.Return(py.Dict(entries), lets[0].origin),
                ),
            )
        )
    out.append(_features(data, _scope(program, data, py.Id("DTYPE"))))
    return out


def fits(data: Data) -> list[tuple[str, tuple[Let, ...]]]:
    """The functions that say what statistics are taken of: `fit`, and `fit_2` of those that need the ones before."""
    levels: dict[str, int] = {}
    for let in data.statistics:
        needs = [name.partition(".")[2] for name in ir.names_in(_measured(let)) if name.startswith("statistics.")]
        levels[let.name] = max((levels[name] + 1 for name in needs), default=0)
    return [
        (f"{FIT}_{level + 1}" if level else FIT, tuple(let for let in data.statistics if levels[let.name] == level))
        for level in sorted(set(levels.values()))
    ]


def _measured(let: Let) -> ir.Expr:
    """What a statistic is taken of: examples before augmentation."""
    assert isinstance(let.value, ir.Call)

    return _unaugmented(let.value.args[0])


def _unaugmented(value: ir.Expr) -> ir.Expr:
    """An expression of examples as they are."""

    def still(node: ir.Expr) -> ir.Expr:
        return node.args[0] if isinstance(node, ir.Call) and node.random == "augmentation" else node

    return rewrite(value, still)


def statistics_table(data: Data) -> list[py.Statement]:
    """STATISTICS = {"mean": ("mean",), "zca": ("zca", 0.1)}"""
    if not data.statistics:
        return []
    entries: list[tuple[py.Expr, py.Expr]] = []
    for let in data.statistics:
        assert isinstance(let.value, ir.Call)
        more = tuple(number(arg.value) for arg in let.value.args[1:] if isinstance(arg, ir.Const))
        entries.append((py.Literal(let.name), py.Tuple((py.Literal(let.value.function), *more))))
    return [py.Assign((py.Id("STATISTICS"),), py.Dict(tuple(entries)))]


def feed_constant(program: Program) -> list[py.Statement]:
    """FEED = rt.Feed(DATA, ...), where minibatches are streamed"""
    if not program.streamed or program.data is None:
        return []
    named: dict[str, py.Expr] = {name: py.Id(name.upper()) for name in ("seed", "batch", "steps")}
    named["sampling"] = py.Literal(program.sampling)
    if not program.redraw:
        named["redraw"] = py.Literal(False)
    if program.data.geometric:
        named["geometric"] = py.Id("GEOMETRIC")
    origin = program.data.origin
    return [py.Assign((py.Id("FEED"),), call("rt.Feed", py.Id("DATA"), **named), origin)]


def geometric_table(program: Program) -> list[py.Statement]:
    """GEOMETRIC = {"image": (("flip", 0), ("crop", 4))}"""
    if program.data is None or not program.augmented or not program.data.geometric:
        return []
    entries: list[tuple[py.Expr, py.Expr]] = []
    for name, chain in program.data.geometric:
        geometric = tuple(py.Tuple((py.Literal(kind), py.Literal(amount))) for kind, amount in chain)
        entries.append((py.Literal(name), py.Tuple(geometric)))
    return [py.Assign((py.Id("GEOMETRIC"),), py.Dict(tuple(entries)))]


def _scope(program: Program, data: Data, dtype: py.Expr) -> Scope:
    fields = {field.name for field in data.fields}
    labels = _classes(data)

    def name(node: ir.Name) -> py.Expr:
        head, _, rest = node.id.partition(".")
        if head in fields:
            number = isinstance(node.type, Array) and node.type.element != "class" and head in labels
            value: py.Expr = py.Id(local(head))
            return py.Call(py.Attribute(value, "astype"), (dtype,)) if number else value
        return item("statistics", rest)

    return Scope(program, name, draw=py.Id("key") if data.drawn else None)


def _fields(data: Data, values: tuple[ir.Expr, ...], dtype: py.Expr) -> tuple[py.Statement, ...]:
    """The fields that values read, as numbers of a type."""
    used = {name for value in values for name in ir.names_in(value)}
    labels = _classes(data)
    out: list[py.Statement] = []
    for field in data.fields:
        if field.name in used:
            value: py.Expr = item("raw", field.name)
            if field.name not in labels:
                value = py.Call(py.Attribute(value, "astype"), (dtype,))
            out.append(py.Assign((py.Id(local(field.name)),), value))
    return tuple(out)


def _merged(data: Data) -> tuple[py.Statement, ...]:
    """raw = rt.all_tasks(raw), where there are tasks"""
    return (py.Assign((py.Id("raw"),), call("rt.all_tasks", py.Id("raw"))),) if data.tasks else ()


def _features(data: Data, scope: Scope) -> py.Function:
    """features(raw, statistics, key)"""
    body: list[py.Statement] = list(_fields(data, tuple(let.value for let in data.features), py.Id("DTYPE")))
    entries: list[tuple[py.Expr, py.Expr]] = []
    for let in data.features:
        value = lower(let.value, scope)
        if not isinstance(value, py.Id):  # a field as it is needs no second name
            name = py.Id(_free(let, data))
            body.append(py.Assign((name,), value, let.origin))
            value = name
        entries.append((py.Literal(let.name), value))
    params: list[tuple[str, py.Expr | None]] = [("raw", None)]
    if data.statistics:
        params.append(("statistics", None))
    if data.drawn:
        params.append(("key", py.Literal(None)))
    doc = "; ".join(f"{let.name}: {let.value.type}" for let in data.features) + "."
    return py.Function("features", tuple(params), doc, (*body, py.Return(py.Dict(tuple(entries)))))


def inputs_function(program: Program, data: Data, names: tuple[str, ...], function: str) -> py.Function:
    """predict_inputs(raw, statistics): these features of new examples, of the fields that they need"""
    scope = _scope(program, data, py.Id("DTYPE"))
    lets = {let.name: _unaugmented(let.value) for let in data.features if let.name in names}
    entries = tuple((py.Literal(name), lower(value, scope)) for name, value in lets.items())
    types = "; ".join(f"{let.name}: {let.value.type}" for let in data.features if let.name in names)
    user = "the prediction reads" if function == "predict_inputs" else "the metrics read"
    return py.Function(
        function,
        (("raw", None), ("statistics", None)),
        f"What {user} of new examples: {types}.",
        (*_fields(data, tuple(lets.values()), py.Id("DTYPE")), py.Return(py.Dict(entries))),
    )


def _free(let: Let, data: Data) -> str:
    name = local(let.name.replace(" ", "_"))
    taken = {f.name for f in data.fields} | {local(other.name) for other in data.features if other is not let}
    while name in taken:
        name = f"{name}_"
    return name


def features_of(data: Data, raw: py.Expr, draw: py.Expr | None = None, *, moved: bool = False) -> py.Expr:
    """features(raw, data["statistics"]); with a key those of a training minibatch, `moved` on the host or here."""
    more = (item("data", "statistics"),) if data.statistics else ()
    if draw is not None:
        if data.geometric and not moved:
            raw = call("rt.geometric", raw, py.Id("GEOMETRIC"), draw)
        if data.drawn:
            more = (*more, draw)
    if data.tasks:
        axes = (("in_axes", py.Tuple((py.Literal(0), py.Literal(None)))),) if more else ()
        return py.Call(py.Call(py.Id("jax.vmap"), (py.Id("features"),), axes), (raw, *more))
    return call("features", raw, *more)


def over_examples(program: Program) -> bool:
    """Whether the loss must know which examples a minibatch holds."""
    return program.learned is not None or any(h.type.axes and h.type.axes[0].kind == "example" for h in program.hypers)


def gathered(program: Program) -> py.Expr:
    """rt.take(data["train"], rows)"""
    if program.streamed:
        return call("FEED.take", py.Id("outer"), py.Id("rows"))
    return call("rt.take", item("data", "train"), py.Id("rows"))


def rows_batch(program: Program, raw: py.Expr, step: py.Expr, *, moved: bool = False) -> py.Expr:
    """What the loss reads of the examples `rows`, whose fields are `raw`: features; rows and noise where asked for."""
    more: list[tuple[str, py.Expr]] = []
    if over_examples(program):
        more.append((batch_key(program, "rows"), py.Id("rows")))
    features: py.Expr | None = None
    if program.data is not None and program.learned is None:
        features = features_of(program.data, raw, _draw(program), moved=moved)
    return _batch(program, features, more, step)


def _draw(program: Program) -> py.Expr | None:
    return py.Id("key") if program.augmented else None


def augmentation(program: Program, step: py.Expr, *, moved: bool = False) -> tuple[py.Statement, ...]:
    """key = rt.augmentation_key(SEED, outer, t), where minibatches are augmented; `moved`: the host has moved them."""
    if not program.augmented or (moved and program.data is not None and not program.data.drawn):
        return ()
    key = call("rt.augmentation_key", py.Id("SEED"), draw_number(program), step)
    return (py.Assign((py.Id("key"),), key),)


def whole_batch(program: Program, rows: py.Expr | None, step: py.Expr) -> py.Expr:
    """The same for all training examples, whose numbers are `rows` where the loss reads them."""
    more: list[tuple[str, py.Expr]] = []
    if over_examples(program) and rows is not None:
        more.append((batch_key(program, "rows"), rows))
    features: py.Expr | None = None
    if program.data is not None and program.learned is None:
        features = features_of(program.data, item("data", "train"), _draw(program))
    return _batch(program, features, more, step)


def _batch(program: Program, features: py.Expr | None, more: list[tuple[str, py.Expr]], step: py.Expr) -> py.Expr:
    if program.noisy:
        noise = call("rt.noise_key", py.Id("SEED"), draw_number(program), step)
        more = [*more, (batch_key(program, "noise"), noise)]
    if features is None:
        return py.Dict(tuple((py.Literal(name), value) for name, value in more))
    return py.Call(py.Id("dict"), (features,), tuple(more)) if more else features


def minibatch_function(program: Program) -> py.Function:
    """minibatch(data, outer, t)"""
    if program.batch == 0:
        split = "train split" if program.learned is None else "learned training set"
        doc = f"The whole {split}, at every step."
        body: tuple[py.Statement, ...] = (py.Return(whole_batch(program, None, py.Id("t"))),)
        body = (*augmentation(program, py.Id("t")), *body)
    else:
        key = (py.Id("SEED"), draw_number(program))
        size: py.Expr = py.Literal(program.examples)
        if program.retrain is not None:  # the final training has more examples
            size = call("rt.count", item("data", "train"))
        sizes = (py.Id("t"), py.Id("BATCH"), size)
        source = "(seed, outer, t)" if program.redraw else "(seed, t)"
        match program.sampling:
            case "with_replacement":
                doc = f"{program.batch} examples drawn with replacement: a function of {source}."
                rows = call("rt.draw_rows", *key, *sizes)
            case "without_replacement":
                doc = f"{program.batch} examples without replacement, in shuffled epochs: of {source}."
                rows = call("rt.shuffled_rows", *key, *sizes)
            case "cyclic":
                doc = f"{program.batch} examples in the split's own order, around again: a function of t."
                rows = call("rt.cyclic_rows", *sizes)
        draw = augmentation(program, py.Id("t"), moved=program.streamed)
        assign: tuple[py.Statement, ...] = (py.Assign((py.Id("rows"),), rows),)
        if program.streamed:
            doc = doc.replace(f"{program.batch} examples", f"{program.batch} examples, streamed,", 1)
            assign = assign if over_examples(program) else ()
            batch = rows_batch(program, py.Id("raw"), py.Id("t"), moved=True)
        else:
            batch = rows_batch(program, gathered(program), py.Id("t"))
        body = (*assign, *draw, py.Return(batch))
    data_names = () if program.data is None else ("data", "raw") if program.streamed else ("data",)
    names = (*data_names, "outer", "t")
    return py.Function("minibatch", tuple((n, None) for n in names), doc, body, program.origin("train.batch"))
