"""The printer: brackets, strings, long lines."""

import pytest

from drmadc.target import tree as py
from drmadc.target.printer import inline, print_module


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
