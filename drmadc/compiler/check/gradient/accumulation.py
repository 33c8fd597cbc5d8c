"""Whether the average of the loss over equal parts of a minibatch is the loss of the whole minibatch."""

from drmadc.compiler.passes.dependence import inlined
from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.ir.types import Type, leading


def averages_over_parts(program: Program) -> bool:
    """Whether the training loss is a mean over examples, plus what reads none."""
    return _is_mean(inlined(program.loss))


def _is_mean(expr: ir.Expr) -> bool:
    match expr:
        case ir.Binary("+" | "-", left, right):
            return _is_mean(left) and _is_mean(right)
        case ir.Binary("*", left, right):
            return (_is_mean(left) and _is_free(right)) or (_is_free(left) and _is_mean(right))
        case ir.Binary("/", left, right):
            return _is_mean(left) and _is_free(right)
        case ir.Unary("neg", x):
            return _is_mean(x)
        case ir.Call(function, args, _, option) if "mean" in (function, option):
            return not any(map(_mixes, args))
        case _:
            return _is_free(expr)


def _is_free(expr: ir.Expr) -> bool:
    """Whether an expression reads no examples."""
    return not any(isinstance(node, ir.Rows) or _over_examples(node.type) for node in ir.walk(expr))


def _mixes(expr: ir.Expr) -> bool:
    """Whether examples are reduced inside an expression, so that a value of one depends on the others."""
    reductions = (node for node in ir.walk(expr) if not _over_examples(node.type))
    return any(_over_examples(child.type) for node in reductions for child in ir.children(node))


def _over_examples(type_: Type) -> bool:
    return any(axis.kind == "example" for axis in leading(type_))
