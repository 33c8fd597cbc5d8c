"""Functions of the program whose derivative is 0 almost everywhere: a gradient says nothing of them."""

from collections.abc import Mapping

from drmadc.compiler.passes.dependence import inlined
from drmadc.ir import nodes as ir
from drmadc.ir.program import ALL, Function, Program
from drmadc.language.registry import CALLS, ELEMENTWISE


def flat_terms(program: Program, function: Function) -> tuple[tuple[ir.Expr, ...], bool]:
    """The terms of a function in which `flat_calls` cut every way to parameters and hyperparameters; and whether all.

    Terms are what is added or subtracted. One that reads neither parameters nor hyperparameters is a constant, and not
    among them.
    """
    terms = _terms(inlined(function))
    moving = [term for term in terms if _varies(term, program, {}, cut=False)]
    flat = tuple(term for term in moving if not _varies(term, program, {}, cut=True))
    return flat, len(flat) == len(moving)


def flat_calls(program: Program, expr: ir.Expr) -> tuple[str, ...]:
    """The functions in an expression, and in the models that it calls, with a derivative of 0 almost everywhere."""
    out: list[str] = []
    for node in ir.walk(expr):
        if _flat_call(node):
            out.append(_flat_call(node))
        elif isinstance(node, ir.Apply):
            model = program.model(node.model)
            for value in (*(let.value for let in model.lets), model.value):
                out.extend(flat_calls(program, value))
    return tuple(dict.fromkeys(out))


def surrogate_of(calls: tuple[str, ...]) -> str:
    """What has a slope and is minimised instead of the first of `flat_calls`; "" where there are none."""
    functions = {**ELEMENTWISE, **CALLS}
    return functions[calls[0]].surrogate if calls else ""


def _flat_call(node: ir.Expr) -> str:
    """The function that an expression calls, where its derivative is 0 almost everywhere; "" of others."""
    match node:
        case ir.Unary(op) if op in ELEMENTWISE and ELEMENTWISE[op].surrogate:
            return op
        case ir.Call(function) if CALLS[function].surrogate:
            return function
        case _:
            return ""


def _terms(expr: ir.Expr) -> list[ir.Expr]:
    match expr:
        case ir.Binary("+" | "-", left, right):
            return [*_terms(left), *_terms(right)]
        case ir.Unary("neg", x) | ir.OnSplit(x):
            return _terms(x)
        case _:
            return [expr]


def _varies(expr: ir.Expr, program: Program, local: Mapping[str, bool], *, cut: bool) -> bool:
    """Whether an expression depends on parameters or hyperparameters; with `cut`, other than through flat functions."""
    match expr:
        case ir.Hyper() | ir.Layer():
            return True
        case ir.Name(id_):
            return local[id_] if id_ in local else _is_parameter(id_, program)
        case ir.Apply(name, args):
            model = program.model(name)
            inner = {
                arg_name: _varies(arg, program, local, cut=cut)
                for (arg_name, _), arg in zip(model.inputs, args, strict=True)
            }
            for let in model.lets:
                inner[let.name] = _varies(let.value, program, inner, cut=cut)
            return _varies(model.value, program, inner, cut=cut)
        case _ if cut and _flat_call(expr):
            return False
        case _:
            return any(_varies(child, program, local, cut=cut) for child in ir.children(expr))


def _is_parameter(name: str, program: Program) -> bool:
    return name == ALL or any(name == p.path for p in program.parameters) or any(name == g.name for g in program.groups)
