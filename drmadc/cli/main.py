"""The command line: all reading, writing, printing and exit codes."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from drmadc import __version__
from drmadc.cli import console
from drmadc.cli.compare import compare, runs
from drmadc.cli.data import data
from drmadc.cli.evaluate import evaluate
from drmadc.cli.parameters import Bytes, FilePath
from drmadc.cli.predict import predict
from drmadc.cli.run import member, run
from drmadc.cli.runs import diff, export, plot, resume, show
from drmadc.cli.start import completion, doctor, lsp, new, quickstart
from drmadc.common.diagnostics.codes import EXPLANATIONS
from drmadc.common.diagnostics.model import Bag, SpecError
from drmadc.common.diagnostics.suggest import did_you_mean
from drmadc_common.atomic import write_whole
from drmadc_common.run_folder import DamagedRun

STAGES = ("ast", "ir", "adjoint", "python", "jaxpr", "hlo")

_spec, _overrides, _format = console.spec, console.overrides, console.error_format

_memory = click.option(
    "--memory", type=Bytes(), default="2GB", show_default=True, help="Memory limit of the exact strategies."
)


class Group(click.Group):
    """Commands in the order of use, and a hint for a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [
            "quickstart",
            "new",
            "run",
            "resume",
            "plan",
            "audit",
            "emit",
            "check",
            "fmt",
            "data",
            "plot",
            "show",
            "diff",
            "runs",
            "compare",
            "export",
            "predict",
            "evaluate",
            "explain",
            "doctor",
            "completion",
            "lsp",
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what no command can help ends with one message: damaged folders, files, a full disk."""
        try:
            result = super().invoke(ctx)
            console.flush()
            return result
        except SpecError as error:
            console.show(error.diagnostics, "text")
            sys.exit(console.WRONG_SPEC)
        except DamagedRun as error:
            console.fail(console.FAILED, str(error))
        except BrokenPipeError:
            raise
        except OSError as error:
            console.broken(error)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"no command `{args[0]}`; {did_you_mean(args[0], self.list_commands(ctx), 'command')}")
        return super().resolve_command(ctx, args)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="drmadc")
def cli() -> None:
    """Compile and run hyperparameter programs: a page that says what is trained, what is tuned, and how.

    \b
    Examples:
      drmadc run specs/mnist_l2.drm
      drmadc run specs/mnist_l2.drm train.steps=500 tune.reverse='exact(store)'
      drmadc plan specs/mnist_l2.drm
      drmadc audit specs/mnist_l2.drm
      drmadc emit specs/mnist_l2.drm -o mnist_l2.py
      drmadc check specs/mnist_l2.drm

    \b
    Exit codes: 0 done; 1 invalid spec; 2 usage; 3 the run failed; 4 audit: the direction is wrong;
    5 run --check: an expectation does not hold; 70 a bug in drmadc.
    """


@cli.command(short_help="Predict the cost of every reverse strategy.")
@_spec
@_overrides
@_memory
@_format
def plan(spec: Path, overrides: tuple[str, ...], memory: int, error_format: str) -> None:
    """Predict the cost of every reverse strategy for SPEC, without running it.

    Memory is the predicted peak without data and hyperparameters; work is one hypergradient in training runs.

    \b
    Examples:
      drmadc plan specs/mnist_l2.drm
      drmadc plan specs/mnist_l2.drm train.steps=10000 --memory 200MB
    """
    from drmadc.compiler.passes.strategy.plan import plan as plan_program
    from drmadc.tools.plan import plan_text

    compilation = console.compile_spec(spec, overrides, error_format)
    console.show(compilation.diagnostics, error_format)
    program = compilation.require()
    click.echo(plan_text(program, plan_program(program, memory)), nl=False)


@cli.command()
@_spec
@_overrides
@_memory
@_format
def audit(spec: Path, overrides: tuple[str, ...], memory: int, error_format: str) -> None:
    """Ask whether SPEC's hypergradient is right, close to the exact one, and of use.

    Compares the derivative with an independent one, an approximation with the exact hypergradient, and what an outer
    step changes with what was predicted. Each answer says what to change. Trains about twenty times. Exit code 4: the
    hypergradient is wrong or useless.

    \b
    Examples:
      drmadc audit specs/mnist_l2.drm
      drmadc audit specs/mnist_l2.drm tune.reverse='drmad(paper)'
    """
    compilation = console.compile_spec(spec, overrides, error_format)
    console.show(compilation.diagnostics, error_format)
    from drmadc.tools.audit.audit import audit as audit_program
    from drmadc.tools.audit.text import report_text

    try:
        report = console.running(lambda: audit_program(compilation, memory), compilation)
    except SpecError as error:
        console.show(error.diagnostics, error_format)
        sys.exit(console.WRONG_SPEC)
    click.echo(report_text(report), nl=False)
    if report.audit.wrong:
        sys.exit(console.WRONG_GRADIENT)


@cli.command(short_help="Print what a spec compiles to: the JAX module.")
@_spec
@_overrides
@click.option(
    "--stage", type=click.Choice(STAGES), default="python", show_default=True, help="Compiler stage to print."
)
@click.option("--after", metavar="PASS", help="With --stage ir: stop after this pass (fold, adjoint).")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
@_format
def emit(
    spec: Path,
    overrides: tuple[str, ...],
    stage: str,
    after: str | None,
    output: str | None,
    error_format: str,
) -> None:
    """Print what SPEC compiles to: by default the JAX module, which also runs on its own.

    \b
    Examples:
      drmadc emit specs/mnist_l2.drm | less
      drmadc emit specs/mnist_l2.drm --stage adjoint
      drmadc emit specs/mnist_l2.drm -o mnist_l2.py && python mnist_l2.py
    """
    text = _stage(spec, overrides, stage, after, error_format)
    if output is None:
        click.echo(text, nl=False)
        return
    target = Path(output)
    try:
        write_whole(target, text)
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {error.strerror}") from error


@cli.command()
@_spec
@_overrides
@_format
def check(spec: Path, overrides: tuple[str, ...], error_format: str) -> None:
    """Check SPEC and report all errors, without running it.

    \b
    Example:
      drmadc check specs/mnist_l2.drm train.steps=500
    """
    compilation = console.compile_spec(spec, overrides, error_format)
    console.show(compilation.diagnostics, error_format)
    program = compilation.require()
    hypers = ", ".join(f"{h.name}: {h.text}" for h in program.hypers)
    guard = f"; {program.data.set_aside}" if program.data is not None and program.data.set_aside else ""
    click.echo(f"{spec}: ok; {hypers}; {program.reverse.text}{guard}")


@cli.command(short_help="Rewrite specs in the canonical layout.")
@click.argument("specs", nargs=-1, required=True, type=FilePath())
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if a file would change.")
@_format
def fmt(specs: tuple[Path, ...], only_check: bool, error_format: str) -> None:
    """Rewrite SPECS in the canonical layout (`-`: from standard input to standard output).

    \b
    Examples:
      drmadc fmt specs/mnist_l2.drm
      drmadc fmt --check specs/*.drm
    """
    from drmadc.syntax.format import format_spec
    from drmadc.syntax.parse import parse

    changed = False
    for path in specs:
        source = console.read(path, error_format)
        bag = Bag()
        tree = parse(source, bag)
        if bag.failed:
            console.show(bag.sorted(), error_format)
            sys.exit(console.WRONG_SPEC)
        text = format_spec(tree)
        if str(path) == "-":
            click.echo(text, nl=False)
        elif text != source.text:
            changed = True
            click.echo(f"{path}: {'would change' if only_check else 'formatted'}")
            if not only_check:
                write_whole(path, text)
    if changed and only_check:
        sys.exit(console.WRONG_SPEC)


_TOGETHER = (run, member, resume, data, plot, show, diff, runs, compare, export, predict, evaluate)
for command in (*_TOGETHER, new, quickstart, doctor, completion, lsp):
    cli.add_command(command)


@cli.command()
@click.argument("word", required=False)
def explain(word: str | None) -> None:
    """Explain a diagnostic code or a function of the language; without a word, list the codes.

    \b
    Examples:
      drmadc explain                # all codes, a line each
      drmadc explain E0401
      drmadc explain cross_entropy
      drmadc explain functions      # all of them, a line each
    """
    from drmadc.language.reference import explanation, listing
    from drmadc.language.registry import FUNCTIONS

    if word is None:
        for name in sorted(EXPLANATIONS):
            click.echo(f"{name}  {EXPLANATIONS[name].partition(chr(10))[0]}")
        return
    code = word.upper()
    if code in EXPLANATIONS:
        click.echo(f"{code}: {EXPLANATIONS[code]}")
    elif word in FUNCTIONS:
        click.echo(explanation(word))
    elif word == "functions":
        click.echo(listing())
    else:
        if code[1:].isdigit():
            hint = did_you_mean(code, EXPLANATIONS, "code")
        else:
            hint = did_you_mean(word, (*FUNCTIONS, "functions"), "function")
        raise click.UsageError(f"no diagnostic code or function `{word}`; {hint}")


def _stage(path: Path, overrides: tuple[str, ...], stage: str, after: str | None, error_format: str) -> str:
    from drmadc.compiler.passes.pipeline import PASSES
    from drmadc.ir.text import program_text

    names = [name for name, _ in PASSES]
    if after is not None and (after not in names or stage not in ("ir", "adjoint")):
        raise click.UsageError(f"--after requires --stage ir and takes one of: {', '.join(names)}")
    if stage == "ast":
        from drmadc.syntax.parse import parse

        bag = Bag()
        tree = parse(console.read(path, error_format), bag)
        if bag.failed:
            console.show(bag.sorted(), error_format)
            sys.exit(console.WRONG_SPEC)
        return "\n".join(repr(decl) for decl in tree.decls) + "\n"
    compilation = console.compile_spec(path, overrides, error_format, after or ("fold" if stage == "ir" else None))
    if compilation.ir is None:
        console.show(compilation.diagnostics, error_format)
        sys.exit(console.WRONG_SPEC)
    if stage in ("ir", "adjoint"):
        return program_text(compilation.ir)
    if stage == "python":
        return compilation.text
    from drmadc.compiler.load import load_module
    from drmadc_runtime.program.executor import Executor
    from drmadc_runtime.program.lowered import hlo, jaxpr

    executor = Executor(load_module(compilation.text, compilation.ir.name))
    return jaxpr(executor) if stage == "jaxpr" else hlo(executor)


def main(command: Callable[..., Any] = cli) -> None:
    """The entry point: a bug in drmadc ends with exit code 70 and what to report."""
    try:
        command(prog_name="drmadc", standalone_mode=False)
        console.flush()
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _reader_gone()
    except OSError as error:  # of --help, which is printed before a command is chosen
        console.broken(error)
    except SystemExit:
        if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):  # click has met a broken pipe
            _reader_gone()
        raise
    except Exception:
        click.echo(traceback.format_exc(), err=True)
        click.echo(
            "this is a bug in drmadc, not in your spec; please report the lines above, the spec, and\n"
            f"  drmadc {__version__}, Python {sys.version.split()[0]}, {sys.platform}",
            err=True,
        )
        sys.exit(console.BUG)


def _reader_gone() -> NoReturn:
    """Who read the output wants no more of it."""
    console.discard_output()
    sys.exit(console.OK)


def _interrupted() -> NoReturn:
    click.echo("interrupted; partial results are in the run folder", err=True)
    sys.exit(console.INTERRUPTED)


if __name__ == "__main__":
    main()
