"""Commands for beginning, and for tools around: `new`, `quickstart`, `doctor`, `completion`, `lsp`."""

import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from drmadc.cli import console
from drmadc.tools.scaffold.spec import MODELS, TUNED, CannotStart, look, spec_text
from drmadc_common.amounts import count_text
from drmadc_common.atomic import write_whole


def _ask(question: str, given: str | None, default: str, choices: tuple[str, ...] | None = None) -> str:
    """What was given; else the answer, where somebody can be asked; else the default."""
    if given is not None or not sys.stdin.isatty():
        return default if given is None else given
    answer: str = click.prompt(question, default=default, type=click.Choice(choices) if choices else str)
    return answer


@click.command(short_help="Write a commented spec for your own data.")
@click.argument("name")
@click.option(
    "--data", metavar="DATA", help="digits, mnist, ...; a .csv, .parquet, .npz or .txt file; a folder of images."
)
@click.option("--label", metavar="COLUMN", help="What to predict; default the last column, or `label` or `y`.")
@click.option("--model", type=click.Choice(MODELS), help="A linear model, or a network with one hidden layer.")
@click.option("--tune", "tuned", type=click.Choice(TUNED), help="What to tune.")
@click.option("--steps", type=click.IntRange(min=1), default=300, show_default=True, help="Training steps.")
def new(name: str, data: str | None, label: str | None, model: str | None, tuned: str | None, steps: int) -> None:
    """Write NAME.drm, a commented spec for your data that runs as it is; prompts for missing options.

    \b
    Examples:
      drmadc new first --data digits
      drmadc new flowers --data flowers.csv --label species --tune both
    """
    data = _ask("data (digits, mnist, a .csv, .parquet, .npz or .txt file, or a folder of images)", data, "digits")
    model = _ask("model", model, "mlp", MODELS)
    tuned = _ask("what to tune", tuned, "both", TUNED)
    target = Path(name if name.endswith(".drm") else f"{name}.drm")
    for line in _write(target, data, label, model, tuned, steps):
        click.echo(line)
    click.echo(f"{target}: written; next: drmadc run {target}")


def _write(target: Path, data: str, label: str | None, model: str, tuned: str, steps: int) -> tuple[str, ...]:
    """Write the spec; what it says of the columns of a table."""
    from drmadc.common.source import SourceFile
    from drmadc.compiler.driver import compile_source
    from drmadc.syntax.format import format_spec

    if target.exists():
        raise click.UsageError(f"{target} already exists; choose another name")
    try:
        start = look(data, label)
    except CannotStart as error:
        raise click.UsageError(str(error)) from error
    text = spec_text(target.stem, start, model, tuned, steps)
    compilation = compile_source(SourceFile(target.as_posix(), text))
    console.show(compilation.diagnostics, "text")
    try:
        write_whole(target, format_spec(compilation.spec) if compilation.ok else text)
    except OSError as error:
        raise click.UsageError(f"cannot write {target}: {error.strerror}") from error
    return start.became


@click.command(short_help="Write, run and explain a first small spec.")
def quickstart() -> None:
    """Write quickstart.drm into this folder, run it, and suggest next commands; takes a few seconds."""
    from drmadc.compiler.load import load_module
    from drmadc.compiler.read import run_texts
    from drmadc_runtime.run.confirm import verdict
    from drmadc_runtime.run.run import run

    target = Path("quickstart.drm")
    if not target.exists():
        _write(target, "digits", None, "mlp", "rates", 60)
    click.echo(target.read_text(encoding="utf-8"))
    compilation = console.compile_spec(target, (), "text")
    program = load_module(compilation.text, compilation.require().name)
    how = console.options(console.display(quiet=False, as_json=False), compilation)
    done = console.running(lambda: run(program, run_texts(compilation), None, how), compilation)
    count = count_text(sum(value.size for value in done.hypers.values()), "hyperparameter")
    lines = [
        f"{count} tuned; {verdict(done.confirmed, done.best or 0) or 'nothing was confirmed'}.",
        "",
        f"drmadc plot {done.path}    a report with figures",
        f"drmadc emit {target}    the generated JAX code",
        f"drmadc audit {target}    is the gradient right?",
        f"drmadc plan {target}    the cost of other strategies",
        f"drmadc run {target} --seeds 5    does tuning pay? every number with its interval over seeds",
        "drmadc new NAME    a spec for your own data",
    ]
    click.echo("\n" + "\n".join(lines))


@click.command(short_help="Check this machine and say how to fix what is missing.")
def doctor() -> None:
    """Check Python, packages, device, caches and data, and say how to fix what is missing."""
    from drmadc.tools.doctor import examine

    found = examine()
    for finding in found:
        click.echo(finding.text)
    if any(finding.verdict == "BAD" for finding in found):
        sys.exit(console.FAILED)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Examples:
      drmadc completion bash >> ~/.bashrc
      drmadc completion fish > ~/.config/fish/completions/drmadc.fish
    """
    cli = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "drmadc", "_DRMADC_COMPLETE").source())


@click.command(short_help="Run the language server (LSP).")
def lsp() -> None:
    """Run the language server on standard input and output: diagnostics, hover, completion, definitions, formatting."""
    try:
        from drmadc.tools.editor.server import main
    except ImportError as error:
        if error.name not in ("pygls", "lsprotocol"):
            raise
        console.fail(console.FAILED, "the language server needs pygls: pip install 'drmadc[lsp]'")
    main()
