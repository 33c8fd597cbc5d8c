"""A training set made of hyperparameters: `data learned { x = images; y: class[10] = range(10) }`."""

from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Known
from drmadc.compiler.check.data.block import declared_type
from drmadc.compiler.check.errors import argument_errors, data_errors, name_errors, type_errors
from drmadc.compiler.check.expr.expressions import infer
from drmadc.ir import nodes as ir
from drmadc.ir.program import Learned, Let
from drmadc.ir.types import EXAMPLE, Array, Axis
from drmadc.language.shapes import describe
from drmadc.syntax import ast


def check_learned(known: Known) -> None:
    """The learned data blocks."""
    for decl in known.learned_decls:
        _check_learned(decl, known)


def _check_learned(decl: ast.DataDecl, known: Known) -> None:
    """Fill `known.learned` from `data NAME { x = images; y: class[10] = range(10) }`."""
    values: list[tuple[str, ir.Expr, Span]] = []
    labels: list[tuple[str, int, Span]] = []
    failed = False
    first: dict[str, Span] = {}
    for item in decl.items:
        if item.name in first:
            known.bag.add(name_errors.GivenTwice(item.name_span, item.name, first[item.name]))
            failed = True
            continue
        first[item.name] = item.name_span
        wanted = declared_type(item.type, known) if isinstance(item, ast.Feature) else None
        if isinstance(item, ast.Feature) and wanted is None:
            failed = True
            continue
        match item.value:
            case ast.Call(ast.Name("range"), (ast.Arg(None, ast.Number() as number),)):
                if wanted is None or wanted.element != "class" or wanted.classes != number.value:
                    span = item.value.span
                    known.bag.add(
                        argument_errors.RangeIsLabels(span, "range", "range(classes)", item.name, number.text)
                    )
                    failed = True
                    continue
                labels.append((item.name, wanted.classes, item.span))
            case value:
                x = infer(value, Context(known, "init"))
                axes = x.type.axes if x is not None and isinstance(x.type, Array) else ()
                plain = axes and all(axis.kind == "size" for axis in axes)
                if x is not None and not plain:
                    known.bag.add(data_errors.LearnedFeature(value.span, describe(x.type)))
                elif x is not None and wanted is not None and wanted.axes != axes[1:]:
                    found = describe(Array("real", axes[1:]))
                    assert isinstance(item, ast.Feature)
                    known.bag.add(
                        type_errors.WrongResult(value.span, item.name, describe(wanted), found, item.type.span)
                    )
                    x = None
                if x is None or not plain:
                    failed = True
                    continue
                values.append((item.name, x, item.span))
    sizes_ = {x.type.axes[0].size for _, x, _ in values if isinstance(x.type, Array)}
    if failed or len(sizes_) != 1:
        if not failed:
            known.bag.add(data_errors.LearnedSizes(decl.name_span, decl.name, tuple(sorted(sizes_))))
        known.broken.update(first)
        return
    size = sizes_.pop()
    features = {
        name: ir.Rows(x, Array("real", (EXAMPLE, *x.type.axes[1:])))
        for name, x, _ in values
        if isinstance(x.type, Array)
    }
    for name, classes, _ in labels:
        whole = ir.Call("range", (), Array("class", (Axis("size", size),), classes), str(size))
        features[name] = ir.Rows(whole, Array("class", (EXAMPLE,), classes))
    origins = {item.name: item.span.origin for item in decl.items}
    lets = tuple(Let(item.name, features[item.name], origins[item.name]) for item in decl.items)
    known.learned = Learned(decl.name, size, lets, decl.span.origin)
