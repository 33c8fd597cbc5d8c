"""The update rule of a stage: one step on the unconstrained hyperparameters, and its state as arrays."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.trees import Tree
from drmadc_runtime.core.types import Arrays, UpdateState, Values
from drmadc_runtime.program.contract import Stage
from drmadc_runtime.program.executor import Executor


class UpdateRule:
    """A stage's update rule, such as adam; its state begins with the hyperparameters, tied as the stage says."""

    def __init__(self, executor: Executor, stage: Stage) -> None:
        assert stage.initial_state is not None
        assert stage.step is not None
        self._executor = executor
        self._start, self._step = stage.initial_state, jax.jit(stage.step)

    def start(self, hypers: Values) -> UpdateState:
        """The state before the stage's first step."""
        free = self._executor.unconstrain(hypers)
        with self._executor.precision():
            return self._start(Tree(free))

    def step(self, state: UpdateState, gradient: Values, t: int) -> UpdateState:
        """One step; `gradient` is that of the unconstrained hyperparameters, `t` counts from the stage's first step."""
        with self._executor.precision():
            following: UpdateState = self._step(state, Tree(gradient), jnp.int32(t))
            return following

    def hypers(self, state: UpdateState) -> Arrays:
        """The hyperparameters of a state, in their own domains, on the host."""
        return {name: np.asarray(value) for name, value in self._executor.constrain(dict(state["w"])).items()}

    def arrays(self, state: UpdateState) -> dict[str, npt.NDArray[np.generic]]:
        """The arrays of a state, on the host."""
        return {f"leaf {i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}

    def restored(self, arrays: Mapping[str, npt.NDArray[np.generic]], like: UpdateState) -> UpdateState:
        """The state that had these arrays, of the structure of another.

        Raises:
            KeyError: it had fewer.
        """
        leaves, structure = jax.tree.flatten(like)
        with self._executor.precision():
            stored = [jnp.asarray(arrays[f"leaf {i}"]) for i in range(len(leaves))]
            state: UpdateState = jax.tree.unflatten(structure, stored)
            return state
