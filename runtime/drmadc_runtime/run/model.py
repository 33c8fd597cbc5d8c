"""The model that a run takes home: trained once more with its best hyperparameters, as a function of new examples."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_common.atomic import write_whole
from drmadc_common.run_folder import DamagedRun
from drmadc_runtime.core.archives import read_arrays, zipped
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.core.types import Arrays, Hypers, Values
from drmadc_runtime.data.names import class_names
from drmadc_runtime.data.new_examples import read_new, typed
from drmadc_runtime.data.resident import Data
from drmadc_runtime.data.sources.request import Array
from drmadc_runtime.data.statistics import chunks_of
from drmadc_runtime.program.contract import Evaluation, Outputs, Predict, Prediction, Program
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.training_runs import train

MODEL = "model.npz"
T = TypeVar("T")
Output = npt.NDArray[np.floating]


class NoPrediction(ValueError):
    """A program of which nothing can be predicted; says why."""


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        program: of which run.
        step: the outer step whose hyperparameters it was trained with.
        hypers: these, in their own domains.
        params: by path.
        statistics: of the train split with which it was trained.
    """

    program: Program
    step: int
    hypers: Hypers
    params: Arrays
    statistics: Arrays = field(default_factory=dict)

    def __call__(self, fields: Mapping[str, npt.ArrayLike]) -> Output:
        """The model's output: logits for cross_entropy; numbers in the units of the field that they predict.

        Args:
            fields: raw fields [n, ...] by name, as the source gives them; those of labels are not needed.

        Returns:
            [n, ...] in the order of the examples.

        Raises:
            DataError: a field is absent, or has another type or shape than the spec says.
        """
        return self.output(
            typed(self._data, self.prediction.fields, fields, "the given fields", self.prediction.unseen)
        )

    def output(self, fields: Mapping[str, Array]) -> Output:
        """The same of fields that are read and checked."""
        return np.concatenate([np.asarray(piece) for piece in self._pieces(self._function, fields)])

    def measured(self, fields: Mapping[str, Array]) -> dict[str, Array]:
        """What the metrics read of labelled examples: by name, [n, ...]."""
        pieces = [jax.device_get(piece) for piece in self._pieces(self._outputs, fields)]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def _pieces(self, function: Callable[..., T], fields: Mapping[str, Array]) -> Iterator[T]:
        """A function of examples, of some of them at a time."""
        with Executor(self.program).precision():
            params, statistics = self.tree(), {name: jnp.asarray(x) for name, x in self.statistics.items()}
            for piece in chunks_of(fields):
                yield function(params, self.hypers, jax.device_put(piece), statistics)

    def tree(self) -> Tree:
        """The parameters as the program's functions take them."""
        return Tree({name: jnp.asarray(x) for name, x in self.params.items()})

    def read(self, path: Path | None, *, labelled: bool = False) -> tuple[dict[str, Array], tuple[str, ...]]:
        """Examples of a file or folder, with the names of pictures; without one the test split of the spec.

        Raises:
            DataError: see `read_new`.
            NoPrediction: there is no test split.
        """
        fields = self.evaluation.fields if labelled else self.prediction.fields
        if path is not None:
            return read_new(self._data, fields, path, self.prediction.unseen)
        splits = self._data.splits(0)
        if "test" not in splits:
            raise NoPrediction("the spec has no test split; give --data FILE")
        return {name: splits["test"][name] for name in fields}, ()

    @property
    def evaluation(self) -> Evaluation:
        """What is measured on labelled examples.

        Raises:
            NoPrediction: no metric is of the examples of one split alone.
        """
        if self.program.evaluation is None:
            raise NoPrediction(
                f"{self.program.origins.objective}: nothing to evaluate on other examples: neither the objective nor a "
                "report is a metric of one split's examples alone"
            )
        return self.program.evaluation

    @property
    def prediction(self) -> Prediction:
        """What is predicted."""
        return predicted_by(self.program)

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the classes in order; empty where they have none."""
        return class_names(self._data).get(self.prediction.label, ())

    @property
    def _data(self) -> Data:
        assert isinstance(self.program.data, Data)
        return self.program.data

    @cached_property
    def _function(self) -> Predict:
        return jax.jit(self.prediction.function)

    @cached_property
    def _outputs(self) -> Outputs:
        return jax.jit(self.evaluation.outputs)


def predicted_by(program: Program) -> Prediction:
    """What a program predicts.

    Raises:
        NoPrediction: its objective does not say.
    """
    if program.predict is None:
        raise NoPrediction(
            f"{program.origins.objective}: nothing to predict: the objective is not the loss of one model's output, "
            "as in `cross_entropy(net(x), y) on valid`"
        )
    return program.predict


def trained_model(program: Program, folder: Path, step: int, hypers: Values) -> Model:
    """The model of an outer step of a run: from model.npz in its folder, or trained once more and kept there.

    It is trained on draws that no outer step has used.

    Raises:
        NoPrediction: nothing can be predicted, or training is not finite.
        DataError: the data cannot be read.
    """
    predicted_by(program)
    path = folder / MODEL
    kept = _kept(path, step)
    if kept is None:
        executor = Executor(program)
        state, _ = train(executor, hypers, program.fresh_outer)
        (data,) = executor.data(program.fresh_outer)
        params = {name: np.asarray(x) for name, x in sorted(state["w"].items())}
        kept = params, {name: np.asarray(x) for name, x in data.get("statistics", {}).items()}
        if not all(np.isfinite(x).all() for x in params.values()):
            raise NoPrediction(f"training with the hyperparameters of outer step {step} is not finite; choose another")
        named = [*_named("params", params), *_named("statistics", kept[1])]
        write_whole(path, zipped({"step": np.array(step), **dict(named)}))
    params, statistics = kept
    return Model(program, step, Executor(program).cast(hypers), params, statistics)


def _named(head: str, arrays: Arrays) -> Iterator[tuple[str, Array]]:
    return ((f"{head}/{name}", x) for name, x in arrays.items())


def _kept(path: Path, step: int) -> tuple[Arrays, Arrays] | None:
    """Parameters and statistics in model.npz; None where it is of another step, damaged or not there."""
    try:
        found = read_arrays(path)
        if int(found["step"]) != step:
            return None
    except (DamagedRun, KeyError, TypeError, ValueError):
        return None
    params, statistics = (
        {name.partition("/")[2]: x for name, x in found.items() if name.startswith(f"{head}/")}
        for head in ("params", "statistics")
    )
    return params, statistics
