"""Who is told of a run: a reader at a terminal, a pipe, a program."""

from drmadc_runtime.run.reporting.json_lines import JsonDisplay
from drmadc_runtime.run.reporting.live import LiveDisplay
from drmadc_runtime.run.reporting.plain import Display


def display(quiet: bool = False, as_json: bool = False) -> Display:
    """What suits: JSON lines where asked for, a live view on a terminal, else plain lines."""
    if as_json:
        return JsonDisplay()
    plain = Display(quiet)
    if quiet or not plain.console.is_terminal:
        return plain
    return LiveDisplay()
