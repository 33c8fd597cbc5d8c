"""Losses and metrics of each example, and their mean."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, SCALAR, Array, Type, is_scalar, leading
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.functions.class_weights import weights_of
from drmadc.language.op import Family, Function, WrongCall, WrongLiteral
from drmadc.language.shapes import describe
from drmadc.syntax import ast
from drmadc.syntax.format import format_expr
from drmadc.target import tree as py
from drmadc.target.build import call


class NotPerExample(WrongCall):
    """A first argument that is not a value of each example."""

    found: Type

    def problem(self) -> str:
        return "takes per-example predictions as its first argument"

    def label(self) -> str:
        return f"found {describe(self.found)}"


class NotALabel(WrongCall):
    """A second argument that is not a class label."""

    found: Type

    def problem(self) -> str:
        return "takes a class label as its second argument"

    def label(self) -> str:
        return f"found {describe(self.found)}"


class WrongClasses(WrongCall):
    """Logits of another number than there are classes."""

    classes: int
    found: Type

    def problem(self) -> str:
        return f"needs {self.classes} logits, one for each class"

    def label(self) -> str:
        return f"found {describe(self.found)}"


class UnequalArguments(WrongCall):
    """Prediction and target of different shapes."""

    left: Type
    right: Type

    def problem(self) -> str:
        return "takes two arguments of the same shape"

    def label(self) -> str:
        return f"found {describe(self.left)} and {describe(self.right)}"


class UnequalTasks(WrongCall):
    """Tasks on one side only, or in a loss that does not know them."""

    def problem(self) -> str:
        return "does not support these tasks"

    def help(self) -> str:
        return "data with tasks supports `cross_entropy` and `error` of labels, with tasks in both arguments"


class NoTasks(WrongCall):
    """`reduce: task` without tasks."""

    def problem(self) -> str:
        return "needs data with tasks for `reduce: task`"


class WrongSmoothing(WrongCall):
    """Label smoothing by something else than a number from 0 to 1."""

    found: ast.Expr

    def problem(self) -> str:
        return "takes a single number x, 0 <= x < 1, as its `smoothing`"

    def label(self) -> str:
        return f"found `{format_expr(self.found)}`"

    def help(self) -> str:
        return "write for example `smoothing: 0.1`, or declare `hyper s: unit = 0.1`"


UNWEIGHTED = ir.Const(1.0)


@dataclass(frozen=True, slots=True)
class Loss(Function):
    """A loss; `labelled` ones take a class label, `soft` ones probabilities of classes as well.

    The arguments of its calls are prediction and target, where there are such the weight of each example
    (`UNWEIGHTED` for none), and behind it the smoothing of labels.
    """

    family: ClassVar[Family] = "loss"
    labelled: bool = False
    soft: bool = False

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        reduce = "mean"
        given = {arg.name: arg.value for arg in expr.args if arg.name is not None}
        for arg in expr.args:
            if arg.name == "reduce":
                if not (isinstance(arg.value, ast.Name) and arg.value.text in ("mean", "none", "task")):
                    expected = "`mean`, `none` or `task`"
                    ctx.report(WrongLiteral(arg.value.span, self, "`reduce`", expected, arg.value))
                    return None
                reduce = arg.value.text
        output, target = ctx.infer(args[0]), ctx.infer(args[1])
        if output is None or target is None:
            return None
        problem = self._mismatch(expr, args, output.type, target.type, reduce)
        if problem is not None:
            ctx.report(problem)
            return None
        lead = leading(output.type)
        type_ = {"mean": SCALAR, "none": Array("real", lead), "task": Array("real", lead[:1])}[reduce]
        more: list[ir.Expr] = []
        if "weights" in given or "smoothing" in given:
            weights = weights_of(given["weights"], target, self, ctx) if "weights" in given else UNWEIGHTED
            if weights is None:
                return None
            more.append(weights)
        if "smoothing" in given:
            smoothing = self._smoothing(given["smoothing"], ctx)
            if smoothing is None:
                return None
            more.append(smoothing)
        return ir.Call(self.name, (output, target, *more), type_, reduce)

    def _smoothing(self, written: ast.Expr, ctx: TypingContext) -> ir.Expr | None:
        x = ctx.infer(written)
        if x is None:
            return None
        negative = isinstance(x, ir.Unary) and x.op == "neg" and isinstance(x.x, ir.Const)
        if not is_scalar(x.type) or negative or (isinstance(x, ir.Const) and x.value >= 1):
            ctx.report(WrongSmoothing(written.span, self, written))
            return None
        return x

    def _mismatch(
        self, expr: ast.Call, args: tuple[ast.Expr, ...], output: Type, target: Type, reduce: str
    ) -> WrongCall | None:
        first, second = (arg.span for arg in args)
        labels = self.labelled and not (self.soft and isinstance(target, Array) and target.element == "real")
        lead = leading(output)
        if not (isinstance(output, Array) and output.element == "real" and lead[-1:] == (EXAMPLE,)):
            return NotPerExample(first, self, output)
        if labels:
            if not (isinstance(target, Array) and target.element == "class"):
                return NotALabel(second, self, target)
            if len(output.axes) != len(lead) + 1 or output.axes[-1].size != target.classes:
                return WrongClasses(first, self, target.classes, output)
        elif target != output:
            return UnequalArguments(expr.span, self, output, target)
        if leading(target) != lead or (len(lead) > 1 and not labels):
            return UnequalTasks(expr.span, self)
        if reduce == "task" and len(lead) < 2:
            return NoTasks(expr.span, self)
        return None

    def averages(self, node: ir.Call) -> bool:
        weighted = len(node.args) > 2 and node.args[2] != UNWEIGHTED
        return node.option == "mean" and not weighted

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        named: dict[str, py.Expr] = {} if node.option == "mean" else {"reduce": py.Literal(node.option)}
        if self.labelled and ctx.padded:
            named["padded"] = py.Literal(True)
        if len(args) > 2 and node.args[2] != UNWEIGHTED:
            named["weights"] = args[2]
        if len(args) > 3:
            named["smoothing"] = args[3]
        return call(f"rt.{self.name}", *args[:2], **named)


@dataclass(frozen=True, slots=True)
class Metric(Loss):
    """A loss without a derivative."""

    family: ClassVar[Family] = "metric"


OPS = (
    Loss(
        "cross_entropy",
        "cross_entropy(logits, label) or cross_entropy(logits, label, weights: balanced, smoothing: 0.1, reduce: none)",
        "-log softmax(logits)[label]; the label is a class, or probabilities of classes",
        2,
        ("reduce", "weights", "smoothing"),
        labelled=True,
        soft=True,
    ),
    Metric(
        "error",
        "error(logits, label)",
        "the fraction of wrong answers",
        2,
        ("reduce",),
        surrogate="cross_entropy(logits, label)",
        labelled=True,
    ),
    Loss("squared_error", "squared_error(prediction, target)", "half the squared distance", 2, ("reduce",)),
    Loss("huber", "huber(prediction, target)", "Huber's loss with threshold 1, summed over entries", 2, ("reduce",)),
    Loss(
        "binary_cross_entropy",
        "binary_cross_entropy(logit, target)",
        "-log likelihood of targets from 0 to 1 under sigmoid(logit), summed over entries",
        2,
        ("reduce",),
    ),
)
