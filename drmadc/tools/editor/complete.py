"""What may stand at a place of a spec."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from drmadc.compiler.check.blocks.clipping import USAGE
from drmadc.compiler.driver import Compilation, prelude
from drmadc.language.registry import FUNCTIONS
from drmadc.language.strategies.registry import EXAMPLES, arguments_of
from drmadc.syntax import ast
from drmadc.tools.editor.texts import AXES, CLIP, DECLARATIONS, DOMAINS, SETTINGS
from drmadc.tools.editor.words import block_at
from drmadc_common.parts import SPLITS

Kind = Literal["keyword", "setting", "function", "hyperparameter", "value", "type", "group", "rule"]
_START = re.compile(r"^\s*[A-Za-z_]*$")
_TYPE = re.compile(r"^\s*hyper\s+\w+\s*:\s*\w*$")
_AXIS = re.compile(r"^\s*hyper\s+\w+\s*:\s*\w+\[(?:[^\]]*,)?\s*\w*$")
_OF = re.compile(r"\b(?:of|for)\s+[\w.]*$")
_MEMBER = re.compile(r"([A-Za-z_]\w*)\.\w*$")
_STRATEGY = re.compile(r"^\s*reverse\s*=\s*\w*$")
_STRATEGY_ARGUMENT = re.compile(r"^\s*reverse\s*=\s*(\w+)\((?:[^)]*,)?\s*\w*$")
_RULE = re.compile(r"^\s*update\s*=\s*\w*$")
_SPLIT = re.compile(r"\bon\s+\w*$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may be written, its kind, and a line about it."""

    word: str
    kind: Kind
    about: str = ""


def complete(compilation: Compilation, offset: int) -> list[Candidate]:
    """Candidates at an offset of a spec, which need not be whole."""
    text = compilation.source.text
    line = text[text.rfind("\n", 0, offset) + 1 : offset]
    if "#" in line:
        return []
    block = block_at(text, offset)
    return list(dict.fromkeys(_candidates(compilation, block, line)))


def _candidates(compilation: Compilation, block: str, line: str) -> Iterator[Candidate]:
    member = _MEMBER.search(line)
    strategy = _STRATEGY_ARGUMENT.match(line) if block == "tune" else None
    if not block and _START.match(line):
        yield from (Candidate(word, "keyword", about) for word, about in DECLARATIONS.items())
    elif _TYPE.match(line):
        yield from (Candidate(word, "type", about) for word, about in DOMAINS.items())
    elif _AXIS.match(line):
        yield from (Candidate(word, "type", about) for word, about in AXES.items())
    elif member is not None:
        yield from _members(compilation, member[1])
    elif _OF.search(line):
        yield from _groups(compilation)
    elif _SPLIT.search(line):
        yield from _splits(compilation)
    elif _START.match(line) and block in SETTINGS:
        yield from (Candidate(word, "setting", about) for word, about in SETTINGS[block].items())
    elif block == "tune" and _STRATEGY.match(line):
        yield from (Candidate(word, "function", example) for word, example in EXAMPLES.items())
    elif strategy is not None:
        yield from (Candidate(word, "setting", about) for word, about in arguments_of(strategy[1]).items())
    elif block in ("train", "tune") and _RULE.match(line):
        for decl in (*prelude().decls, *compilation.spec.decls):
            if isinstance(decl, ast.UpdateDecl):
                yield Candidate(decl.name, "rule", f"{decl.name}({', '.join(p.name for p in decl.params)})")
        yield Candidate("clip", "rule", f"{CLIP}, as in `{USAGE}`")
    else:
        yield from _values(compilation)


def _values(compilation: Compilation) -> Iterator[Candidate]:
    for decl in compilation.spec.decls:
        match decl:
            case ast.HyperDecl():
                yield Candidate(decl.name, "hyperparameter", decl.span.text.partition("=")[0].strip())
            case ast.ParamsDecl() | ast.LetDecl() | ast.ModelDecl():
                yield Candidate(decl.name, "value", decl.span.text.partition("\n")[0].strip())
            case ast.DataDecl(items=items):
                for item in items:
                    if isinstance(item, ast.Feature):
                        yield Candidate(item.name, "value", item.span.text)
            case _:
                continue
    yield from (Candidate(name, "function", f"{op.signature}: {op.about}") for name, op in FUNCTIONS.items())


def _members(compilation: Compilation, model: str) -> Iterator[Candidate]:
    for candidate in _groups(compilation):
        head, _, rest = candidate.word.partition(".")
        if head == model and rest:
            yield Candidate(rest, "group", candidate.about)


def _groups(compilation: Compilation) -> Iterator[Candidate]:
    if compilation.ir is None:
        for decl in compilation.spec.decls:
            if isinstance(decl, ast.ModelDecl):
                for part in ("weights", "biases", "params", *(binding.name for binding in decl.body)):
                    yield Candidate(f"{decl.name}.{part}", "group")
        return
    for group in compilation.ir.groups:
        yield Candidate(group.name, "group", ", ".join(group.members))
    for parameter in compilation.ir.parameters:
        yield Candidate(parameter.path, "group", f"{list(parameter.full_shape)}")


def _splits(compilation: Compilation) -> Iterator[Candidate]:
    data = None if compilation.ir is None else compilation.ir.data
    sizes = {} if data is None else {split.name: f"{split.size:,} examples" for split in data.splits}
    for name in sizes or SPLITS:
        yield Candidate(name, "value", sizes.get(name, ""))
