"""Geometric transforms of a data block: taken out of the features, one chain for each field of the source."""

from dataclasses import replace
from typing import ClassVar

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.compiler.check.context import Context
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Chain, FieldTransforms, Let
from drmadc.language.functions.augmentations import GEOMETRIC, chain_of


class TwoChains(Diagnostic):
    """A field that two features read through different geometric transforms."""

    code: ClassVar[str] = "E0303"
    feature: str
    field: str

    def message(self) -> str:
        return f"`{self.feature}` transforms `{self.field}` differently from an earlier feature"

    def label(self) -> str:
        return "a different chain of transforms"

    def help(self) -> str:
        return f"apply the same chain wherever the field is used, as in `crop(flip({self.field}), 4)`"


def split_geometric(features: list[Let], spans: dict[str, Span], ctx: Context) -> tuple[list[Let], FieldTransforms]:
    """Features of untransformed fields, and the transforms of each field; a field with two chains is reported."""
    geometric: dict[str, Chain] = {}
    for feature in features:
        for name, chain in _reads(feature.value):
            if geometric.setdefault(name, chain) != chain:
                ctx.report(TwoChains(spans[feature.name], feature.name, name))
                break
    plain = [replace(feature, value=without_geometric(feature.value)) for feature in features]
    return plain, tuple((name, chain) for name, chain in geometric.items() if chain)


def without_geometric(expr: ir.Expr) -> ir.Expr:
    """An expression whose fields are read as they are."""
    return rewrite(
        expr, lambda node: node.args[0] if isinstance(node, ir.Call) and node.function in GEOMETRIC else node
    )


def _reads(expr: ir.Expr) -> list[tuple[str, Chain]]:
    """The fields that an expression reads, each with the transforms it goes through."""
    start, chain = chain_of(expr)
    if isinstance(start, ir.Name):
        return [] if start.id.startswith("statistics.") else [(start.id, chain)]
    return [found for child in ir.children(expr) for found in _reads(child)]
