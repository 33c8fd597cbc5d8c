"""The `sweep` block: a grid on which objective and hypergradient are recorded before tuning."""

from drmadc.compiler.check.blocks.hypers import entries_by_hyper, initial_value
from drmadc.compiler.check.blocks.training import count
from drmadc.compiler.check.context import Known
from drmadc.compiler.check.errors import tuning_errors, value_errors
from drmadc.compiler.check.settings import Settings
from drmadc.ir import nodes as ir
from drmadc.ir.program import Sweep
from drmadc.ir.types import Array, Domain, sizes
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr

SWEEP = ("over", "along", "points")
EXAMPLE = "over = { rate: exp(linspace(-4, 1)) }  points = 40"


def check_sweep(known: Known) -> None:
    """Fill `known.sweep`; beside an error it stays None."""
    decl = known.single(ast.SweepDecl)
    if decl is not None:
        known.sweep = _sweep(decl, known)


def _sweep(decl: ast.SweepDecl, known: Known) -> Sweep | None:
    """`over = { rate: exp(linspace(-4, 1)) }` or `along = linspace(-1, 2)`, each with `points` values or a list."""
    before = known.bag.errors
    settings = Settings("sweep", decl.settings, SWEEP, decl.span, known.bag)
    points = count(settings.optional("points"), "`points`", known)
    over, along = settings.optional("over"), settings.optional("along")
    if (over is None) == (along is None):
        place = decl.settings[0].name_span if decl.settings else decl.span
        known.bag.add(tuning_errors.OverOrAlong(place, over is not None))
        return None
    if along is not None:
        steps = _values("along", along, "real", points, known)
        return None if steps is None or known.bag.errors > before else Sweep((), steps, decl.span.origin)
    if not isinstance(over, ast.Record):
        assert over is not None
        found = f"`{format_expr(over)}`"
        known.bag.add(value_errors.NotARecord(over.span, found, "`over`", EXAMPLE))
        return None
    out: list[tuple[str, ir.Expr]] = []
    for hyper, entry in entries_by_hyper(over, known):
        values = _values(hyper.name, entry.value, hyper.domain, points, known)
        if values is not None:
            out.append((hyper.name, values))
    return None if known.bag.errors > before else Sweep(tuple(out), None, decl.span.origin)


def _values(name: str, value: ast.Expr, domain: Domain, points: int | None, known: Known) -> ir.Expr | None:
    number = len(value.items) if isinstance(value, ast.List) else points
    if number is None or number < 2:
        known.bag.add(tuning_errors.TooFewPoints(value.span, name, number))
        return None
    type_ = Array("real", sizes(number))
    return initial_value(name, value, type_, domain, value.span, known)
