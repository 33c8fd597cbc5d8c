"""The layers of a hyperparameter: which of its entries belong to which layer of the model."""

from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import Program
from drmadc.ir.types import GROUP_AXES


def layer_parts(program: Program, name: str) -> dict[str, list[int]]:
    """Layer -> indices on the hyperparameter's last axis; empty for a hyperparameter without a group axis."""
    axes = program.hyper(name).type.axes
    if not axes or axes[-1].kind not in GROUP_AXES:
        return {}
    group = program.group(axes[-1].group)
    found: dict[str, dict[int, None]] = {}
    for slot in axis_slots(program.parameters, group.members, axes[-1].kind):
        count = 1
        for n in slot.shape:
            count *= n
        entries = found.setdefault(program.parameter(slot.path).layer, {})
        entries.update(dict.fromkeys(range(slot.start, slot.start + count)))
    return {layer: list(entries) for layer, entries in found.items()}
