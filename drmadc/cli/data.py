"""`drmadc data`: which data sets there are, where they lie, whether they are whole; and what a spec reads."""

import sys
from pathlib import Path

import click

from drmadc.cli import console
from drmadc.cli.parameters import BUNDLED, FetchedName, FilePath
from drmadc_common.datasets import DATASETS


@click.group(short_help="Download, find, verify and summarise data sets.")
def data() -> None:
    """Fetch data sets, find and verify them, and see what a spec makes of its data.

    Data sets lie in a folder of the platform's choice for caches, or in DRMADC_DATA.
    """


@data.command("list")
def list_() -> None:
    """List the data sets that a spec can name, and whether they are downloaded."""
    from drmadc_runtime.data.sources.downloads import is_here
    from drmadc_runtime.data.sources.registry import REGISTRY

    for name, about in BUNDLED.items():
        click.echo(f"{name:<14} {'in drmadc':<10} {'':>7}  {about}")
    for name, remote in REGISTRY.items():
        state = "here" if is_here(name) else "not here"
        click.echo(f"{name:<14} {state:<10} {remote.mirrors[0].size / 1e6:4.0f} MB  {DATASETS[name].about}")


@data.command()
@click.argument("name", type=FetchedName())
@click.option("--again", is_flag=True, help="Download it even if it is already here.")
def fetch(name: str, again: bool) -> None:
    """Download a data set from the first mirror that responds.

    \b
    Example:
      drmadc data fetch cifar10
    """
    from drmadc_runtime.data.sources.downloads import fetch as fetch_set
    from drmadc_runtime.data.sources.request import DataError

    try:
        click.echo(f"{name} is in {fetch_set(name, lambda text: click.echo(text, err=True), again)}")
    except DataError as error:
        console.fail(console.FAILED, str(error))


@data.command()
@click.argument("name", type=FetchedName())
def where(name: str) -> None:
    """Print the folder of a data set; exit code 3 if it is not downloaded."""
    from drmadc_runtime.data.sources.downloads import cache_folder, is_here

    if not is_here(name):
        console.fail(console.FAILED, f"{name} is not downloaded; run: drmadc data fetch {name}")
    click.echo(cache_folder() / name)


@data.command()
@click.argument("name", type=FetchedName())
def verify(name: str) -> None:
    """Verify the sha256 of a data set's arrays; exit code 3 if they differ."""
    from drmadc_runtime.data.sources.downloads import checksum, verified
    from drmadc_runtime.data.sources.registry import REGISTRY
    from drmadc_runtime.data.sources.request import DataError

    try:
        found = checksum(verified(name))
    except DataError as error:
        console.fail(console.FAILED, str(error))
    known = "as known" if REGISTRY[name].checksum else "unchanged since the download; no reference is known"
    click.echo(f"{name}: sha256 {found}, {known}")


@data.command()
@click.argument("spec", type=FilePath())
@click.argument("overrides", nargs=-1)
@click.option("--names", metavar="NAME", help="List all names of a field's classes or a feature's entries; or task.")
def describe(spec: Path, overrides: tuple[str, ...], names: str | None) -> None:
    """Read SPEC's data and summarise its splits, fields and classes, and what their numbers stand for.

    \b
    Examples:
      drmadc data describe specs/mnist_l2.drm
      drmadc data describe churn.drm --names plan
    """
    compilation = console.compile_spec(spec, overrides, "text")
    from drmadc.compiler.load import load_module
    from drmadc.naming.entries import Entries
    from drmadc.naming.listing import numbered, source_names
    from drmadc_runtime.data.names import class_names
    from drmadc_runtime.data.resident import Data
    from drmadc_runtime.data.summary import describe as describe_data

    data = load_module(compilation.text, compilation.require().name).data
    if data is None:
        click.echo(f"{spec}: uses no data", err=True)
        sys.exit(console.OK)
    classes = console.running(lambda: class_names(data) if isinstance(data, Data) else {}, compilation)
    known = source_names(Entries(compilation.require(), classes, {}))
    if names is not None:
        if names not in known:
            raise click.UsageError(f"`{names}` has no names; what has: {', '.join(known) or 'nothing'}")
        click.echo("\n".join(f"{number} {name}" for number, name in enumerate(known[names])))
        return
    lines = console.running(lambda: describe_data(data), compilation)
    if known:
        lines += ["  names:", *(f"    {name:<12} {numbered(found)}" for name, found in known.items())]
    click.echo("\n".join(lines))
