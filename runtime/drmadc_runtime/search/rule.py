"""The update rule of a stage: one step on the unconstrained hyperparameters, and its state as arrays."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_runtime.core.trees import Tree
from drmadc_runtime.program.executor import Arrays, Session, Values
from drmadc_runtime.search.base import UpdateState


class UpdateRule:
    """A stage's update rule, such as adam; its state begins with the hyperparameters, tied as the stage says."""

    def __init__(self, session: Session, stage: int = 0) -> None:
        self._session = session
        self._stage = session.stages[stage]

    def start(self, hypers: Values) -> UpdateState:
        """The state before the stage's first step."""
        free = self._session.unconstrain(hypers)
        with self._session.precision():
            state: UpdateState = self._stage.start(Tree(free))
            return state

    def step(self, state: UpdateState, gradient: Values, t: int) -> UpdateState:
        """One step; `gradient` is that of the unconstrained hyperparameters, `t` counts from the stage's first step."""
        with self._session.precision():
            following: UpdateState = self._stage.step(state, Tree(gradient), jnp.int32(t))
            return following

    def hypers(self, state: UpdateState) -> Arrays:
        """The hyperparameters of a state, in their own domains, on the host."""
        return {name: np.asarray(value) for name, value in self._session.constrain(dict(state["w"])).items()}

    def arrays(self, state: UpdateState) -> dict[str, npt.NDArray[np.generic]]:
        """The arrays of a state, on the host."""
        return {f"leaf {i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}

    def restored(self, arrays: Mapping[str, npt.NDArray[np.generic]], like: UpdateState) -> UpdateState:
        """The state that had these arrays, of the structure of another.

        Raises:
            KeyError: it had fewer.
        """
        leaves, structure = jax.tree.flatten(like)
        with self._session.precision():
            stored = [jnp.asarray(arrays[f"leaf {i}"]) for i in range(len(leaves))]
            state: UpdateState = jax.tree.unflatten(structure, stored)
            return state
