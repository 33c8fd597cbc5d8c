"""What each entry of a hyperparameter belongs to: the row of an example, a column of a table, a layer, a class."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import numpy as np
import numpy.typing as npt

from drmadc.compiler.lower.names import key
from drmadc.ir.group_axes import axis_slots
from drmadc.ir.program import HyperParameter, Program
from drmadc.ir.types import GROUP_AXES, Axis
from drmadc.naming.components import Components, Names
from drmadc_common.omniglot import SETS
from drmadc_common.run_folder import DamagedRun

if TYPE_CHECKING:
    from drmadc_runtime.data.names import ClassNames, Columns


@dataclass(frozen=True)
class Entries:
    """Names of the entries of a program's hyperparameters.

    Attributes:
        program: of which they are.
        classes: the names of the source's classes, by field.
        examples: what the entries of an axis `example` are, by column, as the run found them.
    """

    program: Program
    classes: "ClassNames"
    examples: "Columns"

    def table(self, name: str, values: npt.ArrayLike) -> "Columns":
        """A hyperparameter as a table with a row for each entry, in the order of a flat array.

        Args:
            name: the hyperparameter.
            values: in its shape.

        Returns:
            Columns that say what an entry is (`row`, `label`, `class`; `layer`; `parameter`, `in_unit`, `name`; `step`;
            `task`; ...), then `value`.
        """
        hyper = self.program.hyper(name)
        columns: dict[str, npt.NDArray[np.generic]] = {}
        for place, axis in enumerate(hyper.type.axes):
            for name_, entries in self._columns(axis, hyper).items():
                again = f"{name_}_2" if name_ in columns else name_
                columns[again] = _along(entries, place, hyper.shape).ravel()
        return columns | {"value": np.asarray(values).ravel()}

    def by_value(self, name: str, values: npt.ArrayLike) -> "Columns":
        """The same table with the lowest value first; among equal ones, in the order of the first column."""
        table = self.table(name, values)
        order = np.lexsort((next(iter(table.values())), table["value"]))
        return {column: x[order] for column, x in table.items()}

    def names(self, name: str) -> npt.NDArray[np.str_]:
        """A name for each entry, in the hyperparameter's shape: "" where it has none but its place."""
        hyper = self.program.hyper(name)
        parts = [
            _along(np.array(texts), place, hyper.shape)
            for place, texts in enumerate(self.of_axis(axis, hyper) for axis in hyper.type.axes)
            if any(texts)
        ]
        joined = [", ".join(filter(None, map(str, row))) for row in zip(*(part.ravel() for part in parts), strict=True)]
        return np.reshape(np.array(joined), hyper.shape) if parts else np.full(hyper.shape, "")

    def named(self, name: str) -> bool:
        """Whether entries of a hyperparameter have names of their own."""
        hyper = self.program.hyper(name)
        return any(any(self.of_axis(axis, hyper)) for axis in hyper.type.axes)

    def _columns(self, axis: Axis, hyper: HyperParameter) -> "Columns":
        if axis.kind == "example":
            return dict(self.examples) or {"index": np.arange(axis.length)}
        if axis.kind == "step":
            first = -(-np.arange(axis.length) * axis.size // axis.length)
            return {"bin": np.arange(axis.length), "step": first} if axis.bins else {"step": np.arange(axis.length)}
        if axis.kind in GROUP_AXES:
            return self._units(axis)
        texts = self.of_axis(axis, hyper)
        number = axis.kind if axis.kind in ("task", "class") else "index"
        return {number: np.arange(axis.length), **({"name": np.array(texts)} if texts else {})}

    def of_axis(self, axis: Axis, hyper: HyperParameter) -> Names:
        """The names of an axis's entries; () or "" where they are numbers only."""
        match axis.kind:
            case "example":
                return tuple(f"row {row}" for row in self.examples.get("row", ()))
            case "task":
                return self.tasks()
            case "size":
                return self.components.of_axis(hyper.name) if len(hyper.type.axes) == 1 else ()
            case "class":
                return self.components.of_label(axis.group)
            case "step" | "outer":
                return ()
            case "layer" | "param" | "in_unit" | "out_unit" | "weight":
                units = self._units(axis)
                return tuple(map(str, units.get("name", next(iter(units.values())))))
            case _ as never:
                assert_never(never)

    def tasks(self) -> Names:
        """The alphabets that are the tasks, copies last; () where there is no axis of tasks."""
        given = self.program.data.alphabets if self.program.data is not None else None
        if given is None or given.sampled:
            return ()
        names = SETS[given.name]
        return names if given.copies == "none" else (*names, *(f"{name} {given.copies}" for name in names))

    def _units(self, axis: Axis) -> "Columns":
        """The entries of a group axis: layer or array, place in it, and the name of what a unit reads or gives."""
        found: dict[int, tuple[str, str, str, str]] = {}
        for slot in axis_slots(self.program.parameters, self.program.group(axis.group).members, axis.kind):
            p = self.program.parameter(slot.path)
            dense = p.role == "weight" and len(p.shape) == 2
            reads = self.components.of_inputs(p.layer) if dense and axis.kind in ("in_unit", "weight") else ()
            gives = self.components.of_outputs(p.layer) if axis.kind in ("out_unit", "weight") else ()
            for place, index in enumerate(np.ndindex(slot.shape)):
                parts = [reads[index[0]]] if reads else []
                parts += [gives[index[-1]]] if gives and index else []
                number = index[0] if axis.kind == "in_unit" else index[-1] if axis.kind == "out_unit" else index
                text = " ".join(map(str, number)) if isinstance(number, tuple) else str(number)
                found.setdefault(slot.start + place, (p.layer, key(self.program, slot.path), text, ", ".join(parts)))
        layers, paths, places, names = zip(*(found[number] for number in sorted(found)), strict=True)
        columns = {"layer": layers} if axis.kind in ("layer", "out_unit") else {"parameter": paths}
        if axis.kind not in ("layer", "param"):
            columns |= {"index" if axis.kind == "weight" else axis.kind: places, "name": names}
        return {column: np.array(entries) for column, entries in columns.items()}

    @property
    def components(self) -> Components:
        """The names of what features are made of."""
        return Components(self.program, self.classes)


def _along(entries: npt.NDArray[np.generic], place: int, shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    """The entries of one axis for each entry of all axes."""
    own = tuple(-1 if i == place else 1 for i in range(len(shape)))
    return np.broadcast_to(entries.reshape(own), shape)


def entries_of(program: Program, run: Path) -> Entries:
    """The names of a run's hyperparameters, as it kept them in its folder.

    Raises:
        DamagedRun: a file of the folder is damaged.
    """
    from drmadc_runtime.run.names import CLASSES, EXAMPLES, read_classes, read_examples

    entries = Entries(program, read_classes(run), read_examples(run))
    for hyper in program.hypers:
        for axis in hyper.type.axes:
            if axis.kind == "example" and any(x.shape != (axis.length,) for x in entries.examples.values()):
                raise DamagedRun(run / EXAMPLES, f"its columns are not of {axis.length:,} examples")
            if axis.kind == "class" and len(entries.of_axis(axis, hyper)) not in (0, axis.length):
                raise DamagedRun(run / CLASSES, f"its names are not of {axis.length:,} classes")
    return entries
