"""What every command does: read and compile a spec, show diagnostics, end with the right exit code."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

import click

from drmadc.cli.parameters import FilePath
from drmadc.common.diagnostics import render as rendering
from drmadc.common.diagnostics.model import Diagnostic, SpecError
from drmadc.common.source import SourceFile
from drmadc_common.printable import printable
from drmadc_common.run_folder import DamagedRun

if TYPE_CHECKING:
    from drmadc.compiler.driver import Compilation
    from drmadc_runtime.run.reporting.loggers import Service
    from drmadc_runtime.run.reporting.plain import Display
    from drmadc_runtime.run.run import Options

OK, WRONG_SPEC, FAILED, WRONG_GRADIENT, UNEXPECTED, BUG, INTERRUPTED = 0, 1, 3, 4, 5, 70, 130  # usage: click's, 2
T = TypeVar("T")


spec = click.argument("spec", type=FilePath())
overrides = click.argument("overrides", nargs=-1)
error_format = click.option(
    "--error-format", type=click.Choice(["text", "json"]), default="text", help="Format of diagnostics."
)
quiet = click.option("--quiet", is_flag=True, help="Print warnings only.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines.")

debug_nans = click.option(
    "--debug-nans", is_flag=True, help="When a run is not finite, find the operation and its line."
)
services = click.option(
    "--log", "services", multiple=True, type=click.Choice(["tensorboard", "wandb"]), help="Also log to this service."
)
device = click.option("--device", metavar="DEVICE", help="Where to compute: cpu, gpu, or one of several: cuda:0.")


@dataclass(frozen=True)
class Passed:
    """Options of a group of runs that each of them is given too."""

    quiet: bool
    as_json: bool
    debug_nans: bool
    services: tuple[str, ...]
    device: str | None

    @property
    def words(self) -> tuple[str, ...]:
        """As words of the command line."""
        flags = {"--quiet": self.quiet, "--json": self.as_json, "--debug-nans": self.debug_nans}
        valued = [("--log", service) for service in self.services]
        valued += [("--device", self.device)] if self.device is not None else []
        return (*(flag for flag, is_set in flags.items() if is_set), *(word for pair in valued for word in pair))


def display(quiet: bool, as_json: bool) -> "Display":
    """Who is told of a run."""
    from drmadc_runtime.run.reporting.choose import display as chosen

    if quiet and as_json:
        raise click.UsageError("--quiet and --json cannot be combined")
    return chosen(quiet, as_json)


def use_device(name: str | None) -> None:
    """Compute on a device from here on; one that is not there ends the process."""
    if name is None:
        return
    from drmadc_runtime.core.device import NoDevice, use

    try:
        use(name)
    except NoDevice as error:
        raise click.UsageError(str(error)) from error


def options(
    shown: "Display", compilation: "Compilation", services: tuple[str, ...] = (), debug_nans: bool = False
) -> "Options":
    """How a run of a compiled spec is watched."""
    from drmadc.api import predicted
    from drmadc_runtime.run.run import Options

    known = tuple(cast("Service", service) for service in services)
    return Options(shown, predicted(compilation.require()), known, debug_nans)


def read(path: Path, error_format: str) -> SourceFile:
    """The text of a spec."""
    from drmadc.compiler.source_files import read_source

    try:
        return read_source(path)
    except SpecError as error:
        show(error.diagnostics, error_format)
        sys.exit(WRONG_SPEC)
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error


def compile_spec(path: Path, overrides: tuple[str, ...], error_format: str, after: str | None = None) -> "Compilation":
    """A compiled spec; one that is wrong ends the process after its diagnostics."""
    from drmadc.compiler.driver import compile_source

    compilation = compile_source(read(path, error_format), overrides, after)
    if not compilation.ok and after is None:
        show(compilation.diagnostics, error_format)
        sys.exit(WRONG_SPEC)
    return compilation


def running(work: Callable[[], T], compilation: "Compilation") -> T:
    """Do what trains; what can go wrong then ends with exit code 3 and one message."""
    from drmadc_runtime.core.domains import OutsideDomain
    from drmadc_runtime.data.sources.request import DataError
    from drmadc_runtime.program.failure import NotFinite
    from drmadc_runtime.run.reporting.loggers import MissingPackage
    from drmadc_runtime.run.signals import Stopped

    try:
        return work()
    except (FileExistsError, BrokenPipeError, DamagedRun):
        raise
    except Stopped as error:
        fail(error.code, str(error))
    except (NotFinite, OutsideDomain, DataError, MissingPackage, OSError) as error:
        fail(FAILED, f"run failed: {error or type(error).__name__}")
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        from drmadc.tools.plan import out_of_memory_text
        from drmadc_runtime.core.device import free_memory

        program = compilation.require()
        fail(FAILED, f"run failed: {out_of_memory_text(program, free_memory(), str(error).splitlines())}")


def show(diagnostics: tuple[Diagnostic, ...], error_format: str) -> None:
    """Diagnostics on standard error, as text or JSON lines."""
    if error_format == "json":
        for item in diagnostics:
            click.echo(json.dumps(rendering.as_json(item)), err=True)
    elif diagnostics:
        click.echo(rendering.render(diagnostics), err=True, nl=False)


def fail(code: int, message: str) -> NoReturn:
    """End the process with a message."""
    click.echo(message, err=True)
    sys.exit(code)


def broken(error: OSError) -> NoReturn:
    """End the process after an error of the system, such as a full disk, with one message where one can be written."""
    where = f"{printable(str(error.filename))}: " if error.filename else ""
    try:
        sys.stdout.flush()
    except OSError:
        where = where or "cannot write the output: "
        discard_output()
    with suppress(OSError):
        click.echo(f"failed: {where}{error.strerror or error}", err=True)
    sys.exit(FAILED)


def discard_output() -> None:
    """Let what is still to be printed go nowhere: Python would fail on it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def flush() -> None:
    """Write out what was printed, unless standard output is closed, as a language server leaves it.

    Raises:
        OSError: it cannot be written.
    """
    if not sys.stdout.closed:
        sys.stdout.flush()
