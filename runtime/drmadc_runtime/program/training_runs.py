"""What may be asked of a program's training: its end, its learning curve, its pace, the final training of an arm."""

import time
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from drmadc_runtime.adjoints.base import SavePolicy, forward_pass
from drmadc_runtime.core.types import Hypers, PyTree, Splits, State, Values
from drmadc_runtime.data.statistics import chunks_of
from drmadc_runtime.data.tasks import Tasks
from drmadc_runtime.execution.loops import forwards
from drmadc_runtime.program.compiling import Compiled, compile_lowered
from drmadc_runtime.program.executor import Executor

PACE = 0.05


def train(executor: Executor, hypers: Values, outer: int, policy: SavePolicy | None = None) -> tuple[State, PyTree]:
    """Train from scratch: the last state, and the trajectory that `policy` keeps, on the device."""
    program = executor.program

    @jax.jit
    def run(hypers: Hypers, outer: jax.Array, *data: Splits) -> tuple[State, PyTree]:
        start, forward_step = program.training(hypers, outer, *data)
        return forward_pass(forward_step, start, program.steps, policy)

    with executor.precision():
        trained: tuple[State, PyTree] = run(executor.cast(hypers), jnp.int32(outer), *executor.data(outer))
        return trained


def first_state(executor: Executor, hypers: Values, outer: int) -> State:
    """The state before the first training step."""
    with executor.precision():
        return executor.program.training(executor.cast(hypers), outer, *executor.data(outer))[0]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of a training step, and what compiling a loop of them took."""

    seconds: float
    compiled: Compiled


def pace(executor: Executor, hypers: Values) -> Pace:
    """Measured over as many steps as a twentieth of a second takes, or all."""
    program = executor.program

    @jax.jit
    def training(hypers: Hypers, steps: jax.Array, *data: Splits) -> State:
        start, forward_step = program.training(hypers, jnp.int32(0), *data)
        return forwards(forward_step, 0, steps, lambda step, t, state: step(state, t), start)

    with executor.precision():
        hypers, data, steps = executor.cast(hypers), executor.data(0), 1
        run, compiled = compile_lowered(training.lower(hypers, jnp.int32(steps), *data))
        jax.device_get(run(hypers, jnp.int32(steps), *data))
        while True:
            start = time.perf_counter()
            jax.device_get(run(hypers, jnp.int32(steps), *data))
            seconds = time.perf_counter() - start
            if seconds > PACE or steps == program.steps:
                return Pace(seconds / steps, compiled)
            steps = min(program.steps, 4 * steps)


def learning_curve(executor: Executor, hypers: Values, outer: int, points: int = 100) -> tuple[list[int], list[float]]:
    """Training steps and the training loss of their minibatches, in one training run."""
    program = executor.program
    steps = program.steps
    every = -(-steps // points)
    count = -(-steps // every)

    @jax.jit
    def run(hypers: Hypers, outer: jax.Array, *data: Splits) -> jax.Array:
        start, forward_step = program.training(hypers, outer, *data)

        def chunk(i: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, losses = carry
            t = i * every
            loss = program.training_loss(state["w"], hypers, outer, *data, t)
            stop = jnp.minimum(t + every, steps)
            state = forwards(forward_step, t, stop, lambda step, t, state: step(state, t), state)
            return state, losses.at[i].set(loss)

        losses: jax.Array = lax.fori_loop(0, count, chunk, (start, jnp.zeros(count, program.dtype)))[1]
        return losses

    with executor.precision():
        found = run(executor.cast(hypers), jnp.int32(outer), *executor.data(outer))
        return list(range(0, steps, every)), [float(x) for x in found]


def retrain(executor: Executor, hypers: Values, outer: int) -> dict[str, float]:
    """Train once more, on the splits of the final training together; the reported values."""
    program = executor.program
    assert program.data is not None
    assert program.retrain is not None
    final = program.retrain
    parts, names = program.data.splits(outer), final.splits
    axis = int(isinstance(program.data, Tasks) and not program.data.sampled)
    joined = {field: np.concatenate([parts[name][field] for name in names], axis) for field in parts[names[0]]}

    counts = {name: len(next(iter(parts[name].values()))) for name in names}
    keys: list[str] = []

    def of_all(hypers: Hypers) -> Hypers:
        """Hyperparameters over examples with an entry for each of the joined ones, in their order."""
        joined = {
            hyper: jnp.concatenate(
                [hypers[hyper] if n == "train" else jnp.full(counts[n], value, program.dtype) for n in names]
            )
            for hyper, value in final.others.items()
        }
        return {**hypers, **joined}

    @jax.jit
    def run(hypers: Hypers, outer: jax.Array, *data: Splits) -> list[jax.Array]:
        start, forward_step = program.training(of_all(hypers), outer, *data)
        state, _ = forward_pass(forward_step, start, program.steps, None)
        values = {} if program.report is None else program.report(state["w"], hypers, *data)
        keys[:] = values  # jit would return a dictionary sorted by key, not in the spec's order
        return list(values.values())

    with executor.precision():
        data = executor.outer_data.prepared({**parts, "train": joined}, partial(chunks_of, joined))
        values = run(executor.cast(hypers), jnp.int32(outer), data)
        return {name: float(value) for name, value in zip(keys, values, strict=True)}
