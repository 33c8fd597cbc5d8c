"""Names of what passes between emitted code and this package.

JAX does not type the structure of a tree, so these names say what the entries are; shapes are in the docstrings.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import numpy as np
import numpy.typing as npt

PyTree: TypeAlias = Any
"""Arrays in nested containers, of any structure."""

State: TypeAlias = dict[str, Any]
"""A training state, `w` and each state of the update rule, as trees by parameter; or its adjoint, with `hypers`."""

UpdateState: TypeAlias = dict[str, Any]
"""The state of an outer update rule: `w`, the unconstrained hyperparameters, and each state of the rule, as trees."""

Hypers: TypeAlias = Mapping[str, jax.Array]
"""Hyperparameters by name, each of its declared shape, in their own domains or unconstrained."""

Params: TypeAlias = Mapping[str, jax.Array]
"""Trained parameters by name."""

Split: TypeAlias = Mapping[str, jax.Array]
"""The fields of a split, or the features of a minibatch: [n, ...] each."""

Splits: TypeAlias = Mapping[str, Split]
"""The splits of an outer step by name, as the source gives them, and under `statistics` those of the train split."""

ArrayLike: TypeAlias = jax.Array | npt.NDArray[np.generic] | float
Values: TypeAlias = Mapping[str, ArrayLike]
"""Hyperparameters as a caller may give them, on the host or the device."""

Arrays: TypeAlias = dict[str, npt.NDArray[np.floating]]
"""Hyperparameters, or their gradient, on the host."""

Int: TypeAlias = jax.Array | int
"""The number of an outer or a training step, traced or not."""

ForwardStep: TypeAlias = Callable[[State, jax.Array], State]
"""state, t -> the state after step t."""

ReverseStep: TypeAlias = Callable[[State, State, State, jax.Array], State]
"""before, after, adjoint, t -> the adjoint before step t."""
