"""The compiler's pieces: folding, derivatives of functions, the printer, the verifier."""

import math
from dataclasses import replace

import pytest

from drmadc.compiler.passes.differentiate import pull
from drmadc.ir import nodes as ir
from drmadc.ir.build import add, binary, exact, mul, neg, sub
from drmadc.ir.program import ALL, Let
from drmadc.ir.types import SCALAR, Tree
from drmadc.ir.verify import InvalidProgram, verify
from drmadc.language.registry import ELEMENTWISE
from drmadc.target import tree as py
from drmadc.target.printer import inline, print_module
from tests.conftest import compiled

X = ir.Name("x", SCALAR)
Y = ir.Name("y", SCALAR)


def value(expr: ir.Expr, x: float, y: float = 0.0) -> float:
    """The value of a scalar expression."""
    match expr:
        case ir.Const(number):
            return number
        case ir.Name(id_):
            return x if id_ == "x" else y
        case ir.Unary(op, inner):
            inside = value(inner, x, y)
            return -inside if op == "neg" else ELEMENTWISE[op].value(inside)
        case ir.Binary(op, left, right):
            a, b = value(left, x, y), value(right, x, y)
            return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else math.inf, "^": a**b}[op]
        case _:
            raise AssertionError(expr)


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "^"])
def test_derivative_of_every_operator(op: str) -> None:
    expr = ir.Binary(op, X, Y, SCALAR)
    found: dict[tuple[str, str], ir.Expr] = {}
    pull(expr, ir.Const(1.0), lambda node: isinstance(node, ir.Name), found)
    x, y, h = 1.3, 0.7, 1e-6
    assert value(found["name", "x"], x, y) == pytest.approx((value(expr, x + h, y) - value(expr, x - h, y)) / (2 * h))
    assert value(found["name", "y"], x, y) == pytest.approx((value(expr, x, y + h) - value(expr, x, y - h)) / (2 * h))


def test_constants_fold_as_decimals() -> None:
    assert exact("-", 1.0, 0.95) == 0.05
    assert exact("^", 1e-8, 2.0) == 1e-16
    assert exact("/", 1.0, 0.0) is None
    assert exact("^", 10.0, 400.0) is None


def test_smart_constructors_simplify_and_keep_the_value() -> None:
    cases = [
        (mul(ir.Const(2.0), mul(ir.Const(3.0), X)), 6 * 0.3),
        (mul(neg(X), neg(Y)), 0.3 * 0.7),
        (add(mul(X, Y), mul(X, ir.Const(2.0))), 0.3 * 0.7 + 0.6),
        (sub(X, neg(Y)), 1.0),
        (add(X, mul(ir.Const(-2.0), Y)), 0.3 - 1.4),
        (sub(binary("+", X, ir.Const(1.0)), ir.Const(1.0)), 0.3),
        (mul(ir.Const(0.0), X), 0.0),
    ]
    for expr, expected in cases:
        assert value(expr, 0.3, 0.7) == pytest.approx(expected)
    assert sub(binary("+", X, ir.Const(1.0)), ir.Const(1.0)) == X


def test_verifier_refuses_a_broken_program() -> None:
    program = compiled("l2_by_input").ir
    verify(program)
    stray = Let("w'", ir.Name("nowhere", Tree(ALL)))
    with pytest.raises(InvalidProgram, match="nowhere is defined"):
        verify(replace(program, step=replace(program.step, equations=(stray,))))
    with pytest.raises(InvalidProgram, match="initialised once"):
        verify(replace(program, init=program.init[:1]))
    assert program.adjoint is not None
    with pytest.raises(InvalidProgram, match="every state has an adjoint"):
        verify(replace(program, adjoint=replace(program.adjoint, states=program.adjoint.states[:1])))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (py.Operator("*", py.Operator("+", py.Id("a"), py.Id("b")), py.Id("c")), "(a + b) * c"),
        (py.Operator("-", py.Id("a"), py.Operator("-", py.Id("b"), py.Id("c"))), "a - (b - c)"),
        (py.Operator("**", py.Minus(py.Id("a")), py.Literal(2)), "(-a) ** 2"),
        (py.Operator("**", py.Id("a"), py.Minus(py.Literal(2))), "a**-2"),
        (py.Operator("**", py.Call(py.Id("f")), py.Literal(2)), "f() ** 2"),
        (py.Minus(py.Operator("*", py.Id("a"), py.Id("b"))), "-(a * b)"),
        (py.Tuple((py.Id("a"),)), "(a,)"),
        (py.Literal('say "hi"'), '"say \\"hi\\""'),
    ],
)
def test_printer_brackets(expr: py.Expr, text: str) -> None:
    assert inline(expr) == text
    compile(text, "x", "eval")


def test_printer_wraps_long_calls() -> None:
    names = tuple(py.Id(f"a_rather_long_argument_{i}") for i in range(5))
    module = py.Module("Doc.", (py.Assign((py.Id("x"),), py.Call(py.Id("f"), names)),))
    text = print_module(module)
    assert all(len(line) <= 88 for line in text.splitlines())
    compile(text, "x", "exec")


def test_tracebacks_show_the_emitted_line_with_the_line_of_the_spec() -> None:
    import linecache

    program = compiled("l2_by_input")
    line = next(n for n, text in enumerate(program.python.splitlines(), 1) if "grad = jax.grad(loss)" in text)
    assert program.session.module["step"].__code__.co_filename == "<emitted l2_by_input.py>"
    assert linecache.getline("<emitted l2_by_input.py>", line).strip().endswith("# l2_by_input.drm:19")
