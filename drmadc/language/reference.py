"""The functions and layers as the language reference, `drmadc explain` and an editor show them."""

from itertools import groupby

from drmadc.language.op import Family, Op
from drmadc.language.registry import ELEMENTWISE, FUNCTIONS

_HEADS: dict[Family, str] = {
    "elementwise": "elementwise",
    "reduction": "to one number; in a feature, of each entry over the train split",
    "loss": "losses, mean over examples (`reduce: none` for one value each)",
    "metric": "metric",
    "array": "of arrays",
    "noise": "noise, in a model or the training loss",
    "transform": "in a feature",
    "augmentation": "in a feature, for training minibatches only",
    "initial value": "in initial values",
    "schedule": "schedules, in the update rule of `train`; t is the step of 0 .. steps - 1",
    "labels": "in a learned training set",
    "layer": "layers, in models",
}


def by_family() -> tuple[tuple[Family, tuple[Op, ...]], ...]:
    """What a spec may call, by family, in the order of the reference."""
    order = list(_HEADS)
    ops = sorted(FUNCTIONS.values(), key=lambda op: order.index(op.family))
    return tuple((family, tuple(found)) for family, found in groupby(ops, lambda op: op.family))


def markdown_table() -> str:
    """The table of the language reference."""
    rows = ["| function | gives |", "|---|---|"]
    for family, ops in by_family():
        rows.append(f"| *{_HEADS[family]}* | |")
        rows += [f"| `{op.signature.replace(' or ', '`, `')}` | {op.about} |" for op in ops]
    return "\n".join(rows) + "\n"


def listing() -> str:
    """All functions in plain text, a line each."""
    width = max(len(name) for name in FUNCTIONS)
    lines: list[str] = []
    for family, ops in by_family():
        lines += ["", f"{_HEADS[family].replace('`', '')}:"]
        lines += [f"  {op.name:{width}}  {op.about}" for op in ops]
    return "\n".join(lines[1:])


def explanation(name: str) -> str:
    """A function in plain text: its calls, what it gives, where it may stand."""
    op = FUNCTIONS[name]
    lines = [f"{op.signature}: {op.about}", ""]
    if op.takes:
        lines.append(f"It takes {op.takes}.")
    if op.allowed_in:
        lines.append(f"It is only allowed in {op.allowed_in}.")
    elementwise = ELEMENTWISE.get(name)
    if elementwise is not None:
        can = "may" if elementwise.derivative is not None else "may not"
        lines.append(f"It acts on each entry, and {can} stand in update rules and initial values.")
    return "\n".join(lines).strip()


def highlight_pattern() -> str:
    """The regular expression by which an editor's grammar knows a call of a function."""
    return rf"\b({'|'.join(FUNCTIONS)})(?=\()"
