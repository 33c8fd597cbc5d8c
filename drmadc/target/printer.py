"""Prints the small Python tree in ruff's style: 88 columns, brackets split from the outside in."""

import textwrap
from typing import assert_never

from drmadc.target import tree as py
from drmadc_common.printable import printable

WIDTH = 88
_STRENGTH = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "@": 6, "**": 8}
_LAMBDA, _MINUS, _ATOM = 0, 7, 9


def print_module(module: py.Module) -> str:
    """The module's text, ending in a newline."""
    lines = [*_docstring(module.doc, 0, ""), ""]
    for statement in module.body:
        if isinstance(statement, py.Function | py.IfMain):
            while lines[-1] == "":
                lines.pop()
            lines += ["", "", *_statement(statement, 0), "", ""]
        else:
            lines += _statement(statement, 0)
    while lines[-1] == "":
        lines.pop()
    return "\n".join(lines) + "\n"


def print_statement(statement: py.Statement) -> str:
    """One top-level statement's text, without a newline at its end."""
    return "\n".join(_statement(statement, 0))


def inline(expr: py.Expr) -> str:
    """An expression on one line."""
    return _inline(expr)[0]


def _statement(statement: py.Statement, depth: int) -> list[str]:
    indent = "    " * depth
    match statement:
        case py.Blank():
            return [""]
        case py.Import(module, name):
            return [f"{indent}import {module}" + (f" as {name}" if name else "")]
        case py.Evaluate(value):
            return _line("", value, "", depth)
        case py.Return(py.Tuple(items), comment) if len(items) > 1:
            bare = f"{indent}return {', '.join(map(inline, items))}"
            if len(bare) <= WIDTH and not comment:
                return [bare]
            return _line("return ", py.Tuple(items), comment, depth)
        case py.Return(value, comment):
            return _line("return ", value, comment, depth)
        case py.Assign(targets, value, comment, op):
            head = ", ".join(inline(t) for t in targets)
            return _line(f"{head} {op} ", value, comment, depth)
        case py.IfMain(body):
            lines = [f'{indent}if __name__ == "__main__":']
            for inner in body:
                lines += _statement(inner, depth + 1)
            return lines
        case py.Function(name, params, doc, body, comment):
            lines = _signature(name, params, indent)
            if doc:
                lines += _docstring(doc, depth + 1, comment)
            apart = [""] if doc and isinstance(body[0], py.Function) else []
            return lines + apart + _body(body, depth + 1)
        case _ as never:
            assert_never(never)


def _body(body: tuple[py.Statement, ...], depth: int) -> list[str]:
    """Statements of a function; an empty line around a function inside it."""
    lines: list[str] = []
    for place, inner in enumerate(body):
        function = isinstance(inner, py.Function)
        if place and (function or isinstance(body[place - 1], py.Function)):
            lines.append("")
        lines += _statement(inner, depth)
    return lines


def _signature(name: str, params: tuple[tuple[str, py.Expr | None], ...], indent: str) -> list[str]:
    items = [p if default is None else f"{p}={inline(default)}" for p, default in params]
    line = f"{indent}def {name}({', '.join(items)}):"
    if len(line) <= WIDTH:
        return [line]
    hugged = f"{indent}    {', '.join(items)}"
    if len(hugged) <= WIDTH:
        return [f"{indent}def {name}(", hugged, f"{indent}):"]
    return [f"{indent}def {name}(", *(f"{indent}    {item}," for item in items), f"{indent}):"]


def _docstring(doc: str, depth: int, comment: str) -> list[str]:
    indent, comment = "    " * depth, printable(comment)
    doc = "\n".join(map(printable, doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').split("\n")))
    if doc.endswith('"'):
        doc = doc[:-1] + '\\"'
    first, *rest = doc.split("\n")
    one = f'{indent}"""{first}"""'
    if not rest and len(one) <= WIDTH:
        with_comment = f"{one}  # {comment}"
        if comment and len(with_comment) <= WIDTH:
            return [with_comment]
        return [one, f"{indent}# {comment}"] if comment else [one]
    lines: list[str] = []
    for place, paragraph in enumerate([first, *rest]):
        wrapped = textwrap.wrap(
            paragraph,
            WIDTH - len(indent) - (3 if place == 0 else 0),
            subsequent_indent=_hanging(paragraph) if place else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [indent + part for part in wrapped] or [""]
    if len(lines) == 1:
        return [one, *([f"{indent}# {comment}"] if comment else [])]
    lines[0] = f'{indent}"""' + lines[0].removeprefix(indent)
    return [*lines, f'{indent}"""', *([f"{indent}# {comment}"] if comment else [])]


def _hanging(paragraph: str) -> str:
    """How far the continuation of a docstring's line is indented: that of an entry or an equation by one level more."""
    own = paragraph[: len(paragraph) - len(paragraph.lstrip())]
    equation = any(sign in paragraph for sign in (" = ", " <- ", " += ", " -= "))
    return own + "    " if own or equation else ""


def _line(head: str, value: py.Expr, comment: str, depth: int) -> list[str]:
    indent, comment = "    " * depth, printable(comment)
    line = f"{indent}{head}{inline(value)}"
    if comment and len(line) + len(comment) + 4 <= WIDTH:
        return [f"{line}  # {comment}"]
    above = [f"{indent}# {comment}"] if comment else []
    if len(line) <= WIDTH:
        return [*above, line]
    if isinstance(value, py.Operator):
        hugged = _hugged(f"{indent}{head}", value, depth)
        if hugged is not None:
            return [*above, *hugged]
        return [*above, f"{indent}{head}(", *_broken(value, depth + 1), f"{indent})"]
    return [*above, *_split(f"{indent}{head}", value, "", depth)]


def _single(value: py.Operator) -> bool:
    """Whether a chain of operators of one precedence has only one."""
    return not (isinstance(value.left, py.Operator) and _STRENGTH[value.left.op] == _STRENGTH[value.op])


def _hugged(before: str, value: py.Operator, depth: int) -> list[str] | None:
    """A lone operator between two operands, split inside the last bracket, or else inside the first."""
    if not _single(value):
        return None
    indent = "    " * depth
    level = _STRENGTH[value.op]
    start = f"{before}{_inside(value.left, level)} {value.op} "
    last = value.right
    while isinstance(last, py.Operator) and _inline(last)[1] > level:
        start += f"{_inside(last.left, _STRENGTH[last.op])} {last.op} "
        last = last.right
    if isinstance(last, py.Operator) and len(start) + 1 <= WIDTH:
        return [start + "(", *_broken(last, depth + 1), f"{indent})"]
    if isinstance(last, py.Call) and last.args and len(start + inline(last.function)) + 1 <= WIDTH:
        return _split(start, last, "", depth)
    first = value.left
    rest = f" {value.op} {_inside(value.right, level + 1)}"
    calls = isinstance(first, py.Call) and isinstance(last, py.Call)
    if calls and len(indent + ")" + rest) <= WIDTH:
        return _split(before, first, rest, depth)
    return None


def _split(before: str, value: py.Expr, after: str, depth: int) -> list[str]:
    """Lines for a value between two texts, its outermost bracket opened where it does not fit."""
    line = f"{before}{inline(value)}{after}"
    if len(line) <= WIDTH:
        return [line]
    match value:
        case py.Call(py.Call() as function, args, ()) if len(f"{before}{inline(function)}(") > WIDTH:
            return _split(before, function, f"({', '.join(map(inline, args))}){after}", depth)
        case py.Call(function, args, named):
            opening, closing = f"{inline(function)}(", ")"
            items: list[tuple[str, py.Expr]] = [("", a) for a in args]
            items += [(f"{name}=", a) for name, a in named]
        case py.Dict(pairs):
            opening, closing = "{", "}"
            items = [(f"{inline(key)}: ", item) for key, item in pairs]
        case py.List(parts):
            opening, closing = "[", "]"
            items = [("", part) for part in parts]
        case py.Tuple(parts):
            opening, closing = "(", ")"
            items = [("", part) for part in parts]
        case py.Minus(py.Operator() as inner):
            indent = "    " * depth
            return [f"{before}-(", *_broken(inner, depth + 1), f"{indent}){after}"]
        case py.Minus(x):
            return _split(f"{before}-", x, after, depth)
        case py.Lambda(params, body):
            return _split(f"{before}lambda {', '.join(params)}: ", body, after, depth)
        case _:
            return [line]
    indent, deeper = "    " * depth, "    " * (depth + 1)
    if not items:
        return [line]
    together = deeper + ", ".join(head + inline(item) for head, item in items)
    if len(together) <= WIDTH and isinstance(value, py.Call):
        return [before + opening, together, indent + closing + after]
    lines = [before + opening]
    for head, item in items:
        lines += _item(head, item, depth + 1)
    return [*lines, indent + closing + after]


def _item(head: str, item: py.Expr, depth: int) -> list[str]:
    indent = "    " * depth
    line = f"{indent}{head}{inline(item)},"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(item, py.Operator):
        lines = _broken(item, depth + 1) if head else _broken(item, depth)
        if head:
            return [f"{indent}{head}(", *lines, f"{indent}),"]
        return [*lines[:-1], lines[-1] + ","]
    return _split(f"{indent}{head}", item, ",", depth)


def _broken(value: py.Operator, depth: int) -> list[str]:
    """An operator chain inside brackets: on one line where it fits, else one operand a line."""
    indent = "    " * depth
    line = indent + inline(value)
    if len(line) <= WIDTH:
        return [line]
    level = _STRENGTH[value.op]
    operands: list[tuple[str, py.Expr]] = []
    node: py.Expr = value
    while isinstance(node, py.Operator) and _STRENGTH[node.op] == level:
        operands.append((f"{node.op} ", node.right))
        node = node.left
    operands.append(("", node))
    lines: list[str] = []
    for head, operand in reversed(operands):
        text, strength = _inline(operand)
        needs = level + (1 if head else 0)
        if strength < needs:
            text = f"({text})"
        if len(indent + head + text) > WIDTH and isinstance(operand, py.Operator) and strength < needs:
            lines += [f"{indent}{head}(", *_broken(operand, depth + 1), f"{indent})"]
        elif len(indent + head + text) > WIDTH and isinstance(operand, py.Operator):
            inner = _broken(operand, depth)
            lines += [f"{indent}{head}{inner[0].strip()}", *inner[1:]]
        else:
            lines += _split(indent + head, operand, "", depth) if strength >= needs else [indent + head + text]
    return lines


def _inline(expr: py.Expr) -> tuple[str, int]:
    match expr:
        case py.Id(text):
            return text, _ATOM
        case py.Literal(value):
            return _literal(value)
        case py.Call(function, args, named):
            inside = [inline(a) for a in args] + [f"{n}={inline(a)}" for n, a in named]
            return f"{_inside(function, _ATOM)}({', '.join(inside)})", _ATOM
        case py.Subscript(base, index):
            return f"{_inside(base, _ATOM)}[{', '.join(map(inline, index))}]", _ATOM
        case py.Attribute(base, name):
            return f"{_inside(base, _ATOM)}.{name}", _ATOM
        case py.Operator("**", left, right):
            hugged = _simple(left) and not isinstance(left, py.Minus) and _simple(right)
            space = "" if hugged else " "
            return f"{_inside(left, _ATOM)}{space}**{space}{_inside(right, _MINUS)}", 8
        case py.Operator(op, left, right):
            own = _STRENGTH[op]
            return f"{_inside(left, own)} {op} {_inside(right, own + 1)}", own
        case py.Minus(x):
            return f"-{_inside(x, _MINUS)}", _MINUS
        case py.Tuple(items):
            inside_ = ", ".join(map(inline, items))
            return f"({inside_}{',' if len(items) == 1 else ''})", _ATOM
        case py.List(items):
            return f"[{', '.join(map(inline, items))}]", _ATOM
        case py.Dict(pairs):
            return "{" + ", ".join(f"{inline(k)}: {inline(v)}" for k, v in pairs) + "}", _ATOM
        case py.Lambda(params, body):
            head = f"lambda {', '.join(params)}" if params else "lambda"
            return f"{head}: {inline(body)}", _LAMBDA
        case _ as never:
            assert_never(never)


def _inside(expr: py.Expr, strength: int) -> str:
    text, own = _inline(expr)
    return f"({text})" if own < strength else text


def _simple(expr: py.Expr) -> bool:
    """Ruff hugs `**` between simple operands: names, numbers, attribute chains, and minus one of these."""
    match expr:
        case py.Id():
            return True
        case py.Literal(value):
            return isinstance(value, int | float)
        case py.Attribute(base, _):
            return _simple(base) and not isinstance(base, py.Literal)
        case py.Minus(x):
            return _simple(x)
        case _:
            return False


def _literal(value: float | int | str | bool | None) -> tuple[str, int]:
    match value:
        case bool() | None:
            return repr(value), _ATOM
        case str():
            return '"' + printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"', _ATOM
        case int() | float():
            return repr(value), _MINUS if value < 0 else _ATOM
        case _ as never:
            assert_never(never)
