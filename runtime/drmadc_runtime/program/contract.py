"""What an emitted module is to the runtime: one `PROGRAM`, a record of its functions and constants.

Functions of JAX, pure and not compiled. `*data` is one argument where the program reads data, and none where it does
not: the arrays of an outer step by split and field. Hyperparameters are by name, in their own domains unless a name
says `free`: then they are unconstrained reals (a logarithm, a logit).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import jax
import numpy as np
import numpy.typing as npt

from drmadc_runtime.adjoints.base import Hypergradient, SavePolicy
from drmadc_runtime.core.domains import Domain
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.core.types import ForwardStep, Hypers, Int, Params, Splits, State, UpdateState
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.statistics import Fields, Fit, Kinds, LaterFit
from drmadc_runtime.data.streaming import Feed
from drmadc_runtime.data.tasks import Tasks

Series: TypeAlias = Mapping[str, npt.NDArray[np.generic]]
"""What a run recorded, by name: [outer steps], or a scalar where it is recorded once."""


class Init(Protocol):
    """Initial parameters by name; a function of (seed, outer)."""

    def __call__(self, hypers: Hypers, outer: Int, /) -> Tree: ...


class Training(Protocol):
    """The state before the first step, and what takes a state through step t."""

    def __call__(self, hypers: Hypers, outer: Int, /, *data: Splits) -> tuple[State, ForwardStep]: ...


class TrainingLoss(Protocol):
    """The loss of step t on its minibatch, regularisation included; a scalar."""

    def __call__(self, params: Params, hypers: Hypers, outer: Int, /, *data_and_t: Splits | Int) -> jax.Array: ...


class TrainedObjective(Protocol):
    """The outer objective after training from scratch; a scalar."""

    def __call__(self, hypers: Hypers, outer: Int, /, *data: Splits) -> jax.Array: ...


class HypergradientFunction(Protocol):
    """Train from scratch keeping what `policy` says, then the objective and its gradient."""

    def __call__(self, hypers: Hypers, outer: Int, /, *data: Splits, policy: SavePolicy = ...) -> Hypergradient: ...


class Online(Protocol):
    """A whole training run in which the hyperparameters move: last training state, last outer state, objective."""

    def __call__(
        self, tune_state: UpdateState, outer: Int, /, *data: Splits
    ) -> tuple[State, UpdateState, jax.Array]: ...


class Report(Protocol):
    """Reported scalars of trained parameters, by key, in the spec's order."""

    def __call__(self, params: Params, hypers: Hypers, /, *data: Splits) -> dict[str, jax.Array]: ...


class ObjectiveAt(Protocol):
    """The outer objective of trained parameters; a scalar."""

    def __call__(self, params: Params, hypers: Hypers, /, *data: Splits) -> jax.Array: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Where the spec declares what a message may speak of, as `mnist_l2.drm:19`."""

    loss: str
    step: str
    objective: str
    reverse: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A stage of the outer loop, read by the search.

    Attributes:
        name: as in the spec; "" for the only one.
        steps: outer steps.
        origin: the spec's line of its update rule.
        initial_state: unconstrained hyperparameters -> the state of the update rule before its first step; `w` is them.
        step: state, gradient in the unconstrained hyperparameters, t from 0 within the stage -> the next state.
        optimizer: SciPy's optimiser that moves the hyperparameters instead of `step`; "" for none.
        frozen: hyperparameters that this optimiser leaves where they are.
    """

    name: str = ""
    steps: int
    origin: str
    initial_state: Callable[[Tree], UpdateState] | None = None
    step: Callable[[UpdateState, Tree, Int], UpdateState] | None = None
    optimizer: Literal["", "bfgs"] = ""
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """`left compare right within margin`; both sides are functions of the records, series by name."""

    text: str
    left: Callable[[Series], npt.ArrayLike]
    compare: str
    right: Callable[[Series], npt.ArrayLike]
    within: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retraining:
    """The final training: on these splits together, once with the hyperparameters of each arm.

    `others`: by hyperparameter over the examples of the train split, its entry for each example of another split.
    """

    splits: tuple[str, ...]
    arms: Callable[[Hypers], dict[str, Hypers]]
    others: Mapping[str, float] = field(default_factory=dict)


class Predict(Protocol):
    """The model's output on raw fields [n, ...], whose statistics are those of its train split: [n, ...]."""

    def __call__(self, params: Params, hypers: Hypers, raw: Fields, statistics: Fields, /) -> jax.Array: ...


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a program predicts of new examples.

    Attributes:
        function: see `Predict`.
        kind: what the output is: a logit for each class, a logit of one thing or more, or the values themselves.
        fields: the types of the raw fields that it reads, as `Request` writes them.
        label: the field that is predicted; "" where it is none. Values are in its units.
        unseen: the fields of words where one that training did not have is read as none of them.
    """

    function: Predict
    kind: Literal["classes", "probability", "values"]
    fields: Mapping[str, str]
    label: str = ""
    unseen: tuple[str, ...] = ()


class Metrics(Protocol):
    """Scalars of the examples whose outputs these are, by name: the objective, and what is reported."""

    def __call__(self, outputs: Mapping[str, jax.Array], params: Params, hypers: Hypers, /) -> dict[str, jax.Array]: ...


class Outputs(Protocol):
    """What the metrics read of raw fields [n, ...], by name: [n, ...]."""

    def __call__(self, params: Params, hypers: Hypers, raw: Fields, statistics: Fields, /) -> dict[str, jax.Array]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The metrics of a program on new labelled examples.

    Attributes:
        outputs: see `Outputs`; the work of a forward pass.
        metrics: see `Metrics`; cheap.
        fields: the types of the raw fields that are read, as `Request` writes them.
    """

    outputs: Outputs
    metrics: Metrics
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """A compiled program.

    Attributes:
        name: the spec's name, without folders and ending; names run folders.
        dtype: the floating type in which everything is computed.
        steps: training steps of one run, T.
        seeds: draws of data and initial parameters over which an outer step averages.
        stop: end the search when the hypergradient's norm has grown this many times in a row; 0 for never.
        patience: end the search after this many outer steps without a new best; 0 for never.
        confirm: trainings of the start and of the best on fresh draws when the search has ended; 0 for none.
        policy: what the forward pass keeps for the reverse pass, unless a caller of `hypergradient` says otherwise.
        strategy: how the hypergradient is computed, as the spec would write it; for messages.
        origins: lines of the spec; for messages.
        domains: each hyperparameter's set of values; the outer loop moves unconstrained numbers.
        initial_hypers: () -> initial hyperparameters, in their own domains.
        init: see `Init`. Read by the forecast, which counts parameters.
        loss: the loss on a minibatch; `training_loss` calls it with what it reads. For messages.
        step: one step of the update rule on a minibatch; `training` calls it. For messages.
        objective: the outer objective of trained parameters. For messages.
        training: see `Training`. Read by the executor and by what is asked of a program.
        training_loss: see `TrainingLoss`. Read by learning curves, progress and failure messages.
        trained_objective: see `TrainedObjective`. Read by the executor.
        hypergradient: see `HypergradientFunction`. Read by the executor.
        objective_at: see `ObjectiveAt`. Read when a run confirms what it found.
        online: see `Online`; for strategies that move the hyperparameters inside training. Read by the search.
        data: where arrays come from; None for a program that reads none. Read by the executor.
        feed: where streamed minibatches come from. The executor then leaves the train split on the host.
        features: raw fields [n, ...], and statistics where there are any -> features [n, ...], not augmented. Read by
            failure messages and by the check of targets.
        probabilities: features that a loss reads as probabilities of classes; checked when data are prepared.
        fit: raw fields [n, ...] -> what each statistic is taken of, [n, ...] in float64. Read by the executor.
        later_fits: the same for statistics of what reads others, given those of the functions before. By the executor.
        statistics: the kind of each statistic, ("mean",) or ("zca", epsilon); its order is the spec's.
        report: see `Report`. Read by the search after each outer step.
        per_example: hyperparameters with an entry for each example of the train split. A run then keeps what these are.
        predict: the model's output on new examples; None where the objective is not the loss of one such output.
        evaluation: the objective and what is reported on new examples; None where neither is of examples alone.
        images: hyperparameters -> pictures [height, width] or [n, height, width] by title. Read by a run at its end.
        stages: of the outer loop, in order. Read by the search.
        sweep: () -> the values of each axis of the grid, or under `along` the steps down the first hypergradient.
        retrain: the final training. Read by a run at its end.
        test_reports: keys of reports on the test split, where the objective reads valid. Read by the warning of
            overfitting.
        expectations: what a run must show. Read by `--check`.
    """

    name: str
    dtype: Literal["float32", "float64"]
    steps: int
    seeds: int = 1
    stop: int = 0
    patience: int = 0
    confirm: int = 0
    policy: SavePolicy
    strategy: str
    origins: Origins
    domains: Mapping[str, Domain]
    initial_hypers: Callable[[], dict[str, jax.Array]]
    init: Init
    loss: Callable[..., jax.Array]
    step: Callable[..., State]
    objective: Callable[..., jax.Array]
    training: Training
    training_loss: TrainingLoss
    trained_objective: TrainedObjective
    hypergradient: HypergradientFunction
    objective_at: ObjectiveAt | None = None
    online: Online | None = None
    data: Data | Tasks | None = None
    feed: Feed | None = None
    features: Callable[..., dict[str, jax.Array]] | None = None
    probabilities: tuple[str, ...] = ()
    fit: Fit | None = None
    later_fits: tuple[LaterFit, ...] = ()
    statistics: Kinds | None = None
    report: Report | None = None
    per_example: tuple[str, ...] = ()
    predict: Prediction | None = None
    evaluation: Evaluation | None = None
    images: Callable[[Hypers], dict[str, jax.Array]] | None = None
    stages: tuple[Stage, ...] = ()
    sweep: Callable[[], Mapping[str, jax.Array]] | None = None
    retrain: Retraining | None = None
    test_reports: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @property
    def outer_steps(self) -> int:
        """Outer steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def fresh_outer(self) -> int:
        """The number of an outer step whose draws no outer step has used."""
        return self.outer_steps * self.seeds
