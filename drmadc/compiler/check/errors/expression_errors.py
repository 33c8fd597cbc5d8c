"""Values that do not fit where they stand in an expression (E0302)."""

from typing import ClassVar, Literal

from drmadc.common.diagnostics.model import Diagnostic
from drmadc.compiler.check.errors.value_errors import Found

Declared = Literal["feature", "hyperparameter", "let", "parameter"]


class NotAValue(Found):
    def message(self) -> str:
        return "expected a number or an array"


class NotAParameter(Found):
    """`a.b` where no parameter can be read."""

    def message(self) -> str:
        return "expected a number or a hyperparameter"


class NamedInConstant(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str

    def message(self) -> str:
        return "expected a constant"

    def label(self) -> str:
        return f"`{self.name}` is not a constant"


class StepAxisHere(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    type_: str

    def message(self) -> str:
        return f"`{self.name}` changes from step to step and cannot be used here"

    def label(self) -> str:
        return f"this is `{self.type_}`"

    def help(self) -> str:
        return "use it in the update rule or in the training loss"


class NotUsableHere(Diagnostic):
    """A name that is declared, and has no value at this place."""

    code: ClassVar[str] = "E0302"
    kind: Declared
    name: str

    def message(self) -> str:
        return f"the {self.kind} `{self.name}` cannot be used here"

    def label(self) -> str:
        return "not available here"

    def note(self) -> str:
        return {
            "feature": "features are available in the training loss, the objective and reports; models take inputs",
            "hyperparameter": "features of a source are computed before training, from the source alone",
            "let": "`let` is available in the training loss, the objective and reports",
            "parameter": "parameters are available in models, the training loss, the objective and reports",
        }[self.kind]


class ExampleAxisHere(Diagnostic):
    code: ClassVar[str] = "E0302"
    name: str
    type_: str

    def message(self) -> str:
        return f"`{self.name}` has an entry per training example and cannot be used here"

    def label(self) -> str:
        return f"this is `{self.type_}`"

    def help(self) -> str:
        return "use it in the training loss or the objective"


class ModelIsNoGroup(Diagnostic):
    code: ClassVar[str] = "E0302"
    model: str

    def message(self) -> str:
        return "expected a parameter group"

    def label(self) -> str:
        return f"`{self.model}` is a model"

    def help(self) -> str:
        return f"name one of its groups, such as `{self.model}.weights`"


class NotAModelCall(Found):
    def message(self) -> str:
        return "`with` must follow a model call"

    def help(self) -> str:
        return "for example: mlp(x) with { weights: 2 * mlp.weights }"


class ReplacementShape(Found):
    path: str

    def message(self) -> str:
        return f"the replacement of `{self.path}` must have its shape"


class IndexOutOfRange(Diagnostic):
    code: ClassVar[str] = "E0302"
    index: int
    size: int

    def message(self) -> str:
        return f"index {self.index} is out of range for an axis of size {self.size}"

    def label(self) -> str:
        return f"expected 0 to {self.size - 1}"


class NotIndexable(Diagnostic):
    """`plain`: all axes are sizes, and the indices are more than they."""

    code: ClassVar[str] = "E0302"
    type_: str
    axes: int
    plain: bool
    indices: int

    def message(self) -> str:
        if not self.axes or not self.plain:
            return f"cannot index {self.type_}"
        return f"cannot index {self.type_} with {self.indices} indices"

    def label(self) -> str:
        return f"this is {self.type_}"

    def note(self) -> str:
        return "" if self.plain else "only axes of a fixed size can be indexed"


class MixedList(Diagnostic):
    code: ClassVar[str] = "E0302"
    empty: bool

    def message(self) -> str:
        return "a list must not be empty" if self.empty else "the items of a list must have one shape"

    def label(self) -> str:
        return "empty" if self.empty else "items of different shapes"


class NotOverGroup(Found):
    """The left side of `of`."""

    def message(self) -> str:
        return "the left side of `of` must be a hyperparameter over one group axis"


class OnNotAllowed(Diagnostic):
    code: ClassVar[str] = "E0302"
    split: str

    def message(self) -> str:
        return f"`on {self.split}` is only allowed in `tune` and `report`"

    def label(self) -> str:
        return "not allowed here"

    def note(self) -> str:
        return "in `train`, expressions are evaluated on the minibatch"


class NotBroadcastable(Found):
    group: str

    def message(self) -> str:
        return f"cannot broadcast {self.found} to the parameters in {self.group}"

    def help(self) -> str:
        return "use a number, or a hyperparameter over a group axis"


class NotCallable(Diagnostic):
    code: ClassVar[str] = "E0302"

    def message(self) -> str:
        return "only functions and models can be called"

    def label(self) -> str:
        return "not a function or model"


class ModelNotAllowed(Diagnostic):
    code: ClassVar[str] = "E0302"
    model: str

    def message(self) -> str:
        return f"the model `{self.model}` cannot be called here"

    def label(self) -> str:
        return "not allowed here"

    def note(self) -> str:
        return "models can be called in `train { loss }`, `tune { minimize }`, `report` and other models"
