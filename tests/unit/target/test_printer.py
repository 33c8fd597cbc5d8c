"""The printer: brackets, strings, long lines."""

import ast

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

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


@given(st.text(st.characters(codec=None), max_size=30), st.booleans())
@example('"""\nimport os\n"""', True)
@example('a"', False)
@example("\\", True)
@example('a\\"""\rimport os\x0c', True)
@example("\udc80\u2028x = 1", False)
def test_no_text_leaves_its_docstring_comment_or_literal(text: str, doc: bool) -> None:
    """Names of files and overrides are anybody's; printed, they stay what they are."""
    told = text if doc else ""
    body = (py.Return(py.Literal(text), text),)
    module = py.Module(text, (py.Assign((py.Id("x"),), py.Literal(text), text), py.Function("f", (), told, body, text)))
    tree = ast.parse(print_module(module).encode("utf-8", "strict"))
    function = tree.body[-1]
    assert [type(node) for node in tree.body] == [ast.Expr, ast.Assign, ast.FunctionDef]
    assert isinstance(function, ast.FunctionDef)
    assert [type(node) for node in function.body] == [*([ast.Expr] if told else []), ast.Return]
    values = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert text in values
