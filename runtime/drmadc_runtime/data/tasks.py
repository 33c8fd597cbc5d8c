"""Data of several tasks: alphabets of characters, split by drawers, as a function of (seed, outer)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from drmadc_common.omniglot import DRAWERS
from drmadc_runtime.core.random import permutation_host
from drmadc_runtime.core.trees import Tree
from drmadc_runtime.data.resident import Rows
from drmadc_runtime.data.sources.bundled import Images, omniglot

Copies = Literal["none", "rotated", "flipped"]
POOL, DRAW = 2, 3


@dataclass(frozen=True)
class Tasks:
    """Alphabets as tasks; `drawers` of each character go to each split.

    Drawers of a split named test are drawn once, the others for each outer step where `redraw` is set. `copies` adds
    each alphabet again, its images rotated by 90 degrees or mirrored. Tasks with fewer characters are filled up with
    copies whose label is -1, which losses leave out. With `sampled`, each outer step has one task, and arrays have
    no task axis.
    """

    alphabets: str
    seed: int
    drawers: Mapping[str, int]
    copies: Copies = "none"
    redraw: bool = False
    sampled: bool = False

    def fetch(self, info: Callable[[str], None]) -> None:
        """Nothing: the alphabets ship with this package."""

    @property
    def text(self) -> str:
        """The alphabets, and the drawers of the splits, in words."""
        sizes = ", ".join(f"{name} {size}" for name, size in self.drawers.items())
        return f"omniglot({self.alphabets}), drawers {sizes}"

    def draw_of(self, outer: int) -> int:
        """What of the outer step the data depend on."""
        return outer if self.redraw or self.sampled else 0

    def splits(self, outer: int) -> dict[str, dict[str, Rows]]:
        """Raw arrays of every split: split -> field -> [tasks, n, ...], or [n, ...] of the sampled task."""
        tasks = self._images()
        most = max(len(task) for task in tasks)
        chosen = range(len(tasks))
        if self.sampled:
            task = int(permutation_host(self.seed, outer, len(tasks), DRAW)[0])
            chosen = range(task, task + 1)
        chunks = [self._task(number, tasks[number], most, outer) for number in chosen]
        out: dict[str, dict[str, Rows]] = {}
        for split in self.drawers:
            fields = {name: np.stack([piece[split][name] for piece in chunks]) for name in ("image", "label")}
            out[split] = {name: values[0] for name, values in fields.items()} if self.sampled else fields
        return out

    def _images(self) -> list[Images]:
        images = list(omniglot(self.alphabets))
        match self.copies:
            case "rotated":
                return [*images, *(np.rot90(task, axes=(2, 3)) for task in images)]
            case "flipped":
                return [*images, *(task[..., ::-1] for task in images)]
            case _:
                return images

    def _task(self, number: int, images: Images, most: int, outer: int) -> dict[str, dict[str, Rows]]:
        """One task's splits, each character's drawers drawn on their own."""
        ends = np.cumsum([0, *self.drawers.values()])
        orders = np.stack([self._order(number * most + c, outer) for c in range(len(images))])
        out: dict[str, dict[str, Rows]] = {}
        for place, split in enumerate(self.drawers):
            rows = orders[:, ends[place] : ends[place + 1]]
            picked = np.take_along_axis(images, rows[:, :, None, None], axis=1)
            labels = np.repeat(np.arange(len(images), dtype=np.int32), rows.shape[1])
            repeated = np.arange(most * rows.shape[1]) % labels.size
            void = np.arange(repeated.size) >= labels.size
            flat = picked.reshape(labels.size, *picked.shape[2:])
            out[split] = {"image": flat[repeated], "label": np.where(void, -1, labels[repeated]).astype(np.int32)}
        return out

    def _order(self, character: int, outer: int) -> npt.NDArray[np.int64]:
        """The drawers of a character in the order of the splits."""
        fixed = permutation_host(self.seed, character, DRAWERS, POOL)
        test = self.drawers.get("test", 0)
        held, pool = fixed[:test], fixed[test:]
        if self.redraw:
            pool = pool[permutation_host(self.seed + outer + 1, character, len(pool), POOL)]
        others = iter(pool)
        parts = [held if split == "test" else [next(others) for _ in range(n)] for split, n in self.drawers.items()]
        return np.concatenate([np.asarray(part, np.int64) for part in parts])


def all_tasks(raw: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """The examples of all tasks as those of one: [tasks, n, ...] -> [tasks * n, ...]."""
    return {name: jnp.reshape(values, (-1, *values.shape[2:])) for name, values in raw.items()}


def mix_tasks(matrix: jax.Array, tree: Tree) -> Tree:
    """Each task's parameters as a mixture: W[s] = sum_r matrix[s, r] Z[r] (Maclaurin et al. 2015, section 3.5)."""
    return Tree({name: jnp.tensordot(matrix, values, 1) for name, values in tree.items()})
