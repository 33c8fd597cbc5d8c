"""Penalties where labels are few: none, one for the network, one for each layer, one for each input, at equal compute.

    pip install '.[benchmarks]'
    python benchmarks/penalties.py                  # seeds 11 to 15
    python benchmarks/penalties.py --seeds 3 4

`specs/mnist_l2.drm` as it is against the best of 13 shared penalties and TPE over one for each layer with as many
training runs. Everybody is told the objective on five folds of 2,000 digits, and the candidate with the lowest is
trained on all 2,000, on draws that nobody has used, before test is read (see equal_compute.py; there is no guard).
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from statistics import mean

import numpy as np
import optuna
from equal_compute import Candidate, Hypers, Setting, chosen, finite, table, tpe

SPEC = (Path(__file__).parent.parent / "specs" / "mnist_l2.drm").read_text()
FOLDS = 5
GRID = np.geomspace(1e-5, 1e-2, 13)
INPUTS = (784, 50, 50, 50)
OURS = "drmadc, each input"


def for_each_layer(trial: optuna.Trial) -> Hypers:
    """One penalty for each of the four layers."""
    values = [trial.suggest_float(f"layer{i}", 1e-6, 1e-1, log=True) for i in range(len(INPUTS))]
    return {"l2": np.repeat(values, INPUTS)}


def cross_validated(setting: Setting, hypers: Hypers) -> float:
    """The mean objective of five folds; the same draws for every candidate, so that only the penalties differ."""
    return finite(mean(setting.measure(hypers, fold)["objective"] for fold in range(FOLDS)))


def told(setting: Setting, hypers: Hypers, trial: int) -> tuple[float, float]:
    """What TPE is told is also what decides."""
    value = cross_validated(setting, hypers)
    return value, value


def ours(setting: Setting) -> tuple[list[Candidate], list[Candidate]]:
    """The outer steps of the spec's two stages, as `drmadc run` makes them."""
    with tempfile.TemporaryDirectory() as folder:
        run = setting.program.run(out=Path(folder) / "run", quiet=True)
        steps = [dict(np.load(run.path / "hypers" / f"{row['outer']:05}.npz")) for row in run.metrics]
    found = [Candidate(finite(float(row["objective"])), step) for row, step in zip(run.metrics, steps, strict=True)]
    layers = setting.program.emitted.stages[0].steps
    return found[:layers], found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13, 14, 15])
    options = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {}
    runs: dict[str, float] = {}
    factor = 0.0

    def keep(name: str, hypers: Hypers, cost: float) -> None:
        results.setdefault(name, []).append(setting.pooled(hypers, ("train", "valid")))
        runs[name] = cost
        print(f"seed {seed}, {name}: {results[name][-1]}", flush=True)

    for seed in options.seeds:
        setting = Setting(SPEC, f"train.seed={seed}")
        factor = factor or setting.factor()
        layers, inputs = ours(setting)
        cost = factor * len(inputs)
        shared = [{"l2": np.full(sum(INPUTS), value)} for value in GRID]
        grid = [Candidate(cross_validated(setting, hypers), hypers) for hypers in shared]
        start = {f"layer{i}": 3e-4 for i in range(len(INPUTS))}
        searched = tpe(for_each_layer, partial(told, setting), round(cost), seed, start)
        keep("no penalty", {"l2": np.full(sum(INPUTS), 1e-8)}, 0)
        keep("as the spec starts, .0003", setting.start, 0)
        keep("one for the network, the best of 13", chosen(grid), FOLDS * len(grid))
        keep("one for each layer, TPE", chosen(searched), FOLDS * cost)
        keep("one for each layer, drmadc", chosen(layers), FOLDS * factor * len(layers))
        keep(OURS, chosen(inputs), FOLDS * cost)
    print(f"\na hypergradient takes {factor:.2f} training runs\n\n{table(results, runs, OURS)}")


if __name__ == "__main__":
    main()
