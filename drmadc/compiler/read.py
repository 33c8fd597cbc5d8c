"""A compilation to the texts that a run folder holds of it, and back."""

import json

from drmadc.common.source import COMMAND_LINE, SourceFile
from drmadc.compiler.driver import Compilation, compile_source
from drmadc.compiler.imports import read_from
from drmadc.ir.program import Program
from drmadc.syntax import ast
from drmadc.syntax.format import format_spec
from drmadc_common.run_folder import About


def resolved_text(compilation: Compilation) -> str:
    """The spec as it was run, imports and overrides put in; comments name each, and every value with its origin."""
    text = format_spec(compilation.spec)
    overrides = [
        value.span.file.text
        for decl in compilation.spec.decls
        for value in _values(decl)
        if value.span.file.name == COMMAND_LINE
    ]
    head = "".join(f"# imported: {file.name}\n" for file in compilation.imports)
    head += "".join(f"# from the command line: {text}\n" for text in overrides)
    rows = [row for row in _origins(compilation.require()) if row[1]]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"#   {name:<{widths[0]}}  {value:<{widths[1]}}  {origin}" for name, value, origin in rows]
    return "\n".join([f"{head}{text}", "# Every value, and where it came from:", *lines, ""])


def _origins(program: Program) -> list[tuple[str, str, str]]:
    """Settings and hyperparameters: name, value, and the line that gave it."""

    def setting(name: str, value: object) -> tuple[str, str, str]:
        return name, str(value), program.origin(name) or "default"

    reverse = program.reverse
    strategy = reverse.strategy.text
    chosen = f"{program.origin('tune.reverse') or 'default'}: {reverse.text}" if reverse.reason else reverse.origin
    rows = [
        *((f"hyper {hyper.name}", hyper.text, hyper.origin) for hyper in program.hypers),
        *((f"init {init.group}", init.text.partition("=")[2].strip(), init.origin) for init in program.init),
        setting("train.update", program.step.rule),
        setting("train.steps", program.steps),
        setting("train.batch", program.batch or ("all" if program.batched else "")),
        setting("train.accumulate", program.parts),
        setting("train.sampling", program.sampling if program.batch else ""),
        setting("train.resample", "each outer" if program.redraw else "each run"),
        setting("train.seed", program.seed),
        setting("train.precision", program.precision),
        ("tune.reverse", strategy, chosen),
        setting("tune.steps", program.tune_steps),
        setting("tune.seeds", program.seeds),
        setting("tune.patience", program.patience or ""),
        setting("tune.confirm", program.confirm or ""),
        setting("tune.stop", f"growing({program.stop})" if program.stop else ""),
    ]
    if program.data is not None:
        data = program.data
        rows += [
            (
                f"{data.name}.{split.name}",
                f"{split.size} of {data.source}'s {split.part}",
                data.set_aside if split.name == "guard" and data.set_aside else data.origin,
            )
            for split in data.splits
        ]
        rows.append((f"{data.name}.resample", "each outer" if data.resample else "each run", data.origin))
        rows.append((f"{data.name}.feed", data.feed, data.origin))
    return rows


def run_texts(compilation: Compilation) -> dict[str, str]:
    """What a run folder holds of the program: the resolved spec, the module, and what `resume` compares with."""
    program = compilation.require()
    about: dict[str, object] = {
        "name": program.name,
        "spec": compilation.source.name,
        "overrides": compilation.overrides,
        "seed": program.seed,
        "steps": program.tune_steps,
        "source": compilation.source.text,
    }
    if compilation.imports:
        about["imports"] = {file.name: file.text for file in compilation.imports}
    return {
        f"{program.name}.drm": resolved_text(compilation),
        f"{program.name}.py": compilation.text,
        "run.json": json.dumps(about, indent=2) + "\n",
    }


def recompiled(about: About) -> Compilation:
    """What a run's record (run.json) says of its program, compiled again; of files it reads none but data's headers."""
    return compile_source(SourceFile(about.spec, about.source), about.overrides, read=read_from(about.imports))


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
