"""What progress inside a training run costs: the same hypergradient with and without somebody who watches.

python benchmarks/watching.py
"""

import argparse
import time
from pathlib import Path
from statistics import median

import drmadc
from drmadc_runtime.progress import Watcher, interval
from drmadc_runtime.session import Session

SPEC = Path(__file__).parent.parent / "specs" / "mnist_l2.drm"


def main() -> None:
    """Print the ratio of medians, the two taken in turns."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--steps", type=int, default=8000)
    options = parser.parse_args()
    program = drmadc.compile_file(SPEC, (f"train.steps={options.steps}",))
    module = program.session.module
    ticks: list[tuple[str, int, float]] = []
    pace = Session(module).pace(program.hypers)
    watch = Watcher(interval(pace), lambda *tick: ticks.append(tick))
    sessions = {"plain": Session(module), "watched": Session(module, watch)}
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(options.turns + 1):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.evaluate(program.hypers, 0)
            if turn:
                seconds[name].append(time.perf_counter() - start)
    medians = {name: median(found) for name, found in seconds.items()}
    print(f"{options.steps} steps, {len(ticks) // (options.turns + 1)} calls in each hypergradient")
    for name, value in medians.items():
        print(f"{name:<8} {value:.3f} s (median of {options.turns}), best {min(seconds[name]):.3f} s")
    best = {name: min(found) for name, found in seconds.items()}
    ratios = {"medians": medians, "best": best}
    print("watched / plain: " + ", ".join(f"{r['watched'] / r['plain']:.3f} of {n}" for n, r in ratios.items()))


if __name__ == "__main__":
    main()
