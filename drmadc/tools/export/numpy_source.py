"""The part of an emitted module that a function reaches, as Python that needs NumPy alone."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping

BLOCKS = ("def ", "class ")
BETWEEN = "\n\n\n"
MODULES = ("rt", "jnp", "jax")


class NoTwin(ValueError):
    """What is called has no counterpart in NumPy; its argument is the name."""


def in_numpy(module: str, twins: str, entry: str, renamed: Mapping[str, str], also: Iterable[str] = ()) -> str:
    """The source of a function of an emitted module and of all that it calls, first what it calls in turn.

    What JAX and the runtime are called for comes from `twins`; there it is named as there, here with a `_` before it,
    which no name of a spec has.

    Args:
        module: the text of an emitted module.
        twins: the text of a module that defines functions of NumPy by the names of those of jax.nn and the runtime.
        entry: the function.
        renamed: functions of the module that get another name.
        also: twins that are wanted whether they are called or not.

    Raises:
        NoTwin: something is called that is not in `twins`.
    """
    own, theirs = _definitions(module), _definitions(twins)
    parts = [own[name] for name in own if name in _reached(own, [entry])]
    called = dict.fromkeys(_of_twins(name, theirs) for part in parts for name in _dotted(part))
    needed = _reached(theirs, [*also, *(name for name in called if name)])
    private = {name: f"_{name}" for name in theirs if not name.isupper()}
    sources = [_rewritten(source, private) for name, source in theirs.items() if name in needed]
    return laid_out([*sources, *(_translated(part, renamed) for part in parts)])


def laid_out(definitions: Iterable[str]) -> str:
    """Definitions one after another: two empty lines around functions and classes, none between constants."""
    out, before = "", ""
    for text in definitions:
        between = BETWEEN if before.startswith(BLOCKS) or text.startswith(BLOCKS) else "\n"
        out += (between if out else "") + text
        before = text
    return out


def imports_of(twins: str, source: str) -> list[str]:
    """Those imports of the twins' module that a source needs."""
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    lines: list[str] = []
    for node in ast.parse(twins).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            if names:
                node.names = names
                lines.append(ast.unparse(node))
    return lines


def read_of(module: str, entry: str, mapping: str) -> tuple[str, ...]:
    """The keys of a mapping, as in `hypers["l2"]`, that a function of a module and what it calls read."""
    own = _definitions(module)
    nodes = (node for name in _reached(own, [entry]) for node in ast.walk(ast.parse(own[name])))
    found = (
        node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == mapping
        and isinstance(node.slice, ast.Constant)
    )
    return tuple(dict.fromkeys(str(key) for key in found))


def _definitions(text: str) -> dict[str, str]:
    """The source of each function, class and constant of a module, by name."""
    out: dict[str, str] = {}
    lines = text.splitlines()
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                assert node.end_lineno is not None
                out[name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return out


def _reached(definitions: Mapping[str, str], entries: Iterable[str]) -> set[str]:
    """These names, and those that their definitions use, and so on."""
    found: set[str] = set()
    open_ = list(entries)
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            nodes = ast.walk(ast.parse(definitions[name]))
            open_ += [node.id for node in nodes if isinstance(node, ast.Name) and node.id in definitions]
    return found


def _dotted(source: str) -> Iterator[str]:
    """What a source takes of JAX and the runtime: `jnp.tanh`, `jax.nn.relu`, `rt.flatten`."""
    inner: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node not in inner:
            names, value = [node.attr], node.value
            while isinstance(value, ast.Attribute):
                inner.add(value)
                names, value = [value.attr, *names], value.value
            if isinstance(value, ast.Name) and value.id in MODULES:
                yield ".".join([value.id, *names])


def _of_twins(dotted: str, twins: Mapping[str, str]) -> str:
    """The twin of what is called; "" for what NumPy has by itself."""
    import numpy as np

    head, _, name = dotted.removeprefix("jax.nn.").rpartition(".")
    if head == "jnp" and hasattr(np, name):
        return ""
    if name in twins and head in ("", "rt"):
        return name
    raise NoTwin(dotted)


def _translated(source: str, renamed: Mapping[str, str]) -> str:
    """Emitted source that calls NumPy and twins."""
    return _rewritten(source, renamed, {"jnp.": "np.", "jax.nn.": "_", "rt.": "_"})


def _rewritten(source: str, names: Mapping[str, str], prefixes: Mapping[str, str] | None = None) -> str:
    """A source with other names of variables and other prefixes of calls; texts and comments stay."""
    edits: list[tuple[int, int, int, str]] = []
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    skip = 0
    for i, token in enumerate(tokens):
        if i < skip or token.type != tokenize.NAME or (i and tokens[i - 1].string == "."):
            continue
        row, column = token.start
        for prefix, new in (prefixes or {}).items():
            words = [word for part in prefix.rstrip(".").split(".") for word in (part, ".")]
            if [t.string for t in tokens[i : i + len(words)]] == words:
                edits.append((row, column, column + len(prefix), new))
                skip = i + len(words) + 1
                break
        else:
            if token.string in names:
                edits.append((row, column, token.end[1], names[token.string]))
    lines = source.splitlines()
    for row, start, stop, new in reversed(edits):
        lines[row - 1] = lines[row - 1][:start] + new + lines[row - 1][stop:]
    return "\n".join(lines)
