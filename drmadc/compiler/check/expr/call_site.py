"""What the checker tells a function or layer of the place where it is called."""

from dataclasses import dataclass

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.compiler.check.context import Context, Infer
from drmadc.compiler.check.errors import type_errors
from drmadc.compiler.check.expr.balanced import balanced
from drmadc.compiler.check.expr.shapes import broadcast_to_group
from drmadc.compiler.check.source import may_be_label
from drmadc.ir import nodes as ir
from drmadc.ir.group_axes import axis_length, axis_slots
from drmadc.ir.program import Field, Let, Parameter
from drmadc.ir.types import Array, Axis, AxisKind, Tree
from drmadc.language.context import Place
from drmadc.syntax import ast


@dataclass(frozen=True, slots=True)
class CallSite:
    """The `TypingContext` of a call."""

    ctx: Context
    checker: Infer

    @property
    def place(self) -> Place:
        return self.ctx.place

    @property
    def hyper(self) -> tuple[str, Array] | None:
        return None if self.ctx.shape is None else (self.ctx.name, self.ctx.shape)

    @property
    def group(self) -> Tree | None:
        tree = self.ctx.locals.get("") if self.ctx.place == "init" else None
        return tree if isinstance(tree, Tree) else None

    @property
    def layer(self) -> str:
        return self.ctx.layer or ""

    @property
    def steps(self) -> int | None:
        return self.ctx.known.steps

    @property
    def tasks(self) -> int:
        return self.ctx.tasks

    def infer(self, expr: ast.Expr) -> ir.Expr | None:
        return self.checker(expr, self.ctx)

    def infer_with_missing(self, expr: ast.Expr) -> ir.Expr | None:
        before, self.ctx.filling = self.ctx.filling, True
        x = self.checker(expr, self.ctx)
        self.ctx.filling = before
        return x

    def report(self, mistake: Diagnostic) -> None:
        self.ctx.report(mistake)

    def next_draw(self) -> int:
        self.ctx.draws += 1
        return self.ctx.draws - 1

    def next_noise(self) -> int:
        self.ctx.known.noises += 1
        return self.ctx.known.noises - 1

    def members(self, group: str) -> tuple[Parameter, ...]:
        return tuple(self.ctx.known.parameters[path] for path in self.ctx.known.groups[group].members)

    def broadcast(self, x: ir.Expr, group: str, span: Span) -> ir.Expr | None:
        return broadcast_to_group(x, group, span, self.ctx)

    def axis(self, kind: AxisKind, group: str, span: Span) -> Axis | None:
        known = self.ctx.known
        members = known.groups[group].members
        slots = axis_slots(tuple(known.parameters.values()), members, kind)
        covered = {slot.path for slot in slots}
        missing = [path for path in members if path not in covered]
        if missing:
            self.report(type_errors.AxisDoesNotFit(span, kind, group, missing[0]))
            return None
        return Axis(kind, axis_length(slots), group)

    def statistic(self, kind: str, x: ir.Expr, type_: Array, span: Span, epsilon: float | None = None) -> ir.Expr:
        args = (x,) if epsilon is None else (x, ir.Const(epsilon))
        value = ir.Call(kind, args, type_, "examples")
        for let in self.ctx.statistics:
            if let.value == value:
                return ir.Name(f"statistics.{let.name}", type_)
        count = sum(let.name.rstrip("_0123456789") == kind for let in self.ctx.statistics)
        label = f"{kind}_{count + 1}" if count else kind
        self.ctx.statistics.append(Let(label, value, span.origin))
        return ir.Name(f"statistics.{label}", type_)

    def balanced(self, label: ir.Expr) -> ir.Expr | None:
        return balanced(label, self.ctx.known)

    def may_be_classes(self, x: ir.Expr) -> bool:
        return (field := self._field(x)) is not None and field.whole

    def classes_of(self, x: ir.Expr) -> int:
        field, source = self._field(x), self.ctx.source
        if field is None or source is None or not may_be_label(field):
            return 0
        return source.largest(field.name) + 1 if field.whole else len(source.words(field.name))

    def _field(self, x: ir.Expr) -> Field | None:
        """The field of the source that an expression is."""
        fields = self.ctx.source.fields if self.ctx.source is not None else ()
        return next((field for field in fields if isinstance(x, ir.Name) and field.name == x.id), None)

    def declared(self, path: str) -> bool:
        return any(parameter.layer == path for parameter in self.ctx.layers.values())

    def declare(self, parameter: Parameter) -> None:
        self.ctx.layers[parameter.path] = parameter
