"""How fast are minibatches made, forwards and backwards, against other loaders, on this machine?

    python benchmarks/loaders.py               # needs torch and grain for the rows that name them
    python benchmarks/loaders.py --training    # streamed against resident training of specs/drmad/l2.drm

Each loader makes the same kind of minibatch of pictures like CIFAR-10's, 32 by 32 by 3 bytes, 50,000 of them: gather at
random, flip, crop with a margin of 4, numbers as float32, minus mean over standard deviation of each channel. Loaders
take turns; a figure is the median of the turns. The share of bandwidth counts the bytes of a finished minibatch over
what copying memory reaches in the same run.
"""

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import drmadc
import drmadc_runtime as rt

COUNT, MARGIN, SEED = 50_000, 4, 0
MEAN, STD = np.float32([125.3, 123.0, 113.9]), np.float32([63.0, 62.1, 66.7])
GEOMETRIC = {"image": (("flip", 0), ("crop", MARGIN))}
IMAGES = np.random.default_rng(0).integers(0, 255, (COUNT, 32, 32, 3)).astype(np.uint8)
Loader = Callable[[int, int], Iterator[Any]]


def pictures() -> dict[str, Any]:
    """What the spec's `python("benchmarks.loaders:pictures", ...)` would read."""
    return {"image": IMAGES, "label": np.arange(COUNT) % 10}


def feed(batch: int, steps: int) -> rt.Feed:
    data = rt.Data(
        source="python",
        seed=SEED,
        options={"function": f"{__name__}:pictures", "train": COUNT},
        fields={"image": "byte[32, 32, 3]"},
        from_train={"train": COUNT},
    )
    return rt.Feed(data, SEED, batch, steps, "without_replacement", geometric=GEOMETRIC)


@jax.jit
def finished(images: jax.Array) -> jax.Array:
    return (images.astype(jnp.float32) - MEAN) / STD


def streamed(batch: int, steps: int, backwards: bool = False) -> Iterator[Any]:
    """Blocks as a streamed run gets them, with the numbers made on the device."""
    source = feed(batch, steps)
    numbers = range(-(-steps // source.length))
    for number in reversed(numbers) if backwards else numbers:
        block = source.served(0, number)["image"]
        for row in reversed(range(len(block))) if backwards else range(len(block)):
            yield finished(block[row])


def streamed_back(batch: int, steps: int) -> Iterator[Any]:
    return streamed(batch, steps, backwards=True)


def resident(batch: int, steps: int) -> Iterator[Any]:
    """As a resident run: gather, moves and numbers in one compiled function."""
    there = jax.device_put(IMAGES)

    @jax.jit
    def minibatch(images: jax.Array, t: jax.Array) -> jax.Array:
        rows = rt.shuffled_rows(SEED, jnp.int32(0), t, batch, COUNT)
        raw = rt.geometric({"image": jnp.take(images, rows, axis=0)}, GEOMETRIC, rt.augmentation_key(SEED, 0, t))
        return finished(raw["image"])

    for t in range(steps):
        yield minibatch(there, jnp.int32(t))


def numpy_indexing(batch: int, steps: int) -> Iterator[Any]:
    """Plain NumPy: fancy indexing for the gather, and for crops and flips of a whole minibatch at once."""
    draws = np.random.default_rng(0)
    order = draws.permutation(COUNT)
    padded = np.pad(IMAGES, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    span = np.arange(32)
    for t in range(steps):
        rows = order[np.arange(t * batch, (t + 1) * batch) % COUNT]
        down, right = draws.integers(0, 2 * MARGIN + 1, (2, batch))
        columns = np.where(draws.random(batch)[:, None] < 0.5, span, span[::-1])
        cut = padded[rows[:, None, None], (down[:, None] + span)[:, :, None], (right[:, None] + columns)[:, None, :]]
        yield (cut.astype(np.float32) - MEAN) / STD


def numpy_slices(batch: int, steps: int) -> Iterator[Any]:
    """NumPy as people write it: fancy indexing for the gather, a slice for each picture."""
    draws = np.random.default_rng(0)
    order = draws.permutation(COUNT)
    for t in range(steps):
        pixels = IMAGES[order[np.arange(t * batch, (t + 1) * batch) % COUNT]]
        out = np.zeros_like(pixels)
        for i in range(batch):
            picture = pixels[i, :, ::-1] if draws.random() < 0.5 else pixels[i]
            wide = np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
            down, right = draws.integers(0, 2 * MARGIN + 1, 2)
            out[i] = wide[down : down + 32, right : right + 32]
        yield (out.astype(np.float32) - MEAN) / STD


def torch_loader(workers: int) -> Loader:
    """PyTorch's DataLoader, with transforms of each picture as torchvision makes them of tensors."""
    import torch

    mean, std = (torch.from_numpy(x)[:, None, None] for x in (MEAN, STD))

    class Pictures(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, i: int) -> Any:
            picture = torch.from_numpy(IMAGES[i]).permute(2, 0, 1)
            if torch.rand(()) < 0.5:
                picture = picture.flip(-1)
            wide = torch.nn.functional.pad(picture, (MARGIN,) * 4)
            down, right = torch.randint(0, 2 * MARGIN + 1, (2,)).tolist()
            return (wide[:, down : down + 32, right : right + 32].float() - mean) / std

    def load(batch: int, steps: int) -> Iterator[Any]:
        made = 0
        while made < steps:
            for minibatch in torch.utils.data.DataLoader(Pictures(), batch, shuffle=True, num_workers=workers):
                yield minibatch
                made += 1
                if made == steps:
                    return

    return load


def grain_loader(batch: int, steps: int) -> Iterator[Any]:
    """Grain's MapDataset with the same transforms."""
    import grain.python as grain

    def transform(i: int, draws: np.random.Generator) -> Any:
        picture = IMAGES[i]
        if draws.random() < 0.5:
            picture = picture[:, ::-1]
        wide = np.pad(picture, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
        down, right = draws.integers(0, 2 * MARGIN + 1, 2)
        return (wide[down : down + 32, right : right + 32].astype(np.float32) - MEAN) / STD

    dataset = grain.MapDataset.range(COUNT).shuffle(seed=0).seed(0).random_map(transform).repeat().batch(batch)
    for _, minibatch in zip(range(steps), dataset.to_iter_dataset(), strict=False):
        yield minibatch


def bandwidth() -> float:
    """Bytes a second that copying 256 MB reaches, read and written; the best of five."""
    source, target = np.ones(1 << 28, np.uint8), np.empty(1 << 28, np.uint8)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = max(best, 2 * source.nbytes / (time.perf_counter() - start))
    return best


def rate(loader: Loader, batch: int, steps: int) -> float:
    """Pictures a second; the first minibatch, which compiles or starts processes, is not counted."""
    minibatches = loader(batch, steps + 1)
    jax.block_until_ready(next(minibatches))
    start = time.perf_counter()
    (last,) = deque(minibatches, maxlen=1)
    jax.block_until_ready(last)
    return batch * steps / (time.perf_counter() - start)


def compare(turns: int) -> None:
    ours: dict[str, Loader] = {"streamed": streamed, "streamed, backwards": streamed_back, "resident": resident}
    others: dict[str, Loader] = {"NumPy, fancy indexing": numpy_indexing, "NumPy, a slice each": numpy_slices}
    try:
        others |= {"DataLoader, 0 workers": torch_loader(0), "DataLoader, 2 workers": torch_loader(2)}
    except ImportError:
        print("torch is not installed: no rows of DataLoader")
    try:
        import grain.python  # noqa: F401

        others["grain"] = grain_loader
    except ImportError:
        print("grain is not installed: no row of it")
    speed = bandwidth()
    print(f"memory: {speed / 1e9:.1f} GB/s copied (read and written), {jax.devices()[0].device_kind}")
    for batch in (128, 1024):
        rates: dict[str, list[float]] = {name: [] for name in (*ours, *others)}
        for _ in range(turns):
            for name, loader in (ours | others).items():
                examples = 400_000 if name in ours else 100_000 if "indexing" in name else 25_000
                rates[name].append(rate(loader, batch, max(2, examples // batch)))
                gc.collect()
                time.sleep(2)  # threads of a loader that has stopped may still be filling its buffers
        print(f"\nminibatches of {batch}\n{'loader':<24} {'images/s':>12} {'bandwidth':>10} {'streamed is':>12}")
        base = statistics.median(rates["streamed"])
        for name, found in rates.items():
            median = statistics.median(found)
            share = median * 32 * 32 * 3 * 4 / speed
            print(f"{name:<24} {median:>12,.0f} {share:>9.1%} {base / median:>11.1f}x")


def training(turns: int) -> None:
    """A hypergradient of experiment 1, its minibatches streamed and resident, taking turns."""
    programs = {}
    for how in ("resident", "streamed"):
        programs[how] = drmadc.compile_file("specs/drmad/l2.drm", (f"mnist.feed={how}",))
        programs[how].hypergradient(programs[how].hypers)
    seconds: dict[str, list[float]] = {how: [] for how in programs}
    for _ in range(turns):
        for how, program in programs.items():
            start = time.perf_counter()
            program.hypergradient(program.hypers)
            seconds[how].append(time.perf_counter() - start)
    for how, found in seconds.items():
        print(f"{how}: {statistics.median(found):.3f} s ({min(found):.3f} to {max(found):.3f})")
    medians = [statistics.median(found) for found in seconds.values()]
    best = [min(found) for found in seconds.values()]
    print(f"streamed / resident: {medians[1] / medians[0]:.3f} of medians, {best[1] / best[0]:.3f} of the best")


FIRST = """
import time
import benchmarks.loaders as loaders
source = loaders.feed(128, 1000)
source.data.raw
start = time.perf_counter()
source.served(0, 0)
print(time.perf_counter() - start)
"""


def first_batch() -> None:
    """Seconds to the first block in a fresh process, with Numba's kernels compiled before and not."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": str(Path.cwd())}
        for title in ("not compiled before", "compiled before"):
            command = [sys.executable, "-c", FIRST]
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            print(f"first block, kernels {title}: {float(done.stdout):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--training", action="store_true", help="streamed against resident training")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    if given.training:
        training(given.turns)
        return
    compare(given.turns)
    print()
    first_batch()


if __name__ == "__main__":
    main()
