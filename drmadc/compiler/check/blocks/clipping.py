"""`clip(norm: c, RULE)`: an update rule that is given the gradient with its norm over all parameters cut to c."""

import re
from dataclasses import replace

from drmadc.ir import nodes as ir
from drmadc.ir.build import rewrite
from drmadc.ir.program import Let, Step
from drmadc.ir.types import SCALAR, Tree

USAGE = "clip(norm: 1, adam(rate: 0.1))"
ONE = ir.Const(1.0)


def clipped(step: Step, norm: ir.Expr, written: str, tree: Tree, origin: str) -> Step:
    """The rule with grad / sqrt(1 + relu(sum(grad ^ 2) / norm ^ 2 - 1)) in the place of its gradient.

    Below the norm that is the gradient itself, bit for bit, and its derivative in the norm is 0; above, the norm of the
    result is `norm`: `optax.clip_by_global_norm`.
    """
    taken = {let.name for let in step.equations} | {state.name for state in step.states}
    excess, root, cut = (_free(name, taken) for name in ("excess", "shrink", "clipped"))
    gradient = ir.Name("grad", tree)

    def read(node: ir.Expr) -> ir.Expr:
        return ir.Name(cut, tree) if node == gradient else node

    size = ir.Call("sum", (ir.Binary("^", gradient, ir.Const(2.0), tree),), SCALAR)
    over = ir.Binary("-", ir.Binary("/", size, ir.Binary("^", norm, ir.Const(2.0), SCALAR), SCALAR), ONE, SCALAR)
    above = ir.Unary("relu", ir.Name(excess, SCALAR), SCALAR)
    equations = (
        Let(excess, over, origin),
        Let(root, ir.Unary("sqrt", ir.Binary("+", ONE, above, SCALAR), SCALAR), origin),
        Let(cut, ir.Binary("/", gradient, ir.Name(root, SCALAR), tree), origin),
        *(replace(let, value=rewrite(let.value, read)) for let in step.equations),
    )
    head = f"{cut} = grad / sqrt(1 + relu(sum(grad ^ 2) / {written} ^ 2 - 1))"
    rule = re.sub(r"\bgrad\b", cut, step.text)
    return Step(f"clip(norm: {written}, {step.rule})", step.states, equations, f"{head}; {rule}", origin)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_"
    return name
