"""The training loss as a function of the model's outputs, which the Gauss-Newton matrix needs."""

from dataclasses import dataclass

from drmadc.compiler.passes.dependence import expression_hypers, function_hypers
from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Function, Program


@dataclass(frozen=True, slots=True)
class SplitLoss:
    """`outputs` are calls of models; `loss` reads them as `outputs` (or `outputs[0]`, where there are several)."""

    outputs: tuple[ir.Expr, ...]
    loss: Function
    output_hypers: tuple[str, ...]
    loss_hypers: tuple[str, ...]


def split_loss(program: Program) -> SplitLoss:
    """Split the loss at the calls of models; without one, `outputs` is empty."""
    lets = {let.name: let.value for let in program.loss.lets}
    whole = rewrite(program.loss.value, lambda n: lets.get(n.id, n) if isinstance(n, ir.Name) else n)
    for _ in lets:
        whole = rewrite(whole, lambda n: lets.get(n.id, n) if isinstance(n, ir.Name) else n)
    found = tuple(dict.fromkeys(_outermost(whole)))
    names = ["outputs"] if len(found) == 1 else [f"outputs[{i}]" for i in range(len(found))]
    table = {call: ir.Name(f":{name}", call.type) for call, name in zip(found, names, strict=True)}
    loss = Function((), _replace(whole, table), program.loss.text, program.loss.origin)
    inside = {h for call in found for h in expression_hypers(program, call)}
    ordered = tuple(h.name for h in program.hypers if h.name in inside)
    return SplitLoss(found, loss, ordered, function_hypers(program, loss))


def _outermost(expr: ir.Expr) -> list[ir.Expr]:
    if isinstance(expr, ir.Apply):
        return [expr]
    return [call for child in ir.children(expr) for call in _outermost(child)]


def _replace(expr: ir.Expr, table: dict[ir.Expr, ir.Name]) -> ir.Expr:
    return rewrite(expr, lambda node: table.get(node, node))
