"""What does every reverse strategy cost, how well was that predicted, and how near is it to the exact hypergradient?

    taskset -c 0 python benchmarks/strategies.py [--net small wide] [--steps 500 2000 10000] [--repeats 3]

Two networks on MNIST, one L2 penalty for each input unit at exp(-4.4), heavy ball with rate .05 and momentum .95:
`small` is experiment 1 (784-50-50-50-10, batch 50, 934 penalties), `wide` 784-1024-1024-10, batch 128. Within one run,
for each strategy: least seconds of one hypergradient over plain training of the same length, objective included; the
prediction of `drmadc plan`; peak memory of the compiled program beyond its arguments (XLA's own analysis) and its
prediction; cosine and norm ratio with the exact hypergradient; growth of the adjoint. Compilation is not counted.
"""

import argparse
import gc
import platform
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from hypergradient import plain_training, processor

import drmadc
from drmadc.compiler.passes.strategy.cost import cost
from drmadc_runtime.adjoints.store import Store

SPEC = Path(__file__).parent.parent / "specs" / "drmad" / "l2.drm"
STRATEGIES = [
    "exact(store)",
    "exact(checkpoint)",
    "exact(tree)",
    "drmad(knots: 2)",
    "drmad(knots: 17)",
    "drmad(knots: 17, progress: on)",
    "drmad(knots: 2, curvature: gauss_newton)",
    "drmad(knots: 17, curvature: gauss_newton)",
    "drmad(knots: 2, curvature: auto)",
    "drmad(knots: 17, curvature: auto)",
    "drmad(knots: 17, steps: T / 10)",
    "drmad(paper)",
    "flow(knots: 41, batch: 500)",
    "flow(knots: 17, batch: 2000)",
    "flow(knots: 41, batch: 2000)",
    "flow(knots: 41, segments: 40, products: 480, batch: 2000)",
    "truncated(steps: 200)",
    "implicit(neumann: 20)",
    "implicit(cg: 20)",
]
REFERENCE = "exact(checkpoint)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--net", nargs="+", choices=["small", "wide"], default=["small", "wide"])
    parser.add_argument("--steps", type=int, nargs="+", default=[500, 2000, 10000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=STRATEGIES, help="strategies to measure")
    parser.add_argument("--override", nargs="+", default=[], help="settings of the spec, such as l2=0.01")
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    device = jax.devices()[0].device_kind
    print(f"{processor()}, {device}, jax {jax.__version__}, Python {platform.python_version()}")
    head = "net|steps|strategy|times plain|predicted|memory MB|predicted|cosine|norm|growth"
    print(f"| {head.replace('|', ' | ')} |\n|{'---|' * (head.count('|') + 1)}")
    for net in options.net:
        for steps in options.steps:
            measure(
                net, steps, options.repeats, [REFERENCE, *(s for s in options.only if s != REFERENCE)], options.override
            )


def source(net: str) -> str:
    """The spec of experiment 1, or of the wide network."""
    text = SPEC.read_text()
    if net == "wide":
        text = text.replace("  h3 = tanh(dense(h2, 50))\n", "").replace("dense(h3, 10)", "dense(h2, 10)")
        text = text.replace(", 50))", ", 1024))").replace("batch  = 50", "batch  = 128")
        text = text.replace("  image(l2 of mlp.h1, 28, 28)\n", "")
    return text


def measure(net: str, steps: int, repeats: int, strategies: list[str], more: list[str]) -> None:
    """Print the rows of one network and length; plain training runs before and after each strategy."""
    data: Any = None
    exact: Any = None
    run_plain: Any = None
    for strategy in strategies:
        overrides = [f"train.steps={steps}", f"l2={np.exp(-4.4)}", f"tune.reverse={strategy}", *more]
        try:
            program = drmadc.compile_text(source(net), f"{net}.drm", overrides)
        except drmadc.SpecError as error:
            print(f"| {net} | {steps} | {strategy} | {error.diagnostics[0].message()} |" + " |" * 6, flush=True)
            continue
        executor = program.executor
        module, policy = executor.program, executor.program.policy
        with executor.precision():
            data = data or executor.data(0)
            executor.outer_data.keep(0, data[0])
            args = (executor.cast(program.hypers), jnp.int32(0), *data)
            if run_plain is None:
                run_plain = plain_training(module)
                jax.block_until_ready(run_plain(*args))
            memory = compiled_memory(module, policy, args)
            plain, seconds = [], []
            for repeat in range(repeats + 1):
                start = time.perf_counter()
                jax.block_until_ready(run_plain(*args))
                middle = time.perf_counter()
                result = executor.evaluate(args[0], 0, policy)
                if repeat:
                    plain.append(middle - start)
                    seconds.append(time.perf_counter() - middle)
        gradient = np.asarray(result.gradient["l2"] * args[0]["l2"], np.float64)
        exact = gradient if exact is None else exact
        sizes = np.linalg.norm(gradient), np.linalg.norm(exact)
        cosine = gradient @ exact / sizes[0] / sizes[1]
        predicted = cost(program.ir)
        factor = min(seconds) / min(plain)
        cells = [net, f"{steps}", strategy, f"{factor:.2f}", f"{predicted.work:.2f}", f"{memory / 1e6:.1f}"]
        cells += [f"{predicted.memory / 1e6:.1f}", f"{cosine:.4f}", f"{sizes[0] / sizes[1]:.3g}"]
        cells.append(f"{float(result.growth):.3g}")
        print("| " + " | ".join(cells) + " |", flush=True)
        del program, executor, module, result
        gc.collect()
        jax.clear_caches()
        run_plain = None


def compiled_memory(module: Any, policy: Any, args: tuple[Any, ...]) -> int:
    """Temporary and output bytes of the compiled hypergradient; a stored path counts, any other is dropped."""

    def whole(*args: Any) -> Any:
        result = module.hypergradient(*args, policy=policy)
        return result if isinstance(policy, Store) else result._replace(path=None)

    analysis = jax.jit(whole).lower(*args).compile().memory_analysis()
    return int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)


if __name__ == "__main__":
    main()
