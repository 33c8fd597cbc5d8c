"""Update rules: an application such as `adam(rate: 0.1)` becomes typed equations."""

from drmadc.compiler.check.blocks import clipping
from drmadc.compiler.check.blocks.hypers import entries_by_hyper, in_domain
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.errors import (
    argument_errors,
    name_errors,
    program_errors,
    training_errors,
    type_errors,
    value_errors,
)
from drmadc.compiler.check.expr.constants import constant_value
from drmadc.compiler.check.expr.expressions import infer
from drmadc.compiler.check.expr.shapes import as_scalar, broadcast_to_group, is_smooth
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import ALL, HYPERS, Let, State, Step
from drmadc.ir.types import DOMAINS, SCALAR, Tree, Type, is_scalar
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

RESERVED = ("w", "grad", "t")
CLIP = "clip"


def check_rules(known: Known) -> None:
    """Check each update rule of the spec by itself; uses of a wrong one are not reported again."""
    for decl in known.all(ast.UpdateDecl):
        if not _check_rule(decl, known):
            known.broken.add(decl.name)


def _check_rule(decl: ast.UpdateDecl, known: Known) -> bool:
    """Check a rule by itself: its names are distinct and it updates `w`."""
    seen: dict[str, ast.RuleParam] = {}
    for param in decl.params:
        if param.name in seen or param.name in RESERVED:
            first = seen[param.name].span if param.name in seen else decl.name_span
            known.bag.add(name_errors.DeclaredTwice(param.span, param.name, first))
            return False
        seen[param.name] = param
    targets: dict[tuple[str, bool], ast.Binding] = {}
    for equation in decl.equations:
        key = (equation.name, equation.primed)
        if (
            key in targets
            or (equation.name in seen and not equation.primed)
            or equation.name in ("grad", "t")
            or key == ("w", False)
        ):
            first_span = targets[key].name_span if key in targets else decl.name_span
            known.bag.add(name_errors.DeclaredTwice(equation.name_span, equation.name, first_span))
            return False
        targets[key] = equation
    if ("w", True) not in targets:
        known.bag.add(program_errors.IncompleteRule(decl.name_span, decl.name))
        return False
    return True


def check_update(
    value: ast.Expr, tree: Tree, known: Known, *, inner: bool, frozen: tuple[str, ...] = ()
) -> Step | None:
    """A rule applied to the parameters (`inner`) or to the hyperparameters, of which some may be frozen."""
    if not (isinstance(value, ast.Call) and isinstance(value.function, ast.Name)):
        found = f"`{format_expr(value)}`"
        known.bag.add(value_errors.NotARule(value.span, found))
        return None
    name = value.function.text
    if name == CLIP and name not in known.rules:
        return _check_clip(value, tree, known, inner=inner, frozen=frozen)
    if name == "bfgs" and not inner and name not in known.rules:
        if value.args:
            known.bag.add(argument_errors.TakesNoArguments(value.args[0].span, name, "bfgs()"))
        return Step("bfgs", (), (), "BFGS of SciPy", value.span.origin)
    if name not in known.rules:
        if name not in known.broken:
            names = (*known.rules, CLIP, *(() if inner else ("bfgs",)))
            known.bag.add(name_errors.UnknownFunction(value.function.span, name, names, "update rule"))
        return None
    rule = known.rules[name]
    known.used.add(name)
    if name in known.broken:
        return None
    ctx = Context(known, "update" if inner else "constant", locals={"t": SCALAR})
    bound = _arguments(rule, value, ctx, known, inner=inner, frozen=frozen)
    return None if bound is None else _equations(rule, value, bound, tree, known)


def _check_clip(call: ast.Call, tree: Tree, known: Known, *, inner: bool, frozen: tuple[str, ...]) -> Step | None:
    """`clip(norm: 1, RULE)`: the gradient's norm over all parameters is cut before the rule reads it."""
    rules = tuple(arg.value for arg in call.args if arg.name is None)
    norms = tuple(arg.value for arg in call.args if arg.name == "norm")
    if len(rules) != 1 or len(norms) != 1 or len(call.args) != 2:
        known.bag.add(argument_errors.ClipArguments(call.span, CLIP, clipping.USAGE))
        return None
    step = check_update(rules[0], tree, known, inner=inner, frozen=frozen)
    if step is not None and not step.equations:
        known.bag.add(training_errors.NotClippable(rules[0].span, f"`{format_expr(rules[0])}`"))
        step = None
    (written,) = norms
    ctx = Context(known, "update" if inner else "constant", locals={"t": SCALAR})
    if not inner and isinstance(written, ast.Name) and written.text in known.hypers:
        known.bag.add(training_errors.OuterArgument(written.span, "norm", written.text))
        return None
    norm = as_scalar(infer(written, ctx), written.span, "the norm of `clip`", ctx)
    if norm is None or not is_smooth(norm, written.span, ctx):
        return None
    if not _fits(norm, written, CLIP, "norm", "positive", known, closed=False) or step is None:
        return None
    return clipping.clipped(step, norm, format_expr(written), tree, call.span.origin)


def _signature(rule: ast.UpdateDecl) -> str:
    parts = []
    for param in rule.params:
        default = _default(param)
        parts.append(f"{param.name}: {'...' if default is None else format_expr(default)}")
    return f"{rule.name}({', '.join(parts)})"


def _domain(param: ast.RuleParam) -> str:
    if isinstance(param.annotation, ast.Name) and param.annotation.text in DOMAINS:
        return param.annotation.text
    return "real"


def _default(param: ast.RuleParam) -> ast.Expr | None:
    if param.default is not None:
        return param.default
    if isinstance(param.annotation, ast.Name) and param.annotation.text in DOMAINS:
        return None
    return param.annotation


def _arguments(
    rule: ast.UpdateDecl, call: ast.Call, ctx: Context, known: Known, *, inner: bool, frozen: tuple[str, ...]
) -> dict[str, tuple[ir.Expr, str]] | None:
    names = [param.name for param in rule.params]
    given: dict[str, ast.Arg] = {}
    failed = False
    signature = (rule.name, _signature(rule), rule.name_span)
    for place, arg in enumerate(call.args):
        name = arg.name if arg.name is not None else (names[place] if place < len(names) else None)
        if name is None:
            known.bag.add(argument_errors.TooManyArguments(arg.span, *signature, len(names)))
            failed = True
        elif name not in names:
            known.bag.add(argument_errors.NoParameter(arg.span, *signature, name, tuple(names)))
            failed = True
        elif name in given:
            known.bag.add(argument_errors.ArgumentTwice(arg.span, *signature, name))
            failed = True
        else:
            given[name] = arg
    bound: dict[str, tuple[ir.Expr, str]] = {}
    for param in rule.params:
        source = given[param.name].value if param.name in given else _default(param)
        if source is None and failed:
            continue
        if source is None:
            known.bag.add(argument_errors.MissingArgument(call.span, *signature, param.name))
            failed = True
            continue
        if not inner and isinstance(source, ast.Name) and source.text in known.hypers:
            known.bag.add(training_errors.OuterArgument(source.span, param.name, source.text))
            failed = True
            continue
        if not inner and isinstance(source, ast.Record):
            by_hyper = _by_hyper(source, param, rule, ctx, frozen)
            failed = failed or by_hyper is None
            if by_hyper is not None:
                bound[param.name] = (by_hyper, source.span.origin)
            continue
        x = infer(source, ctx)
        if x is None or not is_smooth(x, source.span, ctx):
            failed = True
            continue
        if not _in_domain(x, source, param, rule, known) or not _covers(x, source, ctx, inner):
            failed = True
            continue
        bound[param.name] = (x, source.span.origin)
    return None if failed else bound


def _by_hyper(
    record: ast.Record, param: ast.RuleParam, rule: ast.UpdateDecl, ctx: Context, frozen: tuple[str, ...]
) -> ir.Expr | None:
    """`rate: { a: 0.1, b: 1 }`: a constant for each hyperparameter; the frozen ones may be left out."""
    known = ctx.known
    before = known.bag.errors
    values = dict.fromkeys(frozen, 0.0)
    for hyper, entry in entries_by_hyper(record, known):
        x = infer(entry.value, Context(known, "constant"))
        number = None if x is None else constant_value(x)
        if x is not None and number is None:
            found = f"`{format_expr(entry.value)}`"
            known.bag.add(
                value_errors.NotNumbers(entry.value.span, found, f"`{param.name}` of `{hyper.name}`", "a number")
            )
        if x is not None and number is not None and _in_domain(x, entry.value, param, rule, known):
            values[hyper.name] = number
    failed = known.bag.errors > before
    missing = [name for name in known.hypers if name not in values]
    if missing and not failed:
        known.bag.add(training_errors.MissesHyper(record.span, rule.name, param.name, missing[0]))
        failed = True
    return None if failed else ir.ByHyper(tuple((h, values[h]) for h in known.hypers), Tree(HYPERS))


def _covers(x: ir.Expr, source: ast.Expr, ctx: Context, inner: bool) -> bool:
    """Whether an argument is a number or lies along all parameters; the mistake is reported at the call."""
    if is_scalar(x.type):
        return True
    return inner and broadcast_to_group(x, ALL, source.span, ctx) is not None


def _in_domain(x: ir.Expr, source: ast.Expr, param: ast.RuleParam, rule: ast.UpdateDecl, known: Known) -> bool:
    return _fits(x, source, rule.name, param.name, _domain(param), known, closed=True)


def _fits(x: ir.Expr, source: ast.Expr, rule: str, param: str, domain: str, known: Known, *, closed: bool) -> bool:
    """Whether the argument of a rule's parameter lies in its domain; `closed`: a constant may be 0."""
    value = constant_value(x)
    if value is not None and not in_domain(value, domain, closed=closed):
        known.bag.add(type_errors.OutOfDomain(source.span, f"{rule}.{param}", f"{value:g}", domain, or_zero=closed))
        return False
    if isinstance(x, ir.Hyper):
        hyper = known.hypers[x.id]
        fits = {"real": ("real", "positive", "unit"), "positive": ("positive", "unit"), "unit": ("unit",)}[domain]
        if hyper.domain not in fits:
            known.bag.add(
                type_errors.DomainMismatch(
                    source.span, rule, param, domain, x.id, hyper.domain, known.hyper_spans[x.id]
                )
            )
            return False
    return True


def _equations(
    rule: ast.UpdateDecl, call: ast.Call, bound: dict[str, tuple[ir.Expr, str]], tree: Tree, known: Known
) -> Step | None:
    primed = [e.name for e in rule.equations if e.primed]
    starts = {e.name: e for e in rule.equations if not e.primed and e.name in primed}
    local: dict[str, Type] = {"w": tree, "grad": tree, "t": SCALAR}
    lets: list[Let] = []
    inline: dict[str, ir.Expr] = {}
    for name, (x, origin) in bound.items():
        if constant_value(x) is not None or isinstance(x, ir.Hyper | ir.ByHyper):
            inline[name] = x
        else:
            lets.append(Let(name, x, origin))
        local[name] = x.type
    for name in primed:
        local.setdefault(name, tree)
    ctx = Context(known, "update", locals=local)
    failed = False
    for equation in rule.equations:
        if equation.name in starts and not equation.primed:
            continue
        value = infer(equation.value, ctx)
        target = f"{equation.name}'" if equation.primed else equation.name
        if value is None or not is_smooth(value, equation.value.span, ctx):
            failed = True
            if equation.primed:
                ctx.locals[target] = tree
            else:
                known.broken.add(target)
            continue
        if equation.primed and value.type != tree:
            known.bag.add(training_errors.EquationShape(equation.value.span, describe(value.type), target))
            failed = True
            continue
        ctx.locals[target] = value.type
        lets.append(Let(target, _substitute(value, inline), equation.span.origin))
    states: list[State] = []
    for name in dict.fromkeys(primed):
        if name == "w":
            continue
        initial = None
        if name in starts:
            start_ctx = Context(known, "init", locals={n: b[0].type for n, b in bound.items()})
            initial = infer(starts[name].value, start_ctx)
            if initial is None or not is_smooth(initial, starts[name].value.span, start_ctx):
                failed = True
                continue
            initial = _substitute(initial, inline)
        states.append(State(name, initial))
    if failed:
        return None
    text = "; ".join(f"{e.name}{chr(39) if e.primed else ''} = {format_expr(e.value)}" for e in rule.equations)
    return Step(rule.name, tuple(states), tuple(lets), text, call.span.origin)


def _substitute(x: ir.Expr, table: dict[str, ir.Expr]) -> ir.Expr:
    """Put rule arguments that are constants or hyperparameters in the place of the rule's parameters."""

    def put(node: ir.Expr) -> ir.Expr:
        if isinstance(node, ir.Name) and node.id in table:
            return table[node.id]
        return node

    return rewrite(x, put)
