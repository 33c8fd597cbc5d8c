"""Metrics of a whole split: one number, never a mean over parts of it."""

from dataclasses import dataclass
from typing import ClassVar

from drmadc.ir import nodes as ir
from drmadc.ir.types import EXAMPLE, SCALAR, Array, Type, leading
from drmadc.language.context import EmissionContext, TypingContext
from drmadc.language.functions.losses import (
    NotALabel,
    NotPerExample,
    UnequalArguments,
    WrongClasses,
)
from drmadc.language.op import Family, Function, WrongCall, WrongLiteral
from drmadc.syntax import ast
from drmadc.target import tree as py
from drmadc.target.build import call

AVERAGES = ("macro", "micro")
SMOOTH = "cross_entropy(logits, label)"


class WithTasks(WrongCall):
    """A metric of examples that belong to tasks."""

    def problem(self) -> str:
        return "does not support examples of several tasks at once"

    def help(self) -> str:
        return "with tasks, report `error(...)` or `cross_entropy(...)`"


@dataclass(frozen=True, slots=True)
class Score(Function):
    """A metric: `labelled` ones take logits and a class label, the others a prediction and a target of one shape."""

    family: ClassVar[Family] = "metric"
    labelled: bool = True

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        average = ""
        for arg in expr.args:
            if arg.name == "average":
                if not (isinstance(arg.value, ast.Name) and arg.value.text in AVERAGES):
                    ctx.report(WrongLiteral(arg.value.span, self, "`average`", "`macro` or `micro`", arg.value))
                    return None
                average = arg.value.text
        output, target = ctx.infer(args[0]), ctx.infer(args[1])
        if output is None or target is None:
            return None
        problem = self._mismatch(expr, args, output.type, target.type)
        if problem is not None:
            ctx.report(problem)
            return None
        return ir.Call(self.name, (output, target), SCALAR, average)

    def _mismatch(self, expr: ast.Call, args: tuple[ast.Expr, ...], output: Type, target: Type) -> WrongCall | None:
        first, second = (arg.span for arg in args)
        if not (isinstance(output, Array) and output.element == "real" and leading(output)[-1:] == (EXAMPLE,)):
            return NotPerExample(first, self, output)
        if len(leading(output)) > 1 or len(leading(target)) > 1:
            return WithTasks(expr.span, self)
        if not self.labelled:
            return None if target == output else UnequalArguments(expr.span, self, output, target)
        if not (isinstance(target, Array) and target.element == "class"):
            return NotALabel(second, self, target)
        if len(output.axes) != 2 or output.axes[-1].size != target.classes:
            return WrongClasses(first, self, target.classes, output)
        return None

    def emit(self, node: ir.Call, args: tuple[py.Expr, ...], ctx: EmissionContext) -> py.Expr:
        del ctx
        named = {"average": py.Literal(node.option)} if node.option == "micro" else {}
        return call(f"rt.{self.name}", *args, **named)


class LogLoss(Score):
    """The mean cross entropy; of `softmax(logits)` it is that of the logits, whose softmax is the same."""

    def infer(self, expr: ast.Call, args: tuple[ast.Expr, ...], ctx: TypingContext) -> ir.Expr | None:
        found = Score.infer(self, expr, args, ctx)
        match found:
            case ir.Call(_, (ir.Call("softmax", (logits,)), label), type_):
                return ir.Call(self.name, (logits, label), type_)
            case _:
                return found


def _of_label(name: str, about: str, *options: str, more: str = "", surrogate: str = "") -> Score:
    return Score(name, f"{name}(logits, label){more}", about, 2, options, surrogate=surrogate)


def _of_target(name: str, about: str) -> Score:
    return Score(name, f"{name}(prediction, target)", about, 2, labelled=False)


OPS = (
    _of_label("accuracy", "the fraction of right answers", surrogate=SMOOTH),
    _of_label(
        "balanced_accuracy",
        "the mean over classes of the fraction of their examples that are found",
        surrogate="cross_entropy(logits, label, weights: balanced)",
    ),
    _of_label(
        "f1",
        "the harmonic mean of precision and recall, of each class and their mean",
        "average",
        more=" or f1(logits, label, average: micro)",
        surrogate=SMOOTH,
    ),
    _of_label(
        "auc",
        "the area under the ROC curve; of several classes their mean, each against the rest",
        surrogate=SMOOTH,
    ),
    _of_label(
        "average_precision",
        "the area under precision over recall; of several classes their mean",
        surrogate=SMOOTH,
    ),
    LogLoss(
        "log_loss",
        "log_loss(logits, label) or log_loss(softmax(logits), label)",
        "the mean of -log of the label's probability: the mean cross entropy",
        2,
    ),
    _of_label("brier", "the squared distance of the probabilities from the label"),
    _of_label("calibration_error", "how far confidence is from accuracy, over 15 bins of confidence"),
    _of_label("perplexity", "exp of the mean cross entropy"),
    _of_target("mae", "the mean absolute difference"),
    _of_target("rmse", "the root of the mean squared difference"),
    _of_target("r2", "1 minus the squared error over that of the target's mean"),
)
