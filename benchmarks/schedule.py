"""Schedules for 100 training steps: does tuning by gradient beat a search at equal compute?

    pip install '.[benchmarks]'
    python benchmarks/schedule.py                  # seeds 11 to 15
    python benchmarks/schedule.py --seeds 3 4

`specs/mnist_schedule.drm` as it is, 48 outer steps, against what a search reaches with as many training runs (see
equal_compute.py): a cosine whose peak is the best of eight; TPE over five numbers, the peak, momentum, warm-up and end
of a cosine and the scale of initial weights; the same five with Adam as the update rule. A searched schedule has a
value for each step, ours ten.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from equal_compute import Candidate, Hypers, Setting, chosen, finite, table, tpe

SPEC = (Path(__file__).parent.parent / "specs" / "mnist_schedule.drm").read_text()
EACH_STEP = SPEC.replace("step(bins: 10)", "step")
ADAM = "train.update=adam(rate: rate, beta1: momentum, beta2: 0.99)"
PEAKS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
START = {"warmup": 0.0, "end": 0.01, "momentum": 0.9, "scale": 0.1}
OURS = "drmadc, 168 numbers by gradient"


def cosine(peak: float, warmup: float, end: float, steps: int = 100) -> np.ndarray:
    """A straight line up to `peak` in that fraction of the steps, then half a cosine down to `end` times the peak."""
    t = (np.arange(steps) + 0.5) / steps
    down = end + (1 - end) * (1 + np.cos(np.pi * np.clip((t - warmup) / (1 - warmup), 0, 1))) / 2
    return peak * np.where(t < warmup, t / max(warmup, 1e-9), down)


def alike(setting: Setting, rate: np.ndarray, momentum: float, scale: float) -> Hypers:
    """The same schedule for every parameter array."""
    shape = setting.start["rate"].shape
    return {
        "rate": np.broadcast_to(rate[:, None], shape),
        "momentum": np.full(shape, momentum),
        "scale": np.full(shape[1:], scale),
    }


def five_numbers(setting: Setting, low: float, high: float, trial: optuna.Trial) -> Hypers:
    """A warmed-up cosine whose peak lies between the bounds."""
    peak = trial.suggest_float("peak", low, high, log=True)
    warmup = trial.suggest_float("warmup", 0, 0.5)
    end = trial.suggest_float("end", 0.001, 1, log=True)
    momentum = trial.suggest_float("momentum", 0, 0.98)
    scale = trial.suggest_float("scale", 0.02, 0.3, log=True)
    return alike(setting, cosine(peak, warmup, end), momentum, scale)


def told(setting: Setting, hypers: Hypers, trial: int) -> tuple[float, float]:
    """Objective and guard of a training on draws of its own, as each outer step has them."""
    values = setting.measure(hypers, trial)
    return values["objective"], values["guard"]


def ours(setting: Setting) -> list[Candidate]:
    """The outer steps of a run of the spec, as `drmadc run` makes it."""
    with tempfile.TemporaryDirectory() as folder:
        run = setting.program.run(out=Path(folder) / "run", quiet=True)
        steps = [np.load(run.path / "hypers" / f"{row['outer']:05}.npz") for row in run.metrics]
        return [
            Candidate(finite(float(row["guard"])), dict(step)) for row, step in zip(run.metrics, steps, strict=True)
        ]


def figure(run: Path, target: Path) -> None:
    """Draw the rates and momenta of a run's best step, a line for each array; `specs/mnist_schedule.png`."""
    from matplotlib.figure import Figure

    hypers = np.load(run / "hypers.npz")
    drawn = Figure(figsize=(9, 3), layout="constrained")
    for axes, name in zip(drawn.subplots(1, 2), ("rate", "momentum"), strict=True):
        for i, layer in enumerate(("h1", "h2", "h3", "out")):
            for j, (array, style) in enumerate((("weight", "-"), ("bias", ":"))):
                values, edges = hypers[name][:, 2 * i + j], np.arange(0, 101, 10)
                axes.stairs(values, edges, baseline=None, label=f"{layer}.{array}", color=f"C{i}", linestyle=style)
        axes.set_xlabel("training step")
        axes.set_ylabel(name)
    drawn.axes[0].set_yscale("log")
    drawn.axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    drawn.savefig(target, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13, 14, 15])
    parser.add_argument("--figure", type=Path, nargs=2, metavar=("RUN", "PNG"), help="only draw what a run has found")
    options = parser.parse_args()
    if options.figure:
        figure(*options.figure)
        return
    results: dict[str, list[dict[str, float]]] = {}
    runs: dict[str, float] = {}
    factor = 0.0

    def keep(name: str, setting: Setting, candidates: list[Candidate], cost: float) -> None:
        results.setdefault(name, []).append(setting.fresh(chosen(candidates)))
        runs[name] = cost
        print(f"seed {seed}, {name}: {results[name][-1]}", flush=True)

    for seed in options.seeds:
        tuned = Setting(SPEC, f"train.seed={seed}")
        each_step = Setting(EACH_STEP, f"train.seed={seed}")
        adam = Setting(EACH_STEP, f"train.seed={seed}", ADAM)
        factor = factor or tuned.factor()
        found = ours(tuned)
        cost = factor * len(found)
        third = len(found) // 3
        curves = [alike(each_step, cosine(peak, 0, 0), 0.9, 0.1) for peak in PEAKS]
        hand = [Candidate(finite(each_step.measure(h, draw)["guard"]), h) for draw, h in enumerate(curves)]
        keep("cosine, the best of 8 peaks", each_step, hand, len(hand))
        ball, rule = partial(five_numbers, each_step, 0.03, 15), partial(five_numbers, adam, 0.001, 0.3)
        of_ball = tpe(ball, partial(told, each_step), round(cost), seed, {"peak": 3.2, **START})
        keep("TPE, 5 numbers", each_step, of_ball, cost)
        of_adam = tpe(rule, partial(told, adam), round(cost), seed, {"peak": 0.01, **START})
        keep("TPE, 5 numbers, Adam as the rule, a third of the runs", adam, of_adam[: round(cost / 3)], cost / 3)
        keep("TPE, 5 numbers, Adam as the rule", adam, of_adam, cost)
        keep(f"{OURS}, a third of the runs", tuned, found[:third], factor * third)
        keep(OURS, tuned, found, cost)
    print(f"\na hypergradient takes {factor:.2f} training runs\n\n{table(results, runs, OURS)}")


if __name__ == "__main__":
    main()
