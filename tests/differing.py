"""What of an emitted module differs from another's: whole top-level statements, in order."""

import ast
import re


def differing_statements(module: str, name: str, base: str, base_name: str) -> str:
    """The statements of `module` that `base` lacks or has otherwise; those that it lacks are named at the head.

    Comments, and the specs' own names and line numbers, do not count as a difference.
    """
    mine, theirs = _statements(module), _statements(base)
    known = {key: _code(text, base_name) for key, text in theirs.items()}
    changed = [text for key, text in mine.items() if _code(text, name) != known.get(key)]
    head = [f"# {name}: the statements that differ from {base_name}'s module"]
    absent = [key for key in theirs if key not in mine]
    if absent:
        head.append(f"# without {', '.join(absent)}")
    if [key for key in mine if key in theirs] != [key for key in theirs if key in mine]:
        head.append(f"# in the order {', '.join(mine)}")
    return "\n".join(head) + "\n\n" + "\n\n".join(changed) + "\n"


def _statements(module: str) -> dict[str, str]:
    """Top-level statements by name, each with the comments above it."""
    lines = module.splitlines()
    out: dict[str, str] = {}
    end = 0
    for node in ast.parse(module).body:
        start = node.lineno - 1
        while start > end and lines[start - 1].startswith("#"):
            start -= 1
        assert node.end_lineno is not None
        end = node.end_lineno
        name = _name(node)
        assert name not in out, f"{name} twice"
        out[name] = "\n".join(lines[start:end])
    return out


def _name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.Expr(ast.Constant()):
            return "docstring"
        case _:
            return ast.unparse(node).splitlines()[0]


def _code(text: str, name: str) -> str:
    return re.sub(r"\.drm:\d+", "", re.sub(rf"\b{name}\b", "NAME", ast.unparse(ast.parse(text))))
