"""What a word of a spec means, and where it is declared."""

import re
from collections.abc import Iterator
from math import prod

from drmadc.common.source import Span
from drmadc.compiler.check.blocks.clipping import USAGE
from drmadc.compiler.driver import Compilation, prelude
from drmadc.ir.program import Program
from drmadc.language.registry import FUNCTIONS
from drmadc.language.shapes import describe
from drmadc.language.strategies.registry import EXAMPLES, arguments_of
from drmadc.syntax import ast
from drmadc.syntax.format import format_spec
from drmadc.tools.editor.texts import AXES, CLIP, DECLARATIONS, DOMAINS, SETTINGS
from drmadc.tools.editor.words import Word, block_at, word_at
from drmadc_common.amounts import count_text

_STRATEGY = re.compile(r"^\s*reverse\s*=\s*(\w+)\([^)]*$")


def hover(compilation: Compilation, offset: int) -> tuple[Word, str] | None:
    """The word at an offset and its meaning, as Markdown; None where there is nothing to say."""
    text = compilation.source.text
    word = word_at(text, offset)
    if word is None:
        return None
    line = text[text.rfind("\n", 0, word.start) + 1 : word.start]
    found = [*_argument(word, line)] or [*_declared(compilation, word), *_known(word, block_at(text, offset))]
    return (word, "\n\n".join(found[:2])) if found else None


def _argument(word: Word, line: str) -> Iterator[str]:
    """What a word means as an argument of a reverse strategy; `line` is what stands before it."""
    strategy = _STRATEGY.match(line)
    if strategy is not None and word.path in arguments_of(strategy[1]):
        yield f"argument of `{strategy[1]}()`: {arguments_of(strategy[1])[word.path]}"


def _known(word: Word, block: str) -> Iterator[str]:
    """What the language itself says of a word."""
    if word.path in SETTINGS.get(block, {}):
        yield f"setting of `{block}`: {SETTINGS[block][word.path]}"
    if word.path in DECLARATIONS:
        yield f"`{word.path}`: {DECLARATIONS[word.path]}"
    if word.path in EXAMPLES:
        yield f"reverse strategy: `{EXAMPLES[word.path]}`"
    if word.path in FUNCTIONS:
        op = FUNCTIONS[word.path]
        yield f"{op.family}: `{op.signature}`: {op.about}"
    if word.path == "clip":
        yield f"update rule: `{USAGE}`: {CLIP}"
    if word.path in DOMAINS:
        yield f"domain `{word.path}`: {DOMAINS[word.path]}"
    if word.path in AXES:
        yield f"axis `{word.path}`: {AXES[word.path]}"


def _declared(compilation: Compilation, word: Word) -> Iterator[str]:
    """What the spec says of a word: with types where it compiles, else as it was written."""
    if compilation.ir is not None:
        yield from _typed(compilation.ir, word)
    for decl in (*compilation.spec.decls, *prelude().decls):
        if isinstance(decl, ast.UpdateDecl) and decl.name == word.path:
            yield f"```drm\n{format_spec(ast.Spec((decl,))).strip()}\n```"
        elif compilation.ir is None and isinstance(decl, ast.HyperDecl | ast.ParamsDecl) and decl.name == word.path:
            yield f"```drm\n{decl.span.text}\n```"


def _typed(program: Program, word: Word) -> Iterator[str]:
    for hyper in program.hypers:
        if hyper.name == word.path:
            count = prod(hyper.shape)
            yield (
                f"```drm\nhyper {hyper.name}: {hyper.text}\n```\n"
                f"{count_text(count, 'hyperparameter')}, shape {list(hyper.shape)}; "
                f"domain {hyper.domain}: {DOMAINS[hyper.domain]}"
            )
    for parameter in program.parameters:
        if word.path in (parameter.path, parameter.path.partition(".")[2]):
            yield f"parameter `{parameter.path}`: shape {list(parameter.full_shape)}, {parameter.role}"
    for group in program.groups:
        if group.name == word.path:
            members = [program.parameter(path) for path in group.members]
            numbers = sum(prod(p.full_shape) for p in members)
            shapes = ", ".join(f"{p.path} {list(p.full_shape)}" for p in members)
            yield f"parameter group `{group.name}`, {numbers:,} numbers: {shapes}"
    for model in program.models:
        if model.name == word.path:
            yield f"```drm\nmodel {model.name}: {model.text}\n```"
        for let in model.lets:
            if let.name == word.name and word.path == word.name:
                yield f"`{let.name}`: {describe(let.value.type)}"
    if program.data is not None:
        for feature in program.data.features:
            if feature.name == word.path:
                yield f"feature `{feature.name}`: {describe(feature.value.type)}"
        for split in program.data.splits:
            if split.name == word.path:
                yield f"split `{split.name}`: {split.size:,} examples of {program.data.source}"


def definition(compilation: Compilation, offset: int) -> Span | None:
    """Where the word at an offset is declared; None where the spec does not declare it."""
    word = word_at(compilation.source.text, offset)
    if word is None:
        return None
    model, _, layer = word.path.partition(".")
    for decl in compilation.spec.decls:
        match decl:
            case ast.ModelDecl(name=name, body=body) if layer and name == model:
                found = next((b.name_span for b in body if b.name == layer.partition(".")[0]), decl.name_span)
                return found
            case ast.TuneDecl() | ast.TrainDecl() | ast.SweepDecl() | ast.RetrainDecl() | ast.ReportDecl():
                continue
            case _ if decl.name == word.path:
                return decl.name_span
            case _:
                continue
    return next((span for name, span in _inner(compilation.spec) if name == word.path), None)


def _inner(spec: ast.Spec) -> Iterator[tuple[str, Span]]:
    """Names inside declarations: features, bindings of models."""
    for decl in spec.decls:
        match decl:
            case ast.DataDecl(items=items):
                yield from ((item.name, item.name_span) for item in items if isinstance(item, ast.Feature))
            case ast.ModelDecl(body=body):
                yield from ((binding.name, binding.name_span) for binding in body)
            case _:
                continue
