"""What does a hypergradient cost, over plain training, on the same compiled step?

    taskset -c 0 python benchmarks/hypergradient.py [--steps 100 500 2000 10000] [--repeats 5]

Experiment 1 (specs/mnist_l2.drm: MLP 784-50-50-50-10, batch 50, 934 penalties at exp(-4.4)). For each number of
training steps: plain training, training + drmad(knots: 2), + drmad(knots: 16), + exact(store). Columns: median
seconds, factor over plain training of the same length, compile seconds (cold), peak memory of the compiled program
beyond its arguments (XLA's own analysis), cosine with the exact hypergradient, adjoint growth.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import drmadc
import drmadc_runtime as rt

SPEC = Path(__file__).parent.parent / "specs" / "mnist_l2.drm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 500, 2000, 10000])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    device = jax.devices()[0].device_kind
    print(f"{processor()}, {device}, jax {jax.__version__}, Python {platform.python_version()}")
    head = ("steps", "program", "seconds", "times plain", "compile s", "memory MB", "cosine", "growth")
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
    session = program.session
    module = session.module
    with session.precision():
        args = (session.cast(program.hypers), jnp.int32(0), *session.data(0))
        plain = compiled(lambda *a: module["train"](*a, keep=None)[0], args)
        keeps = {
            "drmad(knots: 2)": rt.Knots(2, ("w",), ()),
            "drmad(knots: 16)": rt.Knots(16, ("w",), ()),
            "exact(store)": rt.Store(("w",), ()),
        }
        programs = {"plain training": plain}
        for name, keep in keeps.items():
            programs[f"+ {name}"] = compiled(
                lambda *a, keep=keep: module["hypergradient"](*a, keep=keep), args
            )
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        results: dict[str, Any] = {}
        for repeat in range(repeats + 1):
            for name, (run, _, _) in programs.items():
                start = time.perf_counter()
                results[name] = jax.block_until_ready(run(*args))
                if repeat:
                    seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["plain training"])
    exact = np.asarray(results["+ exact(store)"].gradient["l2"] * args[0]["l2"], np.float64)
    rows = []
    for name, (_, compile_seconds, megabytes) in programs.items():
        median = statistics.median(seconds[name])
        row = [f"{steps}", name, f"{median:.3f}", f"{median / base:.2f}", f"{compile_seconds:.1f}", f"{megabytes:.1f}"]
        if name == "plain training":
            row += ["", ""]
        else:
            gradient = np.asarray(results[name].gradient["l2"] * args[0]["l2"], np.float64)
            cosine = gradient @ exact / np.linalg.norm(gradient) / np.linalg.norm(exact)
            row += [f"{cosine:.4f}", f"{float(results[name].growth):.3g}"]
        rows.append(tuple(row))
    return rows


def compiled(function: Any, args: tuple[Any, ...]) -> tuple[Any, float, float]:
    """The compiled function, seconds to trace and compile it, and its temporary and output memory in MB."""
    start = time.perf_counter()
    run = jax.jit(function).lower(*args).compile()
    seconds = time.perf_counter() - start
    memory = run.memory_analysis()
    return run, seconds, (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 1e6


if __name__ == "__main__":
    main()
