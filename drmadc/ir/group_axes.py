"""Axes over a parameter group: which entries of a hyperparameter belong to which array."""

from dataclasses import dataclass

from drmadc.ir.program import Parameter


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a group member finds its entries on a hyperparameter's group axis, and how they broadcast."""

    path: str
    start: int
    shape: tuple[int, ...]


def axis_slots(program_parameters: tuple[Parameter, ...], members: tuple[str, ...], kind: str) -> tuple[Slot, ...]:
    """The layout of a group axis: one slot for each member that has entries on it.

    in_unit: rows of each weight; out_unit: columns (and the bias of the same layer); layer: one entry a layer;
    param: one an array; weight: one an element.
    """
    table = {p.path: p for p in program_parameters}
    slots: list[Slot] = []
    shared: dict[str, int] = {}
    start = 0
    for path in members:
        p = table[path]
        if kind == "in_unit":
            if p.role != "weight":
                continue
            shape: tuple[int, ...] = (p.shape[0], 1)
            count = p.shape[0]
        elif kind == "out_unit":
            shape = (1, p.shape[1]) if p.role == "weight" else p.shape
            count = p.shape[-1] if p.shape else 1
        elif kind in ("layer", "param"):
            shape, count = (), 1
        else:
            shape, count = p.shape, 1
            for n in p.shape:
                count *= n
        key = p.layer if kind in ("layer", "out_unit") else path
        if key in shared:
            slots.append(Slot(path, shared[key], shape))
        else:
            shared[key] = start
            slots.append(Slot(path, start, shape))
            start += count
    return tuple(slots)


def axis_length(slots: tuple[Slot, ...]) -> int:
    """Number of entries on a group axis."""
    ends = [0]
    for slot in slots:
        count = 1
        for n in slot.shape:
            count *= n
        ends.append(slot.start + count)
    return max(ends)
