"""Compile time and memory of a hypergradient over the number of training steps: both should be flat for DrMAD.

python benchmarks/length.py [SPEC] [--steps 500 5000 50000] [override ...]
"""

import argparse
import time
from typing import Any

import jax
import jax.numpy as jnp

import drmadc


def measure(program: drmadc.Program) -> tuple[float, float]:
    """Seconds that XLA takes to compile the hypergradient, and megabytes that it needs beside its arguments."""
    executor = program.executor

    def hypergradient(hypers: Any, outer: jax.Array, *data: Any) -> Any:
        return executor.program.hypergradient(hypers, outer, *data)[:2]

    with executor.precision():
        arguments = (executor.cast(program.hypers), jnp.int32(0), *executor.data(0))
        lowered = jax.jit(hypergradient).lower(*arguments)
        start = time.perf_counter()
        compiled = lowered.compile()
        seconds = time.perf_counter() - start
    memory: Any = compiled.memory_analysis()
    return seconds, (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("spec", nargs="?", default="specs/torch/l2.drm")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--steps", type=int, nargs="+", default=[500, 5000, 50000])
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    print("steps   compile      memory")
    for steps in options.steps:
        program = drmadc.compile_file(options.spec, [f"train.steps={steps}", *options.overrides])
        seconds, memory = measure(program)
        print(f"{steps:>6}  {seconds:>6.2f} s  {memory:>7.2f} MB")


if __name__ == "__main__":
    main()
