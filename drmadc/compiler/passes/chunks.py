"""Which splits the outer objective can go through in pieces, so that its memory does not grow with the split."""

from drmadc.ir import nodes as ir
from drmadc.ir.program import Program
from drmadc.ir.types import Array
from drmadc.language.registry import CALLS, LAYERS

CHUNK = 1000


def chunks(program: Program) -> dict[str, int]:
    """Splits whose part of the objective is a mean over examples, and in how many equal pieces it is taken.

    A piece has at most PIECE examples, and a quarter of that at least; a split without such a divisor stays whole.
    """
    values = (*(let.value for let in program.objective.lets), program.objective.value)
    parts = [node for value in values for node in ir.walk(value) if isinstance(node, ir.OnSplit)]
    if program.data is None or program.data.tasks:
        return {}
    local = {let.name for let in program.objective.lets}
    out: dict[str, int] = {}
    for part in ir.walk(program.objective.value):
        if not isinstance(part, ir.OnSplit):
            continue
        once = sum(other.split == part.split for other in parts) == 1  # XLA shares what two whole ones compute
        away = program.streamed and part.split == "train"
        alone = not local & set(ir.names_in(part.x))  # what it is differentiated in is handed over
        if once and alone and not away and _is_mean(part.x, program):
            count = _divisor(program.data.size_of(part.split))
            if count > 1:
                out[part.split] = count
    return out


def _divisor(examples: int) -> int:
    least = -(-examples // CHUNK)
    return next((n for n in range(least, 4 * least) if examples % n == 0), 1)


def _is_mean(expr: ir.Expr, program: Program) -> bool:
    """Whether an expression over a whole split is the mean of its values over equal pieces."""
    match expr:
        case ir.Binary("+" | "-", left, right):
            return _is_mean(left, program) and _is_mean(right, program)
        case ir.Binary("*", left, right):
            return (_is_mean(left, program) and _is_free(right)) or (_is_free(left) and _is_mean(right, program))
        case ir.Binary("/", left, right):
            return _is_mean(left, program) and _is_free(right)
        case ir.Unary("neg", x):
            return _is_mean(x, program)
        case ir.Call(function, args) if CALLS[function].averages(expr):
            return all(_is_of_each(arg, program) for arg in args)
        case _:
            return _is_free(expr)


def _is_free(expr: ir.Expr) -> bool:
    """Whether an expression reads no examples."""
    names = [node for node in ir.walk(expr) if isinstance(node, ir.Name)]
    reads = any(isinstance(node.type, Array) and any(a.kind == "example" for a in node.type.axes) for node in names)
    return not reads and not any(isinstance(node, ir.Rows | ir.OnSplit | ir.Draw) for node in ir.walk(expr))


def _is_of_each(expr: ir.Expr, program: Program) -> bool:
    """Whether what an expression gives for an example depends on that example only."""
    for node in ir.walk(expr):
        match node:
            case ir.Const() | ir.Name() | ir.Hyper() | ir.Unary() | ir.Binary() | ir.Broadcast() | ir.Part():
                continue
            case ir.Call(function) if CALLS[function].each:
                continue
            case ir.Layer(kind) if LAYERS[kind].each:
                continue
            case ir.Apply():
                model = program.model(node.model)
                if all(_is_of_each(value, program) for value in (*(let.value for let in model.lets), model.value)):
                    continue
        return False
    return True
