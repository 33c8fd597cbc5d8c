"""Mistakes in `tune`, `sweep`, `retrain` and `report` (E0302)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.compiler.check.errors.value_errors import Found


class UnnamedStage(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "with several `tune` blocks, each needs a name"

    def label(self) -> str:
        return "unnamed"

    def help(self) -> str:
        return "write `tune NAME { ... }`, then `tune OTHER after NAME { ... }`"


class GuardWithoutValid(Diagnostic):
    """A guard split where the objective reads no valid split."""

    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "the guard split needs an objective on `valid`"

    def label(self) -> str:
        return "nothing to guard"

    def note(self) -> str:
        return "the guard is the objective on examples of its own, which decides which outer step is the best"

    def help(self) -> str:
        return "minimize a loss `on valid`, or remove `guard`"


class ParallelStages(Diagnostic):
    """Two stages that both come first, or both after the same one."""

    code: ClassVar[str] = "E0302"
    name: str
    other: str
    after: str | None

    def message(self) -> str:
        place = "are both first" if self.after is None else f"both come after `{self.after}`"
        return f"the stages `{self.other}` and `{self.name}` {place}"

    def label(self) -> str:
        return "the second one"

    def note(self) -> str:
        return "stages run one after another"

    def help(self) -> str:
        return f"write `tune {self.name} after {self.other} {{ ... }}`"


class SharedByStages(Diagnostic):
    code: ClassVar[str] = "E0302"
    setting: str

    def message(self) -> str:
        return f"`{self.setting}` is only allowed in the first stage"

    def label(self) -> str:
        return "given again"

    def note(self) -> str:
        return "all stages share the first one's"


class TestObjective(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "the objective must not use the test split"

    def label(self) -> str:
        return "evaluated on `test`"

    def note(self) -> str:
        return "a test split that hyperparameters are tuned on no longer estimates the error on new data"

    def help(self) -> str:
        return "minimize on `valid`, and put the test error into `report`"


class NotWithBfgs(Diagnostic):
    code: ClassVar[str] = "E0302"
    setting: Literal["stop", "tie", "project"]

    def message(self) -> str:
        return f"bfgs() does not support `{self.setting}`"

    def label(self) -> str:
        return "not supported"

    def note(self) -> str:
        if self.setting == "stop":
            return "SciPy's BFGS has its own stopping rule"
        return "SciPy's BFGS moves every entry that is not frozen independently"


class NotWithOneStep(Diagnostic):
    code: ClassVar[str] = "E0302"
    what: Literal["`seeds`", "`stop`", "several stages"]

    def message(self) -> str:
        return f"one_step() does not support {self.what}"

    def label(self) -> str:
        return "not supported"

    def note(self) -> str:
        return "it updates the hyperparameters inside each training run"


class NotAStop(Found):
    def message(self) -> str:
        return "`stop` must be growing(n)"

    def note(self) -> str:
        return "growing(n) stops once the hypergradient has grown n times in a row"


class AllFrozen(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "`freeze` leaves no hyperparameter to tune"

    def label(self) -> str:
        return "all of them are frozen"


class NotATie(Found):
    hyper: str
    type_: str
    possible: tuple[str, ...]

    def message(self) -> str:
        return f"`{self.hyper}` cannot be tied this way"

    def note(self) -> str:
        if not self.possible:
            return f"`{self.hyper}` is a single number"
        grains = ", ".join("step, step(bins: n)" if grain == "step" else grain for grain in self.possible)
        return f"{self.type_} can be tied by {grains}; mean(...) around it averages the gradients"


class NotAProjection(Found):
    hyper: str
    options: tuple[str, ...]

    def message(self) -> str:
        return f"unknown projection of `{self.hyper}`"

    def note(self) -> str:
        return f"projections are {', '.join(self.options)}"

    def help(self) -> str:
        return "for example: project = { bins: sort, level: clip(0.1, 0.9) }"


class CannotProject(Diagnostic):
    code: ClassVar[str] = "E0302"
    hyper: str
    projection: str
    type_: str
    needs: Literal["array", "square", "real"]

    def message(self) -> str:
        needs = {"array": "an array", "square": "a square matrix of domain `real`", "real": "the domain `real`"}
        return f"`{self.projection}` needs {needs[self.needs]}"

    def label(self) -> str:
        return f"`{self.hyper}` is {self.type_}"


class EmptyClip(Found):
    def message(self) -> str:
        return "the lower bound of `clip` must be below the upper one"


class BoundOutside(Found):
    domain: str

    def message(self) -> str:
        return f"a bound of `clip` must be a constant in the domain `{self.domain}`"


class OverOrAlong(Diagnostic):
    code: ClassVar[str] = "E0302"
    both: bool

    def message(self) -> str:
        return "`sweep` needs exactly one of `over` and `along`"

    def label(self) -> str:
        return "found both" if self.both else "found neither"

    def help(self) -> str:
        return "for example: over = { rate: exp(linspace(-4, 1)) }  points = 40"


class TooFewPoints(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    count: int | None

    def message(self) -> str:
        return f"a sweep needs at least 2 values of `{self.name}`"

    def label(self) -> str:
        return "`points` is not given" if self.count is None else f"found {self.count}"

    def help(self) -> str:
        return "write a list, or linspace(first, last) with `points = n`"


class RetrainWithoutSplit(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "`retrain` needs a training split"

    def label(self) -> str:
        return "this program does not train on one"


class RetrainPerExample(Diagnostic):
    """A final training on examples for which a hyperparameter has no entries."""

    code: ClassVar[str] = "E0302"
    hyper: str
    splits: tuple[str, ...]

    def message(self) -> str:
        splits = " and ".join(f"`{split}`" for split in self.splits)
        return f"`{self.hyper}` has no entries for the examples of {splits}"

    def label(self) -> str:
        return "trained on"

    def note(self) -> str:
        return f"`{self.hyper}` has an entry per example of `train`"

    def help(self) -> str:
        return f"give the others one value: others = {{ {self.hyper}: 1 }}"


class OthersOfNoExample(Diagnostic):
    """`others` for a hyperparameter whose entries do not belong to examples, or where all of them are of `train`."""

    code: ClassVar[str] = "E0302"
    hyper: str
    per_example: bool

    def message(self) -> str:
        if self.per_example:
            return f"`{self.hyper}` has an entry for every example of the final training"
        return f"`{self.hyper}` has no entries of examples"

    def label(self) -> str:
        return "not needed"

    def help(self) -> str:
        return "remove it from `others`"


class NotAnEntry(Found):
    hyper: str
    domain: str

    def message(self) -> str:
        return f"`others` must give `{self.hyper}` a constant in the domain `{self.domain}`, or its bound"


class NotAnArm(Found):
    def message(self) -> str:
        return "an arm must be `initial` or a record of values"

    def help(self) -> str:
        return "for example: arms = { none: { l2: 0 }, untuned: initial }"


class ImageOfNoHyper(Found):
    def message(self) -> str:
        return "`image` must show a hyperparameter"


class BadMargin(Found):
    def message(self) -> str:
        return "`within` must be a nonnegative constant"


class SeriesComparison(Diagnostic):
    code: ClassVar[str] = "E0302"
    left: str
    compare: str
    right: str

    def message(self) -> str:
        return f"cannot compare {self.left} with {self.right}"

    def label(self) -> str:
        return f"{self.left} {self.compare} {self.right}"

    def help(self) -> str:
        return "compare a series with a list, or reduce it with first, last, min, max or mean"


class NotAListOfNumbers(Diagnostic):
    code: ClassVar[str] = "E0302"
    empty: bool

    def message(self) -> str:
        return "a list in `expect` must hold constant numbers"

    def label(self) -> str:
        return "empty" if self.empty else "not all are constants"


class NotASeries(Found):
    function: str

    def message(self) -> str:
        return f"`{self.function}` in `expect` takes a recorded series"


class BadAt(Found):
    def message(self) -> str:
        return "`at` takes a recorded series and an outer step"

    def help(self) -> str:
        return "for example: at(objective, 10)"


class NotExpectable(Found):
    def message(self) -> str:
        return "`expect` compares numbers and recorded series"
