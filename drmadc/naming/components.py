"""What the entries of a feature are, by name: columns of a table, words, pixels; and so the units that read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from drmadc.ir import nodes as ir
from drmadc.ir.program import Data, Function, Program
from drmadc.ir.types import LEADING, Array, Type
from drmadc.language.functions.losses import Loss
from drmadc.language.registry import CALLS

Names = tuple[str, ...]
Scope = Mapping[str, Names]
MIXED = ("matmul", "softmax", "expm", "mix_tasks", "neighbours")
"""Functions whose entries are not those of their argument, though there may be as many."""


@dataclass(frozen=True)
class Components:
    """Names of entries in a program; `classes` are the names of the source's classes by field.

    An entry that has no name of its own is called by its place: `x[3]`, `image[2, 5]`.
    """

    program: Program
    classes: Mapping[str, Names]

    def of_feature(self, name: str) -> Names:
        """The entries of a feature of the data, in the order in which a flat array has them."""
        data = self.program.data
        value = next((let.value for let in data.features if let.name == name), None) if data is not None else None
        if data is None or value is None:
            return ()
        return self._of(value, {f.name: self._of_field(f.name, f.type, data) for f in data.fields}) or _places(
            name, value.type
        )

    def of_inputs(self, layer: str) -> Names:
        """The inputs of a layer; () where they are units of another, or differ from call to call."""
        for model in self.program.models:
            values = [*(let.value for let in model.lets), model.value]
            for node in (node for value in values for node in ir.walk(value)):
                if isinstance(node, ir.Layer) and node.path == layer and node.args:
                    return self._of(node.args[0], self._scope(model.name))
        return ()

    def of_outputs(self, layer: str) -> Names:
        """The classes that the units of a layer stand for: where a loss compares what it gives with a label."""
        for function in self._functions():
            for node in _nodes(function):
                if isinstance(node, ir.Call) and isinstance(CALLS.get(node.function), Loss) and len(node.args) > 1:
                    output, label = node.args[:2]
                    if isinstance(output, ir.Apply) and self._last(output.model) == layer:
                        return self.of_label(_feature(label))
        return ()

    def of_label(self, feature: str) -> Names:
        """The names of the classes of a label or of a one-hot feature; () where they are numbers."""
        data = self.program.data
        value = next((let.value for let in data.features if let.name == feature), None) if data is not None else None
        fields = ir.names_in(value) if value is not None else ()
        return next((self.classes[field] for field in fields if field in self.classes), ())

    def of_axis(self, hyper: str) -> Names:
        """The entries of a hyperparameter of one size axis: those of the feature that it multiplies entry by entry."""
        length = prod(self.program.hyper(hyper).shape)
        for function in self._functions():
            for node in _nodes(function):
                match node:
                    case ir.Call("matmul", (ir.Name() as left, ir.Hyper(id_))) if id_ == hyper:
                        found = self.of_feature(_feature(left))
                    case ir.Binary("*", ir.Name() as left, ir.Hyper(id_)) if id_ == hyper:
                        found = self.of_feature(_feature(left))
                    case ir.Binary("*", ir.Hyper(id_), ir.Name() as right) if id_ == hyper:
                        found = self.of_feature(_feature(right))
                    case _:
                        continue
                if len(found) == length:
                    return found
        return ()

    def _functions(self) -> Iterator[Function]:
        yield self.program.loss
        yield self.program.objective
        yield from (report.function for report in self.program.reports)

    def _scope(self, model: str) -> Scope:
        """The names of a model's inputs and of what its body binds."""
        found = self.program.model(model)
        calls = [n for f in self._functions() for n in _nodes(f) if isinstance(n, ir.Apply) and n.model == model]
        scope: dict[str, Names] = {}
        for place, (name, _) in enumerate(found.inputs):
            given = {self.of_feature(_feature(call.args[place])) for call in calls}
            scope[name] = next(iter(given)) if len(given) == 1 else ()
        for let in found.lets:
            scope[let.name] = self._of(let.value, scope)
        return scope

    def _last(self, model: str) -> str:
        """The layer whose units a model gives; "" where it computes something of them."""
        found = self.program.model(model)
        value = found.value
        if isinstance(value, ir.Name):
            value = next((let.value for let in found.lets if let.name == value.id), value)
        return value.path if isinstance(value, ir.Layer) else ""

    def _of_field(self, name: str, type_: Array, data: Data) -> Names:
        columns = dict(data.columns).get(name, name)
        if isinstance(columns, tuple):
            return columns
        return _places(columns, type_)

    def _of(self, value: ir.Expr, scope: Scope) -> Names:
        """The entries of an expression; () where they have no names."""
        found: Names = ()
        match value:
            case ir.Name(id_):
                found = scope.get(id_, ())
            case ir.Unary(_, x):
                found = self._of(x, scope)
            case ir.Binary(_, left, right):
                found = self._of(left, scope) if _per_example(left.type) else self._of(right, scope)
            case ir.Call("one_hot", (x,)):
                classes = self._classes_of(x)
                count = int(value.option)
                inner = self._of(x, scope)
                found = tuple(f"{name}={classes[k] if k < len(classes) else k}" for name in inner for k in range(count))
            case ir.Call("is_missing", (x,)):
                found = tuple(f"{name} missing" for name in self._of(x, scope))
            case ir.Call("concat", args):
                parts = [self._of(arg, scope) for arg in args]
                found = tuple(name for part in parts for name in part) if all(parts) else ()
            case ir.Call(function, args) if args and function not in MIXED:
                found = self._of(args[0], scope)
            case _:
                pass
        return found if len(found) == _count(value.type) else ()

    def _classes_of(self, x: ir.Expr) -> Names:
        return next((self.classes[name] for name in ir.names_in(x) if name in self.classes), ())


def _nodes(function: Function) -> Iterator[ir.Expr]:
    for value in (*(let.value for let in function.lets), function.value):
        yield from ir.walk(value)


def _feature(expr: ir.Expr) -> str:
    """The feature that `batch.x` or `valid.x` names; "" for another expression."""
    return expr.id.rpartition(".")[2] if isinstance(expr, ir.Name) else ""


def _inner(type_: Type) -> tuple[int, ...]:
    return tuple(axis.size for axis in type_.axes if axis.kind not in LEADING) if isinstance(type_, Array) else ()


def _count(type_: Type) -> int:
    return prod(_inner(type_))


def _per_example(type_: Type) -> bool:
    return isinstance(type_, Array) and any(axis.kind in LEADING for axis in type_.axes)


def _places(name: str, type_: Type) -> Names:
    """`x` for a number, x[0], x[1] ... for an array, in the order of a flat one."""
    shape = _inner(type_)
    if not shape:
        return (name,)
    return tuple(f"{name}[{', '.join(map(str, place))}]" for place in product(*map(range, shape)))
