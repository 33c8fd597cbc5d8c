"""Compiles a program's functions at their first use, and calls them with the data of the right outer step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from drmadc_runtime.adjoints.base import Hypergradient, SavePolicy
from drmadc_runtime.core.compilation_cache import use_compilation_cache
from drmadc_runtime.core.domains import constrain, require_inside, reverse_constrain, unconstrain
from drmadc_runtime.core.types import Arrays, Hypers, Params, PyTree, Splits, State, UpdateState, Values
from drmadc_runtime.execution.progress import Watcher, watched
from drmadc_runtime.program.compiling import Compiled, compile_lowered
from drmadc_runtime.program.contract import Program
from drmadc_runtime.program.outer_data import OuterData


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of objective and hypergradient, on the host.

    Attributes:
        value: the outer objective.
        gradient: with respect to the hyperparameters in their own domains.
        unconstrained: with respect to what the outer loop moves (logarithm, logit).
        growth: |adjoint at the first step| / |adjoint at the last|.
        params: trained parameters, on the device.
        stats: what the strategy measured of itself, by name (see `SavePolicy.stats`).
    """

    value: float
    gradient: Arrays
    unconstrained: Arrays
    growth: float
    params: Params
    stats: Mapping[str, float] = field(default_factory=dict)

    @property
    def finite(self) -> bool:
        """Whether everything that was computed is a number."""
        arrays = (*self.gradient.values(), *self.unconstrained.values())
        return bool(np.isfinite(self.value) and all(np.isfinite(a).all() for a in arrays))


class Executor:
    """Evaluates a program. Functions are compiled at first use; data of an outer step are prepared once.

    Args:
        program: what to run.
        watch: who hears of progress inside training.
        debug_nans: whether a failure looks for the first operation that was not finite, which takes long.
    """

    def __init__(self, program: Program, watch: Watcher | None = None, *, debug_nans: bool = False) -> None:
        use_compilation_cache()
        self.program = program
        self.watch = watch
        self.debug_nans = debug_nans
        self.outer_data = OuterData(program)
        self._evaluate = jax.jit(self._evaluate_traced, static_argnames="policy", donate_argnames="buffer")
        self._buffer: tuple[SavePolicy, PyTree] | None = None
        self._lowered: dict[SavePolicy, jax.stages.Lowered] = {}
        self._compiled: dict[SavePolicy, Compiled] = {}
        self._objective = jax.jit(program.trained_objective)
        self._report_keys: tuple[str, ...] = ()
        self._report = jax.jit(self._report_traced)
        self._online = jax.jit(self._online_traced)

    def status(self, doing: str) -> None:
        """Report what is under way, where somebody watches."""
        if self.watch is not None:
            self.watch.report(doing, 0, 0.0)

    @contextmanager
    def precision(self) -> Iterator[None]:
        """The program's floating type as JAX's default, and full precision for products."""
        with jax.enable_x64(self.program.dtype == "float64"), jax.default_matmul_precision("highest"):
            yield

    def initial_hypers(self) -> dict[str, jax.Array]:
        """Initial hyperparameters in their own domains.

        Raises:
            OutsideDomain: one is outside, as a `positive` one that is drawn by `normal` may be.
        """
        with self.precision():
            hypers = self.program.initial_hypers()
            require_inside(self.program.domains, hypers)
            return hypers

    def constrain(self, free: Values) -> dict[str, jax.Array]:
        """Unconstrained values to own domains."""
        with self.precision():
            return constrain(self.program.domains, {name: jnp.asarray(x) for name, x in free.items()})

    def unconstrain(self, hypers: Values) -> dict[str, jax.Array]:
        """Own domains to unconstrained values."""
        with self.precision():
            return unconstrain(self.program.domains, self.cast(hypers))

    def cast(self, hypers: Values) -> dict[str, jax.Array]:
        """Hyperparameters as arrays of the program's floating type and shapes.

        Raises:
            ValueError: for a missing or unknown name, or a wrong shape.
        """
        with self.precision():
            there = self.program.initial_hypers()
            if set(hypers) != set(there):
                raise ValueError(f"hyperparameters are {sorted(there)}, not {sorted(hypers)}")
            cast = {name: jnp.asarray(hypers[name], self.program.dtype) for name in there}
            for name, value in cast.items():
                if value.shape != there[name].shape:
                    raise ValueError(f"`{name}` has shape {there[name].shape}, not {value.shape}")
            return cast

    def data(self, outer: int) -> tuple[Splits, ...]:
        """The data of an outer step on the device, as the argument `*data` of the program's functions."""
        with self.precision():  # without it float64 arrays would become float32
            return self.outer_data.of(outer)

    def evaluate(self, hypers: Values, outer: int, policy: SavePolicy | None = None) -> Evaluation:
        """Train from scratch and send the hypergradient back; see Evaluation."""
        policy = policy or self.program.policy
        with self.precision():
            hypers, data = self.cast(hypers), self.data(outer)
            buffer = self._take_buffer(policy, hypers, data)
            if policy not in self._compiled:
                lowered = self._lowered.pop(policy, None)  # JAX keeps what it needs
                if lowered is None:
                    lowered = self._evaluate.lower(buffer, hypers, jnp.int32(outer), *data, policy=policy)
                kept = sum(leaf.nbytes for leaf in jax.tree.leaves(buffer))
                _, self._compiled[policy] = compile_lowered(lowered, kept)
            result, buffer, free = self._evaluate(buffer, hypers, jnp.int32(outer), *data, policy=policy)
            self._buffer = policy, buffer
            return Evaluation(
                float(result.value),
                {name: np.asarray(value) for name, value in result.gradient.items()},
                {name: np.asarray(value) for name, value in free.items()},
                float(result.growth),
                result.params,
                {name: float(value) for name, value in result.stats.items()},
            )

    def lowered(self, hypers: Values, outer: int) -> jax.stages.Lowered:
        """What `evaluate` will compile: traced once, and lowered for the device."""
        policy = self.program.policy
        if policy not in self._lowered:
            with self.precision():
                hypers, data = self.cast(hypers), self.data(outer)
                buffer = self._take_buffer(policy, hypers, data)
                self._lowered[policy] = self._evaluate.lower(buffer, hypers, jnp.int32(outer), *data, policy=policy)
                self._buffer = policy, buffer
        return self._lowered[policy]

    @property
    def compiled(self) -> Compiled | None:
        """What compiling the hypergradient took; None before it was evaluated, by the program's own policy."""
        return self._compiled.get(self.program.policy)

    def _take_buffer(self, policy: SavePolicy, hypers: Hypers, data: tuple[Splits, ...]) -> PyTree:
        """The memory that the last evaluation left, if it was of the same policy; it is donated, so taken once."""
        kept, self._buffer = self._buffer, None
        if kept is not None and kept[0] == policy:
            return kept[1]

        def like() -> State:
            shapes: State = jax.eval_shape(lambda h, *d: self.program.training(h, jnp.int32(0), *d)[0], hypers, *data)
            return shapes

        return policy.empty(like, self.program.steps)

    def _evaluate_traced(
        self, buffer: PyTree, hypers: Hypers, outer: jax.Array, *data: Splits, policy: SavePolicy
    ) -> tuple[Hypergradient, PyTree, Hypers]:
        def loss(params: Params, t: jax.Array) -> jax.Array:
            return self.program.training_loss(params, hypers, outer, *data, t)

        with watched(self.watch, loss):
            result = self.program.hypergradient(hypers, outer, *data, policy=policy.reuse(buffer))
        buffer = None if result.trajectory is None else result.trajectory.buffer
        free = reverse_constrain(self.program.domains, hypers, result.gradient)
        return result._replace(trajectory=None), buffer, free

    def objective(self, hypers: Values, outer: int) -> float:
        """Train from scratch; the outer objective."""
        with self.precision():
            return float(self._objective(self.cast(hypers), jnp.int32(outer), *self.data(outer)))

    def report(self, params: Params, hypers: Values, outer: int) -> dict[str, float]:
        """Reported values of trained parameters."""
        if self.program.report is None:
            return {}
        with self.precision():
            values = self._report(params, self.cast(hypers), *self.data(outer))
            return {name: float(value) for name, value in zip(self._report_keys, values, strict=True)}

    def _report_traced(self, params: Params, hypers: Hypers, *data: Splits) -> list[jax.Array]:
        assert self.program.report is not None
        values = self.program.report(params, hypers, *data)
        self._report_keys = tuple(values)  # jit would return a dictionary sorted by key, not in the spec's order
        return list(values.values())

    def online(self, tune_state: UpdateState, outer: int) -> tuple[State, UpdateState, float]:
        """A whole training run in which the hyperparameters move: last state, outer state, objective."""
        with self.precision():
            state, tune_state, value = self._online(tune_state, jnp.int32(outer), *self.data(outer))
            return state, tune_state, float(value)

    def _online_traced(
        self, tune_state: UpdateState, outer: jax.Array, *data: Splits
    ) -> tuple[State, UpdateState, jax.Array]:
        assert self.program.online is not None

        def loss(params: Params, t: jax.Array) -> jax.Array:
            hypers = constrain(self.program.domains, tune_state["w"])  # those at the start of the run
            return self.program.training_loss(params, hypers, outer, *data, t)

        with watched(self.watch, loss):
            return self.program.online(tune_state, outer, *data)
