"""What progress inside a training run costs: the same hypergradient with and without somebody who watches.

    taskset -c 0 python benchmarks/watching.py

A call back costs too little to be seen beside the noise of a run, so a third executor is called back twenty times as
often, and the cost of a call is what that takes longer, divided by its calls.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import drmadc
from drmadc_runtime.execution.progress import Watcher, interval
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.program.training_runs import pace

SPEC = Path(__file__).parent.parent / "specs" / "drmad" / "l2.drm"
MORE = 20


def main() -> None:
    """Print the cost of a call, and what the calls of a run are of its time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--steps", type=int, default=4000)
    options = parser.parse_args()
    program = drmadc.compile_file(SPEC, (f"train.steps={options.steps}",))
    module = program.emitted
    every = interval(pace(Executor(module), program.hypers).seconds)
    calls = {"plain": 0, "watched": 0, "often": 0}

    def watcher(name: str, every: int) -> Watcher:
        def report(way: str, t: int, value: float) -> None:
            calls[name] += 1

        return Watcher(max(1, every), report)

    executors = {
        "plain": Executor(module),
        "watched": Executor(module, watcher("watched", every)),
        "often": Executor(module, watcher("often", every // MORE)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in executors}
    for turn in range(options.turns + 1):
        for name, executor in executors.items():
            start = time.perf_counter()
            executor.evaluate(program.hypers, 0)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    medians = {name: median(found) for name, found in seconds.items()}
    each = {name: count // (options.turns + 1) for name, count in calls.items()}
    for name, value in medians.items():
        best = min(seconds[name])
        print(f"{name:<8} {each[name]:>4} calls  {value:.3f} s (median of {options.turns}), best {best:.3f} s")
    cost = (medians["often"] - medians["plain"]) / each["often"]
    print(f"a call: {1000 * cost:.2f} ms; watched: {100 * cost * each['watched'] / medians['plain']:.2f} % of the time")


if __name__ == "__main__":
    main()
