"""Mistakes in `train`, in update rules and in hyperparameters' types (E0302, E0403)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.common.source import Span
from drmadc.compiler.check.errors.value_errors import Found


class WithoutMinibatches(Diagnostic):
    """A setting that only minibatches give a meaning."""

    code: ClassVar[str] = "E0302"
    setting: Literal["batch", "sampling", "accumulate"]
    data: bool

    def message(self) -> str:
        if self.setting == "batch":
            return "`batch` needs data"
        return f"`{self.setting}` needs minibatches"

    def label(self) -> str:
        return "this program trains on full batches" if self.data else "this program has no data"

    def help(self) -> str:
        if self.data and self.setting == "sampling":
            return "give `batch` a number, or remove `sampling`"
        return f"remove `{self.setting}`"


class BatchOfTasks(Found):
    def message(self) -> str:
        return "`batch` must be `all` for data with tasks, which are trained together"


class BatchOfLearned(Found):
    size: int

    def message(self) -> str:
        return f"`batch` must be at most {self.size}, the number of learned examples"


class UnevenAccumulation(Found):
    batch: int

    def message(self) -> str:
        return f"`accumulate` must divide the batch of {self.batch} examples"


class AccumulatedSum(Diagnostic):
    """`accumulate` with a loss that is not the mean over the minibatch's examples."""

    code: ClassVar[str] = "E0302"
    parts: int
    loss_span: Span

    def message(self) -> str:
        return "`accumulate` needs a loss that is a mean over examples"

    def label(self) -> str:
        return f"averages the loss over {self.parts} parts of the minibatch"

    def others(self) -> tuple[tuple[Span, str], ...]:
        return ((self.loss_span, "not a mean over the examples of the minibatch"),)

    def note(self) -> str:
        return f"of a sum, the average over parts is 1/{self.parts} of the whole; other functions differ as well"

    def help(self) -> str:
        return "write the loss as a mean over examples, plus terms that read none; or remove `accumulate`"


class NotClippable(Found):
    """An optimiser of a library, which takes the gradient as it is."""

    def message(self) -> str:
        return f"`clip` needs a rule in equations, not {self.found}"


class InitWithoutModel(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "`init` is only allowed with a model"

    def label(self) -> str:
        return "this program has no model"

    def note(self) -> str:
        return "`params` declarations carry their own initial values"

    def help(self) -> str:
        return "remove `init`"


class PartlyOfTasks(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    model: bool

    def message(self) -> str:
        return f"the parameters of `{self.name}` have no axis `task`, but other parameters do"

    def label(self) -> str:
        return "shared by all tasks"

    def help(self) -> str:
        where = f"write `model {self.name}[task](...)`" if self.model else "move them into a model with an axis `task`"
        return f"{where}: parameters either all belong to tasks, or none do"


class OuterArgument(Diagnostic):
    code: ClassVar[str] = "E0302"
    param: str
    hyper: str

    def message(self) -> str:
        return f"`{self.param}` of the outer update must be a constant"

    def label(self) -> str:
        return f"found the hyperparameter `{self.hyper}`"


class MissesHyper(Diagnostic):
    code: ClassVar[str] = "E0302"
    rule: str
    param: str
    missing: str

    def message(self) -> str:
        return f"`{self.param}` of `{self.rule}` has no value for the hyperparameter `{self.missing}`"

    def label(self) -> str:
        return f"missing `{self.missing}`"

    def help(self) -> str:
        return "give one value for all hyperparameters, or one for each"


class EquationShape(Found):
    name: str

    def message(self) -> str:
        return f"`{self.name}` must have the shape of the parameters"


class AxisOrder(Found):
    problem: Literal["step", "example", "task", "groups"]

    def message(self) -> str:
        return {
            "step": "`step` must be the first axis, and given once",
            "example": "`example` must be the only axis",
            "task": "`task` can only be combined with another `task`",
            "groups": "a hyperparameter has at most one group axis, and only `param of GROUP` takes a size after it",
        }[self.problem]


class ExampleOf(Found):
    split: str

    def message(self) -> str:
        return f"an axis `example` must be `example of {self.split}`"


class ExamplesRedrawn(Diagnostic):
    """Where the train split changes, an entry would belong to a place in it, held by one example after another."""

    code: ClassVar[str] = "E0302"
    setting: Literal["resample = each outer", "folds", "task: each outer"]

    def message(self) -> str:
        return "an axis `example` needs a train split that is drawn once"

    def label(self) -> str:
        return f"this data has `{self.setting}`"

    def note(self) -> str:
        return "each entry of the hyperparameter belongs to one example"

    def help(self) -> str:
        return f"remove `{self.setting}` from the data"


class GroupWithoutUnits(Diagnostic):
    code: ClassVar[str] = "E0302"
    axis: str
    group: str

    def message(self) -> str:
        return f"an axis `{self.axis}` needs a group with weights"

    def label(self) -> str:
        return f"`{self.group}` has none"
