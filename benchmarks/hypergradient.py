"""What does a hypergradient cost, over plain training, on the same compiled step?

    taskset -c 0 python benchmarks/hypergradient.py [--steps 100 500 2000 10000] [--repeats 5]

Experiment 1 (specs/drmad/l2.drm: MLP 784-50-50-50-10, batch 50, 934 penalties at exp(-4.4)). For each number of
training steps: plain training; one evaluation, which is training and the outer objective over 5,000 examples; training
+ drmad(knots: 2), + drmad(knots: 17), + exact(store), objective included. Columns: least seconds, factor over plain
training and over one evaluation of the same length, compile seconds (cold), peak memory of the compiled program beyond
its arguments (XLA's own analysis), cosine with the exact hypergradient, adjoint growth.
"""

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import drmadc
import drmadc_runtime as rt

KEEPS = {
    "drmad(knots: 2)": rt.Knots(2, ("w",), ()),
    "drmad(knots: 17)": rt.Knots(17, ("w",), ()),
    "exact(store)": rt.Store(("w",), ()),
}
SPEC = Path(__file__).parent.parent / "specs" / "drmad" / "l2.drm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 500, 2000, 10000])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    device = jax.devices()[0].device_kind
    print(f"{processor()}, {device}, jax {jax.__version__}, Python {platform.python_version()}")
    head = ["steps", "program", "seconds", "times plain", "times evaluation"]
    head += ["compile s", "memory MB", "cosine", "growth"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for steps in options.steps:
        for row in measure(steps, options.repeats):
            print("| " + " | ".join(row) + " |", flush=True)


def processor() -> str:
    """The name of the processor, as the kernel gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def measure(steps: int, repeats: int) -> list[tuple[str, ...]]:
    """Rows of the table for one number of steps; the programs run in turn, so that drift hits all alike."""
    program = drmadc.compile_file(SPEC, [f"train.steps={steps}", f"l2={np.exp(-4.4)}"])
    executor = program.executor
    module = executor.program
    with executor.precision():
        hypers = executor.cast(program.hypers)
        args = (hypers, jnp.int32(0), *executor.data(0))
        run_plain = plain_training(module)
        runs: dict[str, Any] = {"plain training": lambda: run_plain(*args)}
        cost = {"plain training": compile_cost(run_plain, args)}
        evaluate = jax.jit(module.trained_objective)
        runs["one evaluation"] = lambda: evaluate(*args)
        cost["one evaluation"] = compile_cost(evaluate, args)
        for name, policy in KEEPS.items():
            runs[f"+ {name}"] = lambda policy=policy: executor.evaluate(hypers, 0, policy)
            whole = jax.jit(lambda *a, policy=policy: module.hypergradient(*a, policy=policy))
            cost[f"+ {name}"] = compile_cost(whole, args)
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        results: dict[str, Any] = {}
        for repeat in range(repeats + 1):
            for name, run in runs.items():
                start = time.perf_counter()
                results[name] = jax.block_until_ready(run())
                if repeat:
                    seconds[name].append(time.perf_counter() - start)
    base, evaluation = (min(seconds[name]) for name in ("plain training", "one evaluation"))
    exact = np.asarray(results["+ exact(store)"].gradient["l2"] * args[0]["l2"], np.float64)
    rows = []
    for name, (compile_seconds, megabytes) in cost.items():
        least = min(seconds[name])
        row = [f"{steps}", name, f"{least:.3f}", f"{least / base:.2f}", f"{least / evaluation:.2f}"]
        row += [f"{compile_seconds:.1f}", f"{megabytes:.1f}"]
        if not name.startswith("+"):
            row += ["", ""]
        else:
            gradient = np.asarray(results[name].gradient["l2"] * args[0]["l2"], np.float64)
            cosine = gradient @ exact / np.linalg.norm(gradient) / np.linalg.norm(exact)
            row += [f"{cosine:.4f}", f"{float(results[name].growth):.3g}"]
        rows.append(tuple(row))
    return rows


def plain_training(module: Any) -> Any:
    """Training alone, nothing kept; all strategies train alike."""

    def run(hypers: Any, outer: Any, *data: Any) -> Any:
        start, forward_step = module.training(hypers, outer, *data)
        return rt.forward_pass(forward_step, start, module.steps, None)[0]

    return jax.jit(run)


def compile_cost(function: Any, args: tuple[Any, ...]) -> tuple[float, float]:
    """Seconds to trace and compile a jitted function, and its temporary and output memory in MB."""
    start = time.perf_counter()
    memory = function.lower(*args).compile().memory_analysis()
    seconds = time.perf_counter() - start
    return seconds, (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 1e6


if __name__ == "__main__":
    main()
