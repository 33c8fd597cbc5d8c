"""Expressions over trees as they apply to one parameter: elementwise, so that one array is enough."""

from dataclasses import replace

from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.types import SCALAR, Tree


class NotElementwise(ValueError):
    """An expression that mixes the elements of arrays."""


def leafwise(value: ir.Expr) -> ir.Expr:
    """A value over a tree as a value of one parameter.

    Raises:
        NotElementwise: it mixes elements.
    """
    return rewrite(value, _leaf)


def _leaf(node: ir.Expr) -> ir.Expr:
    match node:
        case ir.Broadcast(x) | ir.Unary("round_decay", x):
            return x
        case ir.Name() | ir.Unary() | ir.Binary():
            return replace(node, type=SCALAR) if isinstance(node.type, Tree) else node
        case ir.Const() | ir.Hyper():
            return node
        case _:
            raise NotElementwise(type(node).__name__)
