"""Streamed minibatches: blocks equal what the device gathers, in any order; runs equal resident ones, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import drmadc
import drmadc_runtime as rt
from drmadc_runtime.data import streaming
from drmadc_runtime.data.resident import gather_host
from drmadc_runtime.execution.loops import backwards, forwards
from tests.conftest import CASES

GEOMETRIC = {"image": (("flip", 0), ("crop", 2))}


def fed(sampling: str, steps: int = 13, **more: object) -> rt.Feed:
    data = rt.Data(source="digits", seed=3, from_train={"train": 50, "valid": 9}, resample=True)
    return rt.Feed(data, 4, 6, steps, sampling, **more)  # type: ignore[arg-type]


def on_the_device(source: rt.Feed, sampling: str, outer: int, t: int) -> dict[str, np.ndarray]:
    train = jax.device_put(source.data.splits(outer)["train"])
    draw = outer if source.redraw else 0
    rows = {
        "with_replacement": lambda: rt.draw_rows(4, draw, t, 6, 50),
        "without_replacement": lambda: rt.shuffled_rows(4, draw, t, 6, 50),
        "cyclic": lambda: rt.cyclic_rows(t, 6, 50),
    }[sampling]()
    raw = rt.geometric(rt.take(train, rows), source.geometric, rt.augmentation_key(4, draw, t))
    return {name: np.asarray(values) for name, values in raw.items()}


@pytest.mark.parametrize("sampling", ["with_replacement", "without_replacement", "cyclic"])
def test_blocks_equal_the_devices_minibatches(sampling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 6 * 68 * 4)
    source = fed(sampling, geometric=GEOMETRIC if sampling != "cyclic" else {}, redraw=sampling != "cyclic", threads=2)
    assert source.length == 4
    for outer, number in ((0, 0), (0, 3), (2, 1), (0, 0), (2, 0)):
        block = source.served(outer, number)
        for row in range(min(4, 13 - 4 * number)):
            for name, wanted in on_the_device(source, sampling, outer, 4 * number + row).items():
                np.testing.assert_array_equal(block[name][row], wanted)


@pytest.mark.parametrize("sampling", ["with_replacement", "without_replacement", "cyclic"])
def test_shards_are_parts_of_each_minibatch(sampling: str) -> None:
    geometric = {} if sampling == "cyclic" else GEOMETRIC
    whole = fed(sampling, geometric=geometric).served(1, 0)
    for count in (1, 2, 3):
        shards = [fed(sampling, geometric=geometric, shard=(k, count)).served(1, 0) for k in range(count)]
        for name, values in whole.items():
            np.testing.assert_array_equal(np.concatenate([shard[name] for shard in shards], axis=1), values)
    for shard in ((0, 4), (2, 2), (-1, 2)):
        with pytest.raises(ValueError, match="of a minibatch of 6"):
            fed(sampling, shard=shard)


@pytest.mark.parametrize("redraw", [True, False])
def test_one_step_and_given_rows_are_the_devices(redraw: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`one` of any step, also of the last block's; `take` of rows of the split, without the moves of minibatches."""
    monkeypatch.setattr(streaming, "BLOCK", 6 * 68 * 4)
    source = fed("without_replacement", geometric=GEOMETRIC, redraw=redraw)
    for outer, t in ((1, 0), (1, 6), (0, 12)):
        found = jax.jit(source.one)(outer, t)
        for name, wanted in on_the_device(source, "without_replacement", outer, t).items():
            np.testing.assert_array_equal(found[name], wanted)
            assert found[name].dtype == wanted.dtype
    rows = jnp.array([3, 0, 49])
    taken = jax.jit(source.take)(1, rows)
    for name, wanted in source.data.splits(1)["train"].items():
        np.testing.assert_array_equal(taken[name], wanted[np.asarray(rows)])


def test_the_next_block_is_begun_in_the_direction_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forwards and backwards, within the run; memory is that of the blocks that are kept and of one in the making."""
    monkeypatch.setattr(streaming, "BLOCK", 6 * 68 * 2)
    begun: list[int] = []
    fill, buffer, buffers = rt.Feed.fill, rt.Feed.buffer, 0

    def filled(self: rt.Feed, outer: int, number: int, out: streaming.Block) -> streaming.Block:
        begun.append(number)
        return fill(self, outer, number, out)

    def counted(self: rt.Feed) -> streaming.Block:
        nonlocal buffers
        buffers += 1
        return buffer(self)

    monkeypatch.setattr(rt.Feed, "fill", filled)
    monkeypatch.setattr(rt.Feed, "buffer", counted)
    source = fed("cyclic")
    assert source.length == 2  # 7 blocks

    def after(number: int) -> list[int]:
        """The blocks that have been begun when a block has been asked for."""
        source.served(0, number)
        source._state._ahead.submit(int).result()  # the one thread that fills them is through
        return begun

    for number in range(7):
        assert after(number) == list(range(min(number + 2, 7)))
    for number in range(5, -1, -1):  # the last four are kept
        assert after(number) == [*range(7), *range(2, max(number - 2, -1), -1)]
    assert buffers <= streaming.KEPT + 1


# No row travels; the walk of a keyed bijection ends when all devices have (one boolean).
DEVICES = """
import jax, jax.numpy as jnp, numpy as np
import drmadc_runtime as rt
from jax.sharding import Mesh, NamedSharding, PartitionSpec
mesh = Mesh(np.array(jax.devices()), ("data",))
for rows in (lambda t: rt.draw_rows(3, 0, t, 32, 1000), lambda t: rt.shuffled_rows(3, 0, t, 32, 1000),
             lambda t: rt.cyclic_rows(t, 32, 1000)):
    shared = jax.jit(rows, out_shardings=NamedSharding(mesh, PartitionSpec("data")))
    text = shared.lower(jnp.int32(5)).compile().as_text()
    assert "all-gather" not in text and "all-to-all" not in text and "collective-permute" not in text, text
    found = shared(jnp.int32(5))
    assert len(found.addressable_shards) == 4 and found.addressable_shards[0].data.shape == (8,)
    assert (np.asarray(found) == np.asarray(jax.jit(rows)(jnp.int32(5)))).all()
"""


def test_each_device_computes_its_own_rows() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", DEVICES], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("bounds", [(0, 13), (3, 4), (5, 11), (12, 13), (4, 8), (7, 7)])
def test_loops_visit_every_step_once_and_in_order(bounds: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 6 * 68 * 4)
    source = fed("without_replacement")
    first, stop = bounds

    def visit(function: object, t: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        count, seen = carry
        label = function(t)  # type: ignore[operator]
        return count + 1, seen.at[t].set(100 * count + label)

    along = source.along(0, lambda t, raw: raw["label"][0])
    plain = {t: int(on_the_device(source, "without_replacement", 0, t)["label"][0]) for t in range(first, stop)}
    start = (jnp.int32(0), jnp.zeros(13, jnp.int32))
    for loop, order in ((forwards, range(first, stop)), (backwards, range(stop - 1, first - 1, -1))):
        count, seen = jax.jit(lambda a, b, loop=loop: loop(along, a, b, visit, start))(first, stop)
        wanted = np.zeros(13, int)
        for place, t in enumerate(order):
            wanted[t] = 100 * place + plain[t]
        assert int(count) == stop - first
        np.testing.assert_array_equal(seen, wanted)


def equal_runs(text: str, tmp_path: Path, *overrides: str) -> None:
    runs = []
    for how in ("resident", "streamed"):
        program = drmadc.compile_text(text, overrides=(f"d.feed={how}", *overrides))
        runs.append(program.run(out=tmp_path / how, quiet=True))
    for a, b in zip(runs[0].metrics, runs[1].metrics, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
    np.testing.assert_array_equal(runs[0].hypers["l2"], runs[1].hypers["l2"])


SMALL = """
data d {
  source   = digits()
  x: real[64] = standardise(flatten(crop(flip(image), 1)))
  split    = { train: 40, valid: 20, test: 20 }
  resample = each outer
  feed     = streamed
}
params w: real[64] = 0.1
hyper l2: positive = 0.01
train { loss = mean((x @ w - 1) ^ 2) + l2 * sum(w ^ 2)  update = sgd(rate: 0.01)  batch = 6  steps = 8 }
tune {
  minimize = mean((x @ w - 1) ^ 2) on valid
  reverse  = drmad(knots: 3)
  update   = adam(rate: 0.1)
  steps    = 3
}
"""


def test_a_streamed_run_equals_a_resident_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 1000)
    equal_runs(SMALL, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("sampling", ["with_replacement", "without_replacement", "cyclic"])
@pytest.mark.parametrize(
    "strategy",
    [
        "exact(store)",
        "exact(checkpoint)",
        "exact(tree)",
        "exact(reversible)",
        "drmad(paper)",
        "drmad(knots: 3, progress: on)",
        "drmad(knots: 3, steps: 2)",
        "flow(knots: 3, products: 12)",
        "truncated(steps: 3)",
        "implicit(neumann: 4)",
        "forward()",
        "one_step()",
        "naive()",
    ],
)
def test_every_strategy_streams(strategy: str, sampling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 1000)
    text = (CASES / "ok" / "streamed.drm").read_text()
    equal_runs(text, tmp_path, f"tune.reverse={strategy}", f"train.sampling={sampling}")


def test_data_larger_than_memory_are_mapped_and_never_gathered_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).normal(size=(400, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    text = f"""
data d {{
  source = npy(x: "{tmp_path / "x.npy"}")
  z: real[5] = standardise(x)
  split  = {{ train: 300, valid: 20 }}
  feed   = streamed
}}
params w: real[5] = 0
hyper l2: positive = 0.01
train {{ loss = mean((z @ w - 1) ^ 2) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 4  steps = 6 }}
tune {{ minimize = mean((z @ w - 1) ^ 2) on valid  update = sgd(rate: 0.1)  steps = 1 }}
"""
    program = drmadc.compile_text(text)
    data = program.emitted.data
    assert isinstance(data.raw["train"]["x"], np.memmap)
    largest = 0
    gather = gather_host

    def watched(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        nonlocal largest
        largest = max(largest, len(rows))
        return gather(array, rows)

    monkeypatch.setattr("drmadc_runtime.data.resident.gather_host", watched)
    monkeypatch.setattr("drmadc_runtime.program.outer_data.CHUNK", 40 * 20)
    streamed = program.hypergradient(program.hypers)
    assert largest == 40
    monkeypatch.setattr("drmadc_runtime.data.statistics.CHUNK", 40 * 20)
    resident = drmadc.compile_text(text.replace("streamed", "resident")).hypergradient(program.hypers)
    assert streamed.value == resident.value
    assert streamed.gradient["l2"] == resident.gradient["l2"]


SPEC = """
data d {{
  source = digits()
  x: real[64] = flatten(image) / 16
  split  = {{ train: 40, valid: 20 }}
  {feed}
}}
params w: real[64] = 0.1
hyper l2: positive = 0.01
train {{ loss = mean(x @ w) ^ 2 + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = {batch}  steps = 3 }}
tune {{ minimize = mean(x @ w) ^ 2 on {split}  reverse = {reverse}  update = sgd(rate: 0.1)  steps = 1 }}
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"batch": "all"}, "`batch = all` reads the whole split at each step"),
        ({"split": "train"}, "an expression `on train` reads the whole split"),
        ({"reverse": "implicit(cg: 3)"}, "computes Hessian products over the whole split"),
        ({"feed": "feed = fast"}, "`feed` must be `resident` or `streamed`"),
    ],
)
def test_what_cannot_be_streamed(changed: dict[str, str], message: str) -> None:
    fields = {"feed": "feed = streamed", "batch": "4", "split": "valid", "reverse": "exact(store)", **changed}
    with pytest.raises(drmadc.SpecError) as caught:
        drmadc.compile_text(SPEC.format(**fields))
    assert message in str(caught.value)
    assert len(caught.value.diagnostics) == 1


def test_what_is_too_large_for_the_device_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"feed": "", "batch": "4", "split": "valid", "reverse": "exact(store)"}
    assert not drmadc.compile_text(SPEC.format(**fields)).ir.streamed
    monkeypatch.setattr("drmadc.compiler.passes.data.feeding.SHARE", 1000)
    assert drmadc.compile_text(SPEC.format(**fields)).ir.streamed
    assert not drmadc.compile_text(SPEC.format(**{**fields, "batch": "all"})).ir.streamed
