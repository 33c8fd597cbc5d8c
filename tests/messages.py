"""Every message that a user can see, on one page: `python -m tests.messages`.

Diagnostics are shown twice: as the templates of their class, and as rendered from the bad cases. All other texts
(raised errors, output and help of commands, reports) are string literals of the sources, found in their syntax trees.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import drmadc
from drmadc.common.diagnostics.model import Diagnostic
from tests.conftest import CASES, ROOT

SOURCES = (ROOT / "drmadc", ROOT / "runtime" / "drmadc_runtime", ROOT / "runtime" / "drmadc_common")
TEXTS = ("message", "problem", "label", "others", "note", "help")


@dataclass(frozen=True, slots=True)
class Message:
    """A text, its place (a class, or file and line), and what it is: the exception raised, `text`, or `help`."""

    where: str
    kind: str
    text: str


def template(node: ast.expr) -> str:
    """A string literal as it stands in the source, with the expressions of its fields in braces."""
    match node:
        case ast.Constant(str(value)):
            return value
        case ast.JoinedStr(values):
            return "".join(template(value) for value in values)
        case ast.FormattedValue(value):
            return "{" + ast.unparse(value).replace("self.", "") + "}"
        case _:
            raise TypeError(node)


def literals(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and template of each string literal within a node, those within the fields of others included."""
    match node:
        case ast.JoinedStr(values):
            yield node.lineno, template(node)
            for value in values:
                if isinstance(value, ast.FormattedValue):
                    yield from literals(value.value)
        case ast.Constant(str(value)):
            yield node.lineno, value
        case _:
            for child in ast.iter_child_nodes(node):
                yield from literals(child)


def diagnostic_classes() -> list[type[Diagnostic]]:
    """Every class of diagnostics that has a code, by code and name."""
    for module in pkgutil.walk_packages(drmadc.__path__, "drmadc."):
        if module.name != "drmadc.__main__":
            importlib.import_module(module.name)
    found: set[type[Diagnostic]] = set()
    waiting: list[type[Diagnostic]] = [Diagnostic]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if getattr(sys.modules[cls.__module__], cls.__name__, None) is cls:  # a slotted dataclass is made from another
            found.add(cls)
    return sorted((cls for cls in found if cls.code), key=lambda cls: (cls.code, cls.__name__))


def templates(cls: type[Diagnostic]) -> dict[str, list[str]]:
    """The texts of a class by method, inherited ones included."""
    out: dict[str, list[str]] = {}
    for name in TEXTS:
        method = getattr(cls, name, None)
        if not inspect.isfunction(method) or method is getattr(Diagnostic, name, None):
            continue
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
        assert isinstance(function, ast.FunctionDef)
        body = function.body[1:] if ast.get_docstring(function) else function.body
        out[name] = [
            text
            for statement in body
            for _, text in literals(statement)
            if any(letter.isalpha() for letter in text) and " " in text
        ]
    return out


def rendered() -> dict[str, list[Diagnostic]]:
    """The diagnostics of the bad cases by the name of their class."""
    from tests.test_goldens import diagnostics_of

    out: dict[str, list[Diagnostic]] = {}
    for path in sorted((CASES / "bad").glob("*.drm")):
        for item in diagnostics_of(path):
            out.setdefault(type(item).__name__, []).append(item)
    return out


def diagnostics() -> list[Message]:
    """The templates of all diagnostics."""
    return [
        Message(cls.__name__, f"{cls.code} {name}", text)
        for cls in diagnostic_classes()
        for name, texts in templates(cls).items()
        for text in texts
    ]


def _is_message(text: str) -> bool:
    return len(text.split()) >= 3 and any(letter.isalpha() for letter in text)


def texts_of(path: Path) -> list[Message]:
    """The texts of a source file that are no docstrings; and the docstrings of commands, which are their help."""
    tree = ast.parse(path.read_text())
    name = str(path.relative_to(ROOT))
    docstrings: set[ast.AST] = set()
    raised: dict[ast.AST, str] = {}
    out: list[Message] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(node.value)
        if isinstance(node, ast.FunctionDef) and "command" in " ".join(map(ast.unparse, node.decorator_list)):
            out.append(Message(f"{name}:{node.lineno}", "help", ast.get_docstring(node) or ""))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            kind = ast.unparse(node.exc.func)
            raised |= {inner: kind for inner in ast.walk(node.exc) if isinstance(inner, ast.Constant | ast.JoinedStr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    inside = {inner for node in strings if isinstance(node, ast.JoinedStr) for inner in node.values}
    for node in strings:
        if node in docstrings or node in inside or (isinstance(node, ast.Constant) and not isinstance(node.value, str)):
            continue
        text = template(node)
        if _is_message(text):
            out.append(Message(f"{name}:{node.lineno}", raised.get(node, "text"), text))
    return out


def other_texts() -> list[Message]:
    """The texts outside of diagnostics."""
    return [
        message
        for folder in SOURCES
        for path in sorted(folder.rglob("*.py"))
        if not path.is_relative_to(ROOT / "drmadc/compiler/check/errors") and path.name != "errors.py"
        for message in texts_of(path)
    ]


def page() -> str:
    """All messages."""
    lines: list[str] = []
    examples = rendered()
    for cls in diagnostic_classes():
        lines.append(f"{cls.code} {cls.__name__} ({cls.__module__})")
        lines += [f"  {name:8}{text}" for name, texts in templates(cls).items() for text in texts]
        for item in examples.get(cls.__name__, [])[:1]:
            parts = (item.message(), item.label(), item.note(), item.help())
            lines.append(f"  such as {' | '.join(part for part in parts if part)}")
    file = ""
    for message in other_texts():
        path, _, line = message.where.rpartition(":")
        if path != file:
            lines += ["", path]
            file = path
        lines.append(f"  {line:>4} {message.kind}: {textwrap.indent(message.text, ' ' * 7).strip()}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page() + "\n")
