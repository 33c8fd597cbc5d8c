"""The untyped syntax tree of a spec: what was written, before anything is known about it."""

from dataclasses import dataclass, field

from drmadc.common.source import NOWHERE, Span


def _span() -> Span:
    return field(default=NOWHERE, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """`x`"""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Primed:
    """`v'`: the value after the update; `text` is without the prime."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Number:
    """A literal as it was written."""

    text: str
    span: Span = _span()

    @property
    def value(self) -> float | int:
        """Its value: an int where it is written as one."""
        return int(self.text) if self.text.isdigit() else float(self.text)


@dataclass(frozen=True, slots=True)
class Quantity:
    """`2 GB`"""

    text: str
    unit: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Text:
    """`"digits.npz"`: a text, such as the path of a file."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Member:
    """`mlp.weights`"""

    base: "Expr"
    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Arg:
    """One argument of a call, named or not."""

    name: str | None
    value: "Expr"
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """`f(x, k: 3)`"""

    function: "Expr"
    args: tuple[Arg, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Index:
    """`w[0]`"""

    base: "Expr"
    items: tuple["Expr", ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Neg:
    """`-x`"""

    operand: "Expr"
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """`a + b`, and likewise - * / ^"""

    op: str
    left: "Expr"
    right: "Expr"
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class On:
    """`loss on valid`"""

    value: "Expr"
    split: str
    split_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Of:
    """`in_unit of mlp.weights`"""

    value: "Expr"
    path: str
    path_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class With:
    """`mlp(x) with { weights: exp(t) * mlp.weights }`: a model called with other parameters."""

    value: "Expr"
    entries: tuple["Entry", ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Each:
    """`each outer`"""

    scope: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class List:
    """`[1.4, 3.9]`"""

    items: tuple["Expr", ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Entry:
    """`train: 15000`"""

    path: str
    value: "Expr"
    path_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Record:
    """`{ train: 15000, valid: 5000 }`"""

    entries: tuple[Entry, ...]
    span: Span = _span()


Expr = (
    Name
    | Primed
    | Number
    | Quantity
    | Text
    | Member
    | Call
    | Index
    | Neg
    | Binary
    | On
    | Of
    | With
    | Each
    | List
    | Record
)


@dataclass(frozen=True, slots=True)
class TypeExpr:
    """`positive[in_unit of mlp.weights]`"""

    name: str
    axes: tuple[Expr, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Setting:
    """`steps = 2000`"""

    name: str
    value: Expr
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Typed:
    """`x: real[784]`"""

    name: str
    type: TypeExpr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Feature:
    """`y: class[10] = label`"""

    name: str
    type: TypeExpr
    value: Expr
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binding:
    """`h1 = tanh(dense(x, 50))`, or an equation `v' = ...` of an update rule (then `primed`)."""

    name: str
    value: Expr
    primed: bool = False
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class RuleParam:
    """`beta1: unit = 0.9`: a parameter of an update rule; `annotation` is a domain or a default."""

    name: str
    annotation: Expr | None
    default: Expr | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ReportItem:
    """`error(mlp(x), y) on test`, optionally named."""

    name: str | None
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Expectation:
    """`expect last(test) < 0.09`, `expect first(objective) == 395.355 within 0.001`"""

    left: Expr
    compare: str
    right: Expr
    within: Expr | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class DataDecl:
    """A `data` block."""

    name: str
    items: tuple[Setting | Feature, ...]
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ModelDecl:
    """A `model` block."""

    name: str
    inputs: tuple[Typed, ...]
    result: TypeExpr
    body: tuple[Binding, ...]
    returned: Expr
    axis: str = ""
    axis_span: Span = field(default=NOWHERE, compare=False, repr=False)
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class HyperDecl:
    """A `hyper` declaration."""

    name: str
    type: TypeExpr
    value: Expr
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ParamsDecl:
    """A `params` declaration."""

    name: str
    type: TypeExpr
    value: Expr
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class LetDecl:
    """A `let` declaration."""

    name: str
    value: Expr
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class UpdateDecl:
    """An `update` rule."""

    name: str
    params: tuple[RuleParam, ...]
    equations: tuple[Binding, ...]
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class TrainDecl:
    """The `train` block."""

    settings: tuple[Setting, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class TuneDecl:
    """`tune { ... }`, or a stage: `tune units after layers { ... }`."""

    settings: tuple[Setting, ...]
    name: str = ""
    after: str | None = None
    name_span: Span = field(default=NOWHERE, compare=False, repr=False)
    after_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class SweepDecl:
    """The `sweep` block."""

    settings: tuple[Setting, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class RetrainDecl:
    """The `retrain` block."""

    settings: tuple[Setting, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ReportDecl:
    """The `report` block."""

    items: tuple[ReportItem | Expectation, ...]
    span: Span = _span()


Decl = (
    DataDecl
    | ModelDecl
    | HyperDecl
    | ParamsDecl
    | LetDecl
    | UpdateDecl
    | TrainDecl
    | TuneDecl
    | SweepDecl
    | RetrainDecl
    | ReportDecl
)


@dataclass(frozen=True, slots=True)
class Import:
    """`import "base.drm"`: a spec that this one changes; the path is relative to the folder of this file."""

    path: str
    path_span: Span = field(default=NOWHERE, compare=False, repr=False)
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Comment:
    """`# text`, with its place; `own_line` when nothing stands before it on its line."""

    text: str
    own_line: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file. Comments are kept for the formatter and do not count as meaning.

    `lost` holds the names that unreadable declarations seem to declare.
    """

    decls: tuple[Decl, ...]
    imports: tuple[Import, ...] = ()
    lost: frozenset[str] = field(default=frozenset(), kw_only=True, compare=False, repr=False)
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)
    span: Span = _span()


RESERVED = ("after", "each", "expect", "of", "on", "return", "with", "within")
"""Words that stand between names, and are none themselves."""
KEYWORDS = (
    "import",
    "data",
    "model",
    "hyper",
    "params",
    "let",
    "update",
    "train",
    "tune",
    "sweep",
    "retrain",
    "report",
)
