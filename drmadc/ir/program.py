"""A whole program in the IR: what is trained, what is tuned, and the derived adjoint."""

from dataclasses import dataclass
from typing import Literal

from drmadc.ir.nodes import Apply, Call, Expr, Layer, walk
from drmadc.ir.reverse import Reverse
from drmadc.ir.ties import Projection, Tie
from drmadc.ir.types import Array, Axis, Domain, sizes
from drmadc_common.parts import SourcePart, SplitName

Chain = tuple[tuple[str, int], ...]
FieldTransforms = tuple[tuple[str, Chain], ...]
Sampling = Literal["with_replacement", "without_replacement", "cyclic"]


@dataclass(frozen=True, slots=True)
class Let:
    """name = value, with the place in the spec that says so."""

    name: str
    value: Expr
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """Local definitions and a result; `text` is the result as the spec writes it."""

    lets: tuple[Let, ...]
    value: Expr
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained array; `layer` is `mlp.h1`, `role` weight, bias or array; one of each task where `tasks` is not 0.

    `default` is the initialiser that its layer gives it.
    """

    path: str
    shape: tuple[int, ...]
    layer: str
    role: Literal["weight", "bias", "array"]
    tasks: int = 0
    default: str = ""

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The stored shape: tasks first, where there are any."""
        return (self.tasks, *self.shape) if self.tasks else self.shape


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of parameters, by path."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HyperParameter:
    """A hyperparameter: domain, axes, and its initial value in its domain (a number fills the whole array)."""

    name: str
    domain: Domain
    type: Array
    initial: Expr
    text: str
    origin: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Stored shape."""
        return tuple(axis.length for axis in self.type.axes)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a data source, per example; `whole` numbers may be labels, or along several axes token ids."""

    name: str
    type: Array
    whole: bool = False


Option = int | float | str
Columns = tuple[tuple[str, str | tuple[str, ...]], ...]
Words = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a source: of which part, for which field ("" for all of them), and its path."""

    part: SourcePart
    field: str
    path: str


@dataclass(frozen=True, slots=True)
class Split:
    """A split: how many examples (of tasks: drawers of each character), and from which part of the source."""

    name: SplitName
    size: int
    part: SourcePart


@dataclass(frozen=True, slots=True)
class Alphabets:
    """Tasks of a source: which alphabets, with which copies, and the most characters that one has.

    `sampled`: each outer step has one of them, and no task axis.
    """

    name: str
    copies: Literal["none", "rotated", "flipped"]
    count: int
    characters: int
    sampled: bool


@dataclass(frozen=True, slots=True)
class Data:
    """A data set: source, splits, statistics of the train split, and features.

    `columns` are, of a table, the columns of each field: one, or several as a vector of real numbers. `stratify` and
    `balance` name a label; with `folds`, the valid split of an outer step is one fold of train and valid together.
    `geometric` are, for a field of a training minibatch, what flips, crops or covers it, one after another.
    `feed` is how the train split reaches the device; "" until a pass settles it, whose reason is `feed_reason`. `words`
    are, of a field of words that is read, the words of its classes in order. `unused` counts the examples that no split
    takes from the part that valid is drawn from; `guarded` is whether a guard may be set aside; `guard_from` is where
    it was set aside from, "" where the spec names it or there is none.
    """

    name: str
    source: str
    fields: tuple[Field, ...]
    splits: tuple[Split, ...]
    resample: bool
    statistics: tuple[Let, ...]
    features: tuple[Let, ...]
    origin: str
    alphabets: Alphabets | None = None
    files: tuple[File, ...] = ()
    columns: Columns = ()
    options: tuple[tuple[str, Option], ...] = ()
    stratify: str = ""
    balance: str = ""
    folds: int = 0
    geometric: FieldTransforms = ()
    feed: Literal["", "resident", "streamed"] = ""
    words: Words = ()
    feed_reason: str = ""
    unused: int = 0
    guarded: bool = True
    guard_from: Literal["", "unused", "valid"] = ""

    @property
    def drawn(self) -> bool:
        """Whether features of a minibatch are drawn anew at each step, beside geometric transforms of fields."""
        nodes = (node for let in self.features for node in walk(let.value))
        return any(isinstance(node, Call) and node.random == "augmentation" for node in nodes)

    @property
    def set_aside(self) -> str:
        """How a guard came about that the spec does not name, in words."""
        where = {"": "", "unused": "examples that no split uses", "valid": "valid"}[self.guard_from]
        return f"guard: {self.size_of('guard'):,} set aside from {where}" if where else ""

    @property
    def redrawn(self) -> bool:
        """Whether the splits change from one outer step to the next."""
        return self.resample or self.folds > 0

    @property
    def tasks(self) -> int:
        """Length of the task axis; 0 where examples have none."""
        return self.alphabets.count if self.alphabets is not None and not self.alphabets.sampled else 0

    def size_of(self, split: str) -> int:
        """Number of examples of a split, of each task where there are tasks."""
        size = next(s.size for s in self.splits if s.name == split)
        return size * self.alphabets.characters if self.alphabets is not None else size


@dataclass(frozen=True, slots=True)
class Learned:
    """A training set made of hyperparameters: features of `size` examples, as the loss reads them."""

    name: str
    size: int
    features: tuple[Let, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a function of its parameters and inputs, each of one example.

    `whole`: it has no layers but calls models of each task, and takes the examples of all tasks at once.
    """

    name: str
    inputs: tuple[tuple[str, Array], ...]
    lets: tuple[Let, ...]
    value: Expr
    text: str
    origin: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A slot of an update rule's state; without an initial value it starts at 0."""

    name: str
    initial: Expr | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An update rule applied: equations in order; a target ending in ' is the value after the step."""

    rule: str
    states: tuple[State, ...]
    equations: tuple[Let, ...]
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Objective and hypergradient on a grid before tuning: values of hyperparameters, or steps down the hypergradient.

    `over` gives for each hyperparameter the values of its axis of the grid; without it, `along` gives the steps, in
    units of the hypergradient in what the outer loop moves.
    """

    over: tuple[tuple[str, Expr], ...]
    along: Expr | None
    origin: str


@dataclass(frozen=True, slots=True)
class Retrain:
    """Training after the last outer step, on several splits together, once for each arm.

    An arm replaces some hyperparameters by other values; the others keep what was tuned. `others` are the entries of
    hyperparameters over the examples of the train split for those of the other splits.
    """

    splits: tuple[str, ...]
    arms: tuple[tuple[str, tuple[tuple[str, Expr], ...]], ...]
    origin: str
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a run must show: both sides are made of numbers and of recorded series (Name nodes), by outer step."""

    text: str
    left: Expr
    compare: str
    right: Expr
    within: float
    origin: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A `tune` block: its name ("" for the only one), rule, number of outer steps, and what limits the movement."""

    name: str
    step: Step
    steps: int
    ties: tuple[Tie, ...] = ()
    frozen: tuple[str, ...] = ()
    projections: tuple[Projection, ...] = ()
    steps_origin: str = ""

    @property
    def library(self) -> bool:
        """Whether the outer update is an optimiser of a library instead of a rule in equations."""
        return self.step.rule == "bfgs"


@dataclass(frozen=True, slots=True)
class Init:
    """Initial value of a group's parameters."""

    group: str
    value: Expr
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Pull:
    """One joint vector-Jacobian product of the loss gradient with `cotangent`.

    Defines `grad` (where `primal` is set), `hessian_product` and, for each of `hypers`, `mixed_NAME`.
    """

    cotangent: str
    hypers: tuple[str, ...]
    primal: bool


@dataclass(frozen=True, slots=True)
class Adjoint:
    """The adjoint of one training step, derived from its equations.

    `d_X` on entry is the adjoint of state X after the step; `states` gives the adjoints before it, and `hypers`
    what the step adds to each hyperparameter's adjoint. `before` and `after` are the states that the path must
    give, `recomputed` the forward equations that are needed again; `statements` may define `d_X` anew. `init` is what
    initial values contribute; for the hyperparameters in `traced` JAX differentiates `init` itself, once.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    recomputed: tuple[Let, ...]
    needs_grad: bool
    statements: tuple[Let, ...]
    pull: Pull | None
    states: tuple[Let, ...]
    hypers: tuple[Let, ...]
    init: tuple[Let, ...]
    traced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A reported value: a metric, or an image of a hyperparameter (`shape`: rows and columns, or several such)."""

    key: str
    function: Function
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that a spec says, checked; `adjoint` is filled by the passes.

    `parts`: the minibatch is worked through in so many parts. `redraw`: initial values and minibatches are drawn anew
    for each outer step. `seeds`: hypergradients averaged in an outer step. `patience`: outer steps without a new
    best that end the run, `stop`: outer steps in a row with a growing hypergradient that do; 0 for never. `confirm`:
    trainings of the start and of the best on fresh draws at the end.
    """

    name: str
    source: str
    precision: Literal["float32", "float64"]
    seed: int
    data: Data | None
    learned: Learned | None
    models: tuple[Model, ...]
    parameters: tuple[Parameter, ...]
    groups: tuple[Group, ...]
    hypers: tuple[HyperParameter, ...]
    init: tuple[Init, ...]
    loss: Function
    batch: int
    sampling: Sampling
    parts: int
    redraw: bool
    steps: int
    step: Step
    objective: Function
    reverse: Reverse
    seeds: int
    stop: int
    patience: int
    confirm: int
    stages: tuple[Stage, ...]
    reports: tuple[Report, ...]
    expectations: tuple[Expectation, ...]
    retrain: Retrain | None
    sweep: Sweep | None
    origins: tuple[tuple[str, str], ...]
    adjoint: Adjoint | None = None

    @property
    def examples(self) -> int:
        """Number of training examples; 1 without data."""
        if self.learned is not None:
            return self.learned.size
        return self.data.size_of("train") if self.data is not None else 1

    @property
    def noisy(self) -> bool:
        """Whether the training loss draws noise at each step."""
        values = [*(let.value for let in self.loss.lets), self.loss.value]
        return any(self.draws_noise(value) for value in values)

    def draws_noise(self, expr: Expr) -> bool:
        """Whether an expression draws noise, itself or through a model."""
        for node in walk(expr):
            if isinstance(node, Call | Layer) and node.random == "noise":
                return True
            if isinstance(node, Apply):
                model = self.model(node.model)
                if any(self.draws_noise(value) for value in (*(let.value for let in model.lets), model.value)):
                    return True
        return False

    @property
    def batched(self) -> bool:
        """Whether the training loss reads something that changes from step to step: a minibatch, or noise."""
        return (self.data is not None and self.learned is None) or self.batch > 0 or self.noisy

    @property
    def streamed(self) -> bool:
        """Whether minibatches come from the host in blocks."""
        return self.data is not None and self.data.feed == "streamed"

    @property
    def augmented(self) -> bool:
        """Whether minibatches of the source are augmented."""
        return self.data is not None and self.learned is None and (self.data.drawn or bool(self.data.geometric))

    @property
    def tune_steps(self) -> int:
        """Outer steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def group(self, name: str) -> Group:
        """The group of a name."""
        return next(g for g in self.groups if g.name == name)

    def model(self, name: str) -> Model:
        """The model of a name."""
        return next(m for m in self.models if m.name == name)

    def parameter(self, path: str) -> Parameter:
        """The parameter of a path."""
        return next(p for p in self.parameters if p.path == path)

    def hyper(self, name: str) -> HyperParameter:
        """The hyperparameter of a name."""
        return next(h for h in self.hypers if h.name == name)

    def origin(self, setting: str) -> str:
        """Where a setting was given."""
        return dict(self.origins).get(setting, "")


def parameter_type(parameter: Parameter) -> Array:
    """The type of a parameter array by itself."""
    lead = (Axis("task", parameter.tasks),) if parameter.tasks else ()
    return Array("real", (*lead, *sizes(*parameter.shape)))


ALL = "params"
HYPERS = "hypers"
