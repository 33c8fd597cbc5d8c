"""Files to sources, and a compilation back to the text of its resolved spec."""

import json
import sys
from pathlib import Path

from drmadc.diagnostics.model import SpecError
from drmadc.diagnostics.render import render
from drmadc.driver import Compilation
from drmadc.source import COMMAND_LINE, SourceFile, Span
from drmadc.syntax import ast
from drmadc.syntax.errors import NotText
from drmadc.syntax.format import format_spec


def read_source(path: Path) -> SourceFile:
    """The text of a file (`-` is standard input).

    Raises:
        SpecError: it is not UTF-8 text.
        OSError: it cannot be read.
    """
    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    name = "standard input" if str(path) == "-" else path.as_posix()
    try:
        text = data.decode("utf-8-sig")
        offset = text.find("\0")
    except UnicodeDecodeError as error:
        text, offset = "", error.start
    if offset >= 0:
        problem = NotText(Span(SourceFile(name, ""), 0, 0), offset)
        raise SpecError((problem,), render((problem,)))
    return SourceFile(name, text)


def resolved_text(compilation: Compilation) -> str:
    """The spec as it was run, overrides put in; a comment names each override."""
    text = format_spec(compilation.spec)
    overrides = [
        value.span.file.text
        for decl in compilation.spec.decls
        for value in _values(decl)
        if value.span.file.name == COMMAND_LINE
    ]
    head = "".join(f"# from the command line: {text}\n" for text in overrides)
    return head + text


def run_texts(compilation: Compilation) -> dict[str, str]:
    """What a run folder holds of the program: the resolved spec, the module, and what `resume` compares with."""
    program = compilation.require()
    about = {
        "name": program.name,
        "spec": compilation.source.name,
        "overrides": compilation.overrides,
        "steps": program.tune_steps,
        "source": compilation.source.text,
    }
    return {
        f"{program.name}.drm": resolved_text(compilation),
        f"{program.name}.py": compilation.text,
        "run.json": json.dumps(about, indent=2) + "\n",
    }


def _values(decl: ast.Decl) -> list[ast.Expr]:
    match decl:
        case ast.TrainDecl(settings) | ast.TuneDecl(settings) | ast.SweepDecl(settings) | ast.RetrainDecl(settings):
            return [s.value for s in settings]
        case ast.DataDecl(_, items):
            return [i.value for i in items]
        case ast.HyperDecl() | ast.ParamsDecl() | ast.LetDecl():
            return [decl.value]
        case _:
            return []
