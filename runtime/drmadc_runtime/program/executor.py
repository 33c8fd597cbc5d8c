"""A session: an emitted module's functions, compiled once and called with data of the right outer step."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from drmadc_runtime.adjoints.base import Hypergradient, SavePolicy, forward_pass
from drmadc_runtime.adjoints.store import Store
from drmadc_runtime.core.domains import constrain, reverse_constrain, unconstrain
from drmadc_runtime.data.statistics import CHUNK, Statistics, chunks_of
from drmadc_runtime.data.tasks import Tasks
from drmadc_runtime.execution.loops import forwards
from drmadc_runtime.execution.progress import Watcher, watched

Values = Mapping[str, Any]
Arrays = dict[str, npt.NDArray[np.floating[Any]]]
PACE = 0.05


@dataclass(frozen=True)
class Stage:
    """A stage of the outer loop: its name ("" for the only one), outer steps, first state and update.

    `library` names the optimiser that moves the hyperparameters instead, and those that it leaves.
    """

    name: str
    steps: int
    start: Callable[[Any], Any]
    step: Callable[[Any, Any, jax.Array], Any]
    library: tuple[str, tuple[str, ...]] | None = None


def _stages(module: Values) -> Iterator[Stage]:
    """The stages that a module declares, in order."""
    for name, steps in module.get("STAGES", {"": module["TUNE_STEPS"]}).items():
        end = f"_{name}" if name else ""
        library = module.get(f"LIBRARY{end.upper()}")
        if library is not None:
            yield Stage(name, steps, lambda free: {"w": free}, lambda state, gradient, t: state, library)
        if library is not None or not steps:
            continue
        yield Stage(name, steps, module[f"initial_tune_state{end}"], jax.jit(module[f"tune_step{end}"]))


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of objective and hypergradient, on the host.

    `switched` is the training step below which a guarded reverse pass used the Gauss-Newton matrix, -1 for none;
    `unsettled`, for implicit methods, the length of the last training step over that of the first; `lost`, for naive
    reversal, how far from the start it ends.
    `gradient` is with respect to the hyperparameters in their own domains, `unconstrained` with respect to what
    the outer loop moves (logarithm, logit). `growth` is |adjoint at the first step| / |adjoint at the last|.
    """

    value: float
    gradient: Arrays
    unconstrained: Arrays
    growth: float
    params: Any
    switched: int = -1
    residual: float = 0.0
    lost: float = -1.0

    @property
    def finite(self) -> bool:
        """Whether everything that was computed is a number."""
        arrays = (*self.gradient.values(), *self.unconstrained.values())
        return bool(np.isfinite(self.value) and all(np.isfinite(a).all() for a in arrays))


def compilation_cache() -> Path:
    """Where compiled functions are kept: JAX's own setting, or a folder in the user's cache."""
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return Path(config.jax_compilation_cache_dir)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "drmadc" / "jax"


def use_compilation_cache() -> None:
    """Turn on JAX's persistent compilation cache, unless the user has chosen one."""
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return
    folder = compilation_cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


class Session:
    """Runs an emitted module. Functions are compiled at first use; data of an outer step is prepared once."""

    def __init__(self, module: Mapping[str, Any], watch: Watcher | None = None, *, debug_nans: bool = False) -> None:
        use_compilation_cache()
        self.module = module
        self.watch = watch
        self.debug_nans = debug_nans
        self.double = module["DTYPE"] == "float64"
        self.has_data = "DATA" in module
        self._prepared: tuple[int, Any] | None = None
        self._evaluate = jax.jit(self._evaluate_traced, static_argnames="policy", donate_argnames="buffer")
        self._buffer: tuple[SavePolicy, Any] | None = None
        self._objective = jax.jit(module["trained_objective"])
        self._report_keys: tuple[str, ...] = ()
        self._report = jax.jit(self._report_traced) if "report" in module else None
        self.stages = tuple(_stages(module))
        self._statistics = Statistics(module["fit"], module["STATISTICS"]) if "fit" in module else None
        self._online = jax.jit(self._online_traced)

    def tell(self, doing: str) -> None:
        """Say what is under way, where somebody watches."""
        if self.watch is not None:
            self.watch.tick(doing, 0, 0.0)

    @contextmanager
    def precision(self) -> Iterator[None]:
        """The module's floating type as JAX's default, and full precision for products."""
        with jax.enable_x64(self.double), jax.default_matmul_precision("highest"):
            yield

    def initial_hypers(self) -> dict[str, jax.Array]:
        """Initial hyperparameters in their own domains."""
        with self.precision():
            hypers: dict[str, jax.Array] = self.module["initial_hypers"]()
            return hypers

    def constrain(self, free: Values) -> dict[str, jax.Array]:
        """Unconstrained values to own domains."""
        with self.precision():
            return constrain(self.module["DOMAINS"], free)

    def unconstrain(self, hypers: Values) -> dict[str, jax.Array]:
        """Own domains to unconstrained values."""
        with self.precision():
            return unconstrain(self.module["DOMAINS"], self.cast(hypers))

    def cast(self, hypers: Values) -> dict[str, jax.Array]:
        """Hyperparameters as arrays of the module's floating type and shapes.

        Raises:
            ValueError: for a missing or unknown name, or a wrong shape.
        """
        with self.precision():
            there = self.initial_hypers()
            if set(hypers) != set(there):
                raise ValueError(f"hyperparameters are {sorted(there)}, not {sorted(hypers)}")
            cast = {name: jnp.asarray(hypers[name], self.module["DTYPE"]) for name in there}
            for name, value in cast.items():
                if value.shape != there[name].shape:
                    raise ValueError(f"`{name}` has shape {there[name].shape}, not {value.shape}")
            return cast

    def data(self, outer: int) -> tuple[Any, ...]:
        """The data of an outer step on the device, as the one argument that follows `outer`; none without data."""
        if not self.has_data:
            return ()
        spec = self.module["DATA"]
        key = spec.draw_of(outer)
        if self._prepared is None or self._prepared[0] != key:
            self._prepared = None
            if "FEED" in self.module:
                splits = spec.splits(outer, without=("train",))
                chunks = spec.chunks("train", outer, CHUNK)
            else:
                splits = spec.splits(outer)
                chunks = chunks_of(splits.get("train", {}))
            with self.precision():  # without it float64 arrays would become float32
                data: dict[str, Any] = jax.device_put({**splits, **self._fitted(chunks)})
            self._prepared = (key, data)
        return (self._prepared[1],)

    def statistics(self, outer: int) -> Values:
        """The statistics of the train split of an outer step; none where features read none."""
        values: Values = self.data(outer)[0].get("statistics", {})
        return values

    def _fitted(self, train: Iterable[Values]) -> dict[str, Any]:
        """The statistics of a train split, where features read any."""
        if self._statistics is None:
            return {}
        return {"statistics": self._statistics.of(train, self.module["DTYPE"])}

    def retrain(self, hypers: Values, outer: int) -> dict[str, float]:
        """Train once more, on the splits of RETRAIN together; the reported values."""
        spec = self.module["DATA"]
        tasks = isinstance(spec, Tasks) and not spec.sampled
        parts = spec.splits(outer)
        names = self.module["RETRAIN"]
        train = {f: np.concatenate([parts[n][f] for n in names], axis=int(tasks)) for f in parts[names[0]]}
        with self.precision():
            data: dict[str, Any] = jax.device_put({**parts, "train": train, **self._fitted(chunks_of(train))})

            @jax.jit
            def run(hypers: Values, outer: jax.Array, data: Any) -> Any:
                start, forward_step = self.module["training"](hypers, outer, data)
                state, _ = forward_pass(forward_step, start, self.module["STEPS"], None)
                return self._report_traced(state["w"], hypers, data)

            values = run(self.cast(hypers), jnp.int32(outer), data)
            return {name: float(value) for name, value in zip(self._report_keys, values, strict=True)}

    def grid(self) -> Arrays:
        """The values of each axis of the sweep."""
        with self.precision():
            return {name: np.asarray(values) for name, values in self.module["sweep"]().items()}

    def _evaluate_traced(
        self, buffer: Any, hypers: Values, outer: jax.Array, *data: Any, policy: SavePolicy
    ) -> tuple[Hypergradient, Values]:
        if isinstance(policy, Store):
            policy = replace(policy, buffer=buffer)

        def loss(params: Any, t: jax.Array) -> jax.Array:
            value: jax.Array = self.module["training_loss"](params, hypers, outer, *data, t)
            return value

        with watched(self.watch, loss):
            result: Hypergradient = self.module["hypergradient"](hypers, outer, *data, policy=policy)
        if not isinstance(policy, Store):
            result = result._replace(trajectory=None)
        return result, reverse_constrain(self.module["DOMAINS"], hypers, result.gradient)

    def evaluate(self, hypers: Values, outer: int, policy: SavePolicy | None = None) -> Evaluation:
        """Train from scratch and send the hypergradient back; see Evaluation."""
        with self.precision():
            result, free = self.hypergradient(self.cast(hypers), outer, policy or self.module["SAVE_POLICY"])
            return Evaluation(
                float(result.value),
                {name: np.asarray(value) for name, value in result.gradient.items()},
                {name: np.asarray(value) for name, value in free.items()},
                float(result.growth),
                result.params,
                int(result.switched),
                float(result.residual),
                float(result.lost),
            )

    def _report_traced(self, params: Any, hypers: Values, *data: Any) -> list[jax.Array]:
        values: dict[str, jax.Array] = self.module["report"](params, hypers, *data)
        self._report_keys = tuple(values)  # jit would return a dictionary sorted by key, not in the spec's order
        return list(values.values())

    def hypergradient(self, hypers: Values, outer: int, policy: SavePolicy) -> tuple[Hypergradient, Values]:
        """The emitted hypergradient and its unconstrained form, on the device; a stored path's memory is used again."""
        data = self.data(outer)
        if not isinstance(policy, Store):
            knots: tuple[Hypergradient, Values] = self._evaluate(None, hypers, jnp.int32(outer), *data, policy=policy)
            return knots
        if self._buffer is None or self._buffer[0] != policy:
            self._buffer = None
            state = jax.eval_shape(lambda h, *d: self.module["training"](h, jnp.int32(outer), *d)[0], hypers, *data)
            self._buffer = policy, policy.empty(state, self.module["STEPS"])
        buffer, self._buffer = self._buffer[1], None
        result: Hypergradient
        result, free = self._evaluate(buffer, hypers, jnp.int32(outer), *data, policy=policy)
        self._buffer = policy, result.trajectory.rows
        return result._replace(trajectory=None), free

    def _online_traced(self, tune_state: Any, outer: jax.Array, *data: Any) -> Any:
        def loss(params: Any, t: jax.Array) -> jax.Array:
            hypers = constrain(self.module["DOMAINS"], tune_state["w"])  # those at the start of the run
            value: jax.Array = self.module["training_loss"](params, hypers, outer, *data, t)
            return value

        with watched(self.watch, loss):
            return self.module["online"](tune_state, outer, *data)

    def online(self, tune_state: Any, outer: int) -> tuple[Any, Any, float]:
        """A whole training run in which the hyperparameters move: last state, outer state, objective."""
        with self.precision():
            state, tune_state, value = self._online(tune_state, jnp.int32(outer), *self.data(outer))
            return state, tune_state, float(value)

    def train(self, hypers: Values, outer: int, policy: SavePolicy | None) -> tuple[Any, Any]:
        """Train from scratch: the last state, and the path that `keep` asks for, on the device."""

        @jax.jit
        def run(hypers: Values, outer: jax.Array, *data: Any) -> tuple[Any, Any]:
            start, forward_step = self.module["training"](hypers, outer, *data)
            return forward_pass(forward_step, start, self.module["STEPS"], policy)

        with self.precision():
            trained: tuple[Any, Any] = run(hypers, jnp.int32(outer), *self.data(outer))
            return trained

    def first_state(self, hypers: Values, outer: int) -> Any:
        """The state before the first training step."""
        with self.precision():
            return self.module["training"](self.cast(hypers), outer, *self.data(outer))[0]

    def pace(self, hypers: Values) -> float:
        """Seconds of a training step, measured over as many steps as a twentieth of a second takes, or all."""

        @jax.jit
        def run(hypers: Values, steps: jax.Array, *data: Any) -> Any:
            start, forward_step = self.module["training"](hypers, jnp.int32(0), *data)
            return forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), start)

        with self.precision():
            args, steps = self.data(0), 1
            jax.device_get(run(hypers, jnp.int32(steps), *args))
            while True:
                start = time.perf_counter()
                jax.device_get(run(hypers, jnp.int32(steps), *args))
                seconds = time.perf_counter() - start
                if seconds > PACE or steps == self.module["STEPS"]:
                    return seconds / steps
                steps = min(self.module["STEPS"], 4 * steps)

    def learning_curve(self, hypers: Values, outer: int, points: int = 100) -> tuple[list[int], list[float]]:
        """Training steps and the training loss of their minibatches, in one training run."""
        steps = self.module["STEPS"]
        every = -(-steps // points)
        count = -(-steps // every)

        @jax.jit
        def run(hypers: Values, outer: jax.Array, *data: Any) -> jax.Array:
            start, forward_step = self.module["training"](hypers, outer, *data)

            def chunk(i: jax.Array, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
                state, losses = carry
                t = i * every
                loss = self.module["training_loss"](state["w"], hypers, outer, *data, t)
                state = forwards(
                    forward_step,
                    t,
                    jnp.minimum(t + every, steps),
                    lambda step, t, state: step(state, t),
                    state,
                )
                return state, losses.at[i].set(loss)

            losses: jax.Array = lax.fori_loop(0, count, chunk, (start, jnp.zeros(count, self.module["DTYPE"])))[1]
            return losses

        with self.precision():
            found = run(self.cast(hypers), jnp.int32(outer), *self.data(outer))
            return list(range(0, steps, every)), [float(x) for x in found]

    def objective(self, hypers: Values, outer: int) -> float:
        """Train from scratch; the outer objective."""
        with self.precision():
            return float(self._objective(self.cast(hypers), jnp.int32(outer), *self.data(outer)))

    def report(self, params: Any, hypers: Values, outer: int) -> dict[str, float]:
        """Reported values of trained parameters."""
        if self._report is None:
            return {}
        with self.precision():
            values = self._report(params, self.cast(hypers), *self.data(outer))
            return {name: float(value) for name, value in zip(self._report_keys, values, strict=True)}

    def images(self, hypers: Values) -> dict[str, npt.NDArray[np.floating[Any]]]:
        """Pictures of hyperparameters, by title."""
        if "images" not in self.module:
            return {}
        with self.precision():
            pictures = self.module["images"](self.cast(hypers))
            return {title: np.asarray(picture) for title, picture in pictures.items()}

    def jaxpr(self) -> str:
        """The hypergradient as a jaxpr."""
        with self.precision():
            args = (self.initial_hypers(), jnp.int32(0), *self.data(0))
            return f"{jax.make_jaxpr(self.module['hypergradient'])(*args)}\n"

    def hlo(self) -> str:
        """The hypergradient as the StableHLO that XLA compiles."""
        with self.precision():
            args = (self.initial_hypers(), jnp.int32(0), *self.data(0))
            return jax.jit(self.module["hypergradient"]).lower(*args).as_text()
